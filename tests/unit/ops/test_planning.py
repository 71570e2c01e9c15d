"""Planning: every object exactly once, whatever the pages, the waves, the chunks and the characters of the keys."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any
from unittest.mock import patch
from urllib.parse import quote_plus

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from status_tracker_ops.bulk.inputs import BadInputError
from status_tracker_ops.bulk.planning import CHUNK_BYTES, CHUNK_ITEMS, in_chunks
from status_tracker_ops.bulk.report import report
from status_tracker_ops.intake.backfill import plan_backfill
from status_tracker_ops.settings import BulkSettings
from tests.unit.ops.fake_s3 import FakeS3

SETTINGS = BulkSettings(
    "results", bulk_tasks_per_second=100, bulk_max_concurrency=10, bulk_tolerated_failures=5, bucket="documents"
)
# Step Functions gives a child execution at most so much input.
MOST_INPUT_BYTES = 256 * 1024

keys = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12).filter(
    lambda key: len(key.encode()) <= 1024
)
sizes = st.integers(1, 7)


def planned_items(s3: FakeS3, given_input: dict[str, Any], seconds: Callable[[], float]) -> list[dict[str, Any]]:
    """The items of all chunks of all waves, in their order."""
    found: list[dict[str, Any]] = []
    progress: dict[str, Any] = {}
    while True:
        event = {"input": given_input, "execution": "e", "started": "2026-03-02T09:00:00Z", "progress": progress}
        planned = json.loads(json.dumps(plan_backfill(s3, SETTINGS, event, seconds)))  # type: ignore[arg-type]
        if planned["chunks"]:
            chunks = json.loads(s3.objects["results", planned["chunks_key"]])
            assert len(chunks) == planned["chunks"]
            found += [item for chunk in chunks for item in chunk["items"]]
        if not planned["more"]:
            assert planned["progress"]["counts"]["planned"] == len(found)
            return found
        assert planned["progress"]["cursor"] != progress.get("cursor")
        progress = planned["progress"]


@given(st.sets(keys, max_size=25), keys, sizes, sizes, sizes, st.booleans())
@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_every_object_under_a_prefix_is_planned_once(
    found: set[str], prefix: str, page: int, wave: int, chunk: int, in_a_hurry: bool
) -> None:
    s3 = FakeS3(page)
    under = {prefix + key for key in found} | {prefix}
    for key in under | found:
        s3.put_object(Bucket="documents", Key=key, Body=key.encode())
    with (
        patch("status_tracker_ops.bulk.runs.WAVE_ITEMS", wave),
        patch("status_tracker_ops.bulk.planning.CHUNK_ITEMS", chunk),
    ):
        items = planned_items(s3, {"prefix": prefix}, lambda: 1 if in_a_hurry else 900)
    expected = sorted(key for key in under | found if key.startswith(prefix))
    assert [item["key"] for item in items] == expected
    assert all(item["size"] == len(item["key"].encode()) for item in items)


FORMATS: dict[str, Callable[[list[str]], str]] = {
    "array": lambda given_keys: json.dumps(given_keys, ensure_ascii=False, indent=1),
    "lines": lambda given_keys: "\n".join(map(json.dumps, given_keys)),
    "objects": lambda given_keys: "".join(
        f"{json.dumps({'key': key}, ensure_ascii=False)}\r\n\n" for key in given_keys
    ),
    "inventory": lambda given_keys: "".join(f'"documents","{quote_plus(key)}"\n' for key in given_keys),
}


@pytest.mark.parametrize("name", FORMATS)
@given(given_keys=st.lists(keys, min_size=1, max_size=25), wave=sizes, chunk=sizes, in_a_hurry=st.booleans())
@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_every_entry_of_a_manifest_is_planned_once_in_its_order(
    name: str, given_keys: list[str], wave: int, chunk: int, in_a_hurry: bool
) -> None:
    s3 = FakeS3()
    s3.put_object(Bucket="results", Key="manifests/m", Body=FORMATS[name](given_keys).encode())
    with (
        patch("status_tracker_ops.bulk.runs.WAVE_ITEMS", wave),
        patch("status_tracker_ops.bulk.planning.CHUNK_ITEMS", chunk),
    ):
        items = planned_items(s3, {"manifest": "s3://results/manifests/m"}, lambda: 1 if in_a_hurry else 900)
    assert [item["key"] for item in items] == given_keys


@given(st.binary(max_size=300))
@settings(deadline=None)
def test_any_bytes_are_read_to_their_end_or_refused(body: bytes) -> None:
    s3 = FakeS3()
    s3.put_object(Bucket="results", Key="manifests/m", Body=body)
    event = {
        "input": {"manifest": "s3://results/manifests/m"},
        "execution": "e",
        "started": "2026-03-02T09:00:00Z",
        "progress": {},
    }
    try:
        planned = plan_backfill(s3, SETTINGS, event, lambda: 900)  # type: ignore[arg-type]
    except BadInputError:
        return
    assert planned["more"] is False
    chunks = json.loads(s3.objects.get(("results", planned["chunks_key"]), b"[]"))
    refused = json.loads(s3.objects.get(("results", planned["chunks_key"].replace("chunks", "refused")), b"[]"))
    count = planned["progress"]["counts"]["planned"]
    assert count == sum(len(chunk["items"]) for chunk in chunks) + len(refused)
    assert all(entry["reason"] for entry in refused)


@given(st.lists(st.integers(1, 70_000), max_size=40))
@settings(deadline=None)
def test_chunks_fit_into_the_input_of_a_child_and_lose_nothing(lengths: list[int]) -> None:
    items = [{"task_id": "é" * length} for length in lengths]
    chunks = list(in_chunks(items))
    assert [item for chunk in chunks for item in chunk] == items
    for chunk in chunks:
        assert 1 <= len(chunk) <= CHUNK_ITEMS
        assert len(json.dumps(chunk, ensure_ascii=False).encode()) <= CHUNK_BYTES or len(chunk) == 1
    assert CHUNK_BYTES + 16 * 1024 <= MOST_INPUT_BYTES


def test_a_hundred_of_the_longest_keys_and_ids_fit() -> None:
    worst = [{"key": "\x01" * 1024, "etag": "e" * 40, "size": 5 * 1024**4}, {"task_id": "\x01" * 2048}]
    for item in worst:
        chunks = list(in_chunks([item] * CHUNK_ITEMS))
        assert max(len(json.dumps(chunk).encode()) for chunk in chunks) < CHUNK_BYTES + 16 * 1024


@given(st.lists(st.sampled_from(["done", "dies", "fails"]), min_size=1, max_size=12), st.integers(0, 12))
@settings(deadline=None)
def test_what_failed_is_counted_whole_and_told_whole(fates: list[str], tolerated: int) -> None:
    """Chunks of one object, each of which works, dies without a report, or reports that it failed."""
    s3 = FakeS3()
    for number in range(len(fates)):
        s3.put_object(Bucket="documents", Key=f"{number:02}", Body=b"")
    event = {
        "input": {"prefix": "", "tolerated_failures": tolerated},
        "execution": "e",
        "started": "2026-03-02T09:00:00Z",
        "progress": {},
    }
    with patch("status_tracker_ops.bulk.planning.CHUNK_ITEMS", 1):
        planned = plan_backfill(s3, SETTINGS, event, lambda: 900)  # type: ignore[arg-type]
    folder = planned["chunks_key"].removesuffix("chunks.json")
    for number, fate in enumerate(fates):
        failed = [{"key": f"{number:02}", "reason": "r"}] if fate == "fails" else []
        content = {"counts": {} if failed else {"created": 1}, "failed": failed, "left_alone": []}
        if fate != "dies":
            key = f"{folder}reports/{number + 1:05}.json"
            s3.put_object(Bucket="results", Key=key, Body=json.dumps(content).encode())
    reported = report(s3, planned)  # type: ignore[arg-type]
    lost = [f"{number:02}" for number, fate in enumerate(fates) if fate != "done"]
    assert reported["summary"]["counts"]["failed"] == len(lost)
    assert reported["summary"]["counts"].get("created", 0) == len(fates) - len(lost)
    assert reported["next"] == ("failed" if len(lost) > tolerated else "done")
    if lost:
        told = s3.objects["results", reported["summary"]["failed"].removeprefix("s3://results/")].decode()
        assert sorted(json.loads(line)["key"] for line in told.splitlines()) == lost
