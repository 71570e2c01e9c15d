"""What docs/backfill.md tells: its inputs are taken, and its figures are those of the code."""

from __future__ import annotations

import importlib
import json
import re
from pathlib import Path

import pytest

from tests.handlers.support import DOCUMENT_BUCKET, ENVIRONMENT, RESULT_BUCKET

TEXT = (Path(__file__).parents[2] / "docs" / "backfill.md").read_text("utf-8")


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)


def inputs() -> list[dict[str, object]]:
    plain = [found.replace("\\\n", "") for found in re.findall(r"--input '(\{.*?\})'", TEXT)]
    quoted = re.findall(r'--input "(\{.*\})"', TEXT)
    named = [each.replace('\\"', '"').replace("$(outputs ResultBucketName)", RESULT_BUCKET) for each in quoted]
    return [json.loads(found) for found in plain + named]


def test_the_inputs_are_taken() -> None:
    backfilling, acting = (
        importlib.import_module(f"status_tracker_ops.{name}") for name in ("intake.backfill", "bulk.acting")
    )
    settings = importlib.import_module("status_tracker_ops.settings").BulkSettings(
        RESULT_BUCKET, 100, 10, 100, DOCUMENT_BUCKET
    )
    pipeline = importlib.import_module("documents.tasks").PIPELINE
    on_tasks = [given for given in inputs() if "filter" in given]
    backfills = [given for given in inputs() if "filter" not in given]
    assert (len(backfills), len(on_tasks)) == (2, 4)
    for given in backfills:
        backfilling.BackfillRequest.parse(given, settings)
    for action in acting.FOLDERS:
        for given in on_tasks:
            acting.BulkRequest.parse(pipeline, action, given, "name", "2026-03-02T09:00:00.000Z", settings)


def test_every_field_is_told() -> None:
    backfilling, acting = (
        importlib.import_module(f"status_tracker_ops.{name}") for name in ("intake.backfill", "bulk.acting")
    )
    told = {name for row in re.findall(r"^\| (`.*?) \|", TEXT, re.MULTILINE) for name in re.findall(r"`(\w+)`", row)}
    assert told == {*backfilling._FIELDS, *acting._FIELDS, *acting._OF_DELETIONS}


def test_the_figures_are_those_of_the_code() -> None:
    waves, work = (
        importlib.import_module("status_tracker_ops.bulk.planning"),
        importlib.import_module("status_tracker_ops.bulk.work"),
    )
    runs, manifests = (
        importlib.import_module("status_tracker_ops.bulk.runs"),
        importlib.import_module("status_tracker_ops.intake.manifests"),
    )
    assert f"up to {waves.WAVE_ITEMS:,} items" in TEXT
    assert f"{waves.CHUNK_ITEMS} items\neach, and at most {waves.CHUNK_BYTES // 1024} KiB" in TEXT
    assert (work.ROUNDS, runs.SAMPLE_SIZE) == (3, 10)
    assert f"may have {manifests.LARGEST_ARRAY_BYTES // 1024**2} MB" in TEXT
    assert 1_000_000 / waves.WAVE_ITEMS == 20
    assert 1_000_000 / waves.CHUNK_ITEMS == 10_000
    assert waves.SECONDS_TO_SPARE == 120
