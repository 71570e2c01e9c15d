"""Backfill: from a prefix or a manifest to tasks and executions."""

from __future__ import annotations

import importlib
import json
import random
import re
import time
from typing import TYPE_CHECKING, Any
from urllib.parse import quote_plus

import pytest

from tests.handlers.bulk import Machine
from tests.handlers.support import DOCUMENT_BUCKET, RESULT_BUCKET, FakeContext
from tests.handlers.test_intake import KEYS

if TYPE_CHECKING:
    from tests.handlers.support import Application, MetricsReader

HALF_CHARACTER = "\ud800"


@pytest.fixture
def machine(app: Application, monkeypatch: pytest.MonkeyPatch) -> Machine:
    backfill, report = (
        importlib.import_module("status_tracker_ops.deployed.backfill"),
        importlib.import_module("status_tracker_ops.deployed.bulk_report"),
    )
    monkeypatch.setattr(time, "sleep", lambda _: None)
    return Machine(app.s3, backfill.plan, backfill.register, report.handler)


@pytest.fixture
def small_waves(monkeypatch: pytest.MonkeyPatch) -> None:
    """Waves of four objects, in chunks of two."""
    monkeypatch.setattr("status_tracker_ops.bulk.runs.WAVE_ITEMS", 4)
    monkeypatch.setattr("status_tracker_ops.bulk.planning.CHUNK_ITEMS", 2)


def put(app: Application, *keys: str) -> list[str]:
    """Objects of which nothing was told; the ids of their tasks."""
    etags = [app.s3.put_object(Bucket=DOCUMENT_BUCKET, Key=key, Body=key.encode())["ETag"].strip('"') for key in keys]
    return [f"{key}#{etag}" for key, etag in zip(keys, etags, strict=True)]


def put_manifest(app: Application, body: str | bytes, key: str = "manifests/keys.jsonl") -> str:
    content = body.encode() if isinstance(body, str) else body
    app.s3.put_object(Bucket=RESULT_BUCKET, Key=key, Body=content)
    return f"s3://{RESULT_BUCKET}/{key}"


def started(app: Application) -> list[str]:
    return sorted(json.loads(execution["input"])["task_id"] for execution in app.executions())


@pytest.mark.usefixtures("small_waves")
def test_every_object_under_the_prefix_becomes_a_task_and_an_execution(
    app: Application, machine: Machine, metrics: MetricsReader
) -> None:
    tasks = put(app, *(f"2025/{key}" for key in KEYS), *(f"2025/{number}.pdf" for number in range(5)))
    put(app, "2024/other.pdf", "2025.pdf")
    summary = machine.run({"prefix": "2025/"})
    assert summary["counts"] == {"planned": 11, "created": 11, "failed": 0}
    assert summary["failed"] is None
    assert started(app) == sorted(tasks)
    for task_id in tasks:
        task = app.task(task_id)
        assert (task.status_name, f"{task.data['key']}#{task.data['etag']}") == ("pending", task_id)
    assert metrics.counts("Backfill") == {"TaskCreated": 11, "NotRegistered": 0}
    assert machine.stored(summary["report"].removeprefix(f"s3://{RESULT_BUCKET}/")) == summary


def test_a_second_backfill_starts_nothing(app: Application, machine: Machine) -> None:
    tasks = put(app, "a.pdf", "b.pdf")
    machine.run({"prefix": ""})
    again = machine.run({"prefix": ""}, execution="e-2")
    assert again["counts"] == {"planned": 2, "existing": 2, "failed": 0}
    assert started(app) == sorted(tasks)


def test_a_dry_run_counts_and_shows_and_starts_nothing(app: Application, machine: Machine) -> None:
    put(app, "a.pdf", "b.pdf")
    address = put_manifest(app, '"a.pdf"\nrubbish\n"b.pdf"\n')
    for given, failed in (({"prefix": ""}, 0), ({"manifest": address}, 1)):
        summary = machine.run({**given, "dry_run": True}, execution=str(failed))
        assert summary["counts"] == {"planned": 2 + failed, "failed": failed}
        assert [each["key"] for each in summary["sample"]] == ["a.pdf", "b.pdf"]
    assert app.executions() == []


def test_it_is_what_intake_does_with_the_event(app: Application, machine: Machine) -> None:
    event = app.upload("invoice.pdf", b"content")
    machine.run({"prefix": ""})
    [task_id] = started(app)
    before = app.task(task_id).data
    assert app.intake(json.dumps(event)) == []
    assert started(app) == [task_id]
    assert before == {"bucket": DOCUMENT_BUCKET, "key": "invoice.pdf", "etag": task_id.partition("#")[2], "size": 7}


def test_a_task_that_has_ended_is_not_started_even_when_its_execution_is_forgotten(
    app: Application, machine: Machine
) -> None:
    step, steps = app.tasks.ExtractTask, app.tasks.PIPELINE.steps
    ended = [*(each.statuses["ignored"] for each in steps), steps[-1].statuses["succeeded"]]
    for task_id, status in zip(put(app, *(f"{code}.pdf" for code in ended)), ended, strict=True):
        step.make_and_save(task_id, data={}).update([step.status.set(status)])
    count = len(steps) + 1
    assert machine.run({"prefix": ""})["counts"] == {"planned": count, "existing": count, "failed": 0}
    assert app.executions() == []


def test_a_task_whose_first_start_was_lost_is_started(app: Application, machine: Machine) -> None:
    [task_id] = put(app, "a.pdf")
    app.tasks.ExtractTask.make_and_save(task_id, data={})
    machine.run({"prefix": ""})
    assert started(app) == [task_id]


def test_a_prefix_with_nothing_under_it_ends_well(machine: Machine) -> None:
    summary = machine.run({"prefix": "nothing/"})
    assert (summary["counts"], summary["failed"]) == ({"planned": 0, "failed": 0}, None)


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ([], r"The input is \[\]: expected an object"),
        ("prefix", "expected an object"),
        ({}, "Expected either prefix or manifest"),
        ({"prefix": "a/", "manifest": "s3://x/y"}, "Expected either prefix or manifest"),
        ({"prefix": None}, "prefix is null: expected a text"),
        ({"prefix": "p" * 1025}, "at most 1,024 bytes"),
        ({"prefix": HALF_CHARACTER}, "prefix is"),
        ({"prefix": "", "prefixes": []}, 'the unknown "prefixes": the fields are bucket, prefix'),
        ({"bucket": "elsewhere", "prefix": ""}, f'bucket is "elsewhere": only objects in {DOCUMENT_BUCKET}'),
        ({"prefix": "", "max_concurrency": 0}, "max_concurrency is 0: expected a whole number from 1 to 1,000"),
        ({"prefix": "", "max_concurrency": True}, "max_concurrency is true"),
        ({"prefix": "", "tolerated_failures": -1}, "tolerated_failures is -1: expected a whole number from 0"),
        ({"prefix": "", "tolerated_failures": None}, "tolerated_failures is null"),
        ({"manifest": "s3://elsewhere/manifests/a"}, f"such as s3://{RESULT_BUCKET}/manifests/keys.jsonl"),
        ({"manifest": f"s3://{RESULT_BUCKET}/other/a"}, "may read only manifests/ and backfills/"),
        ({"manifest": 7}, "manifest is 7"),
        ({"manifest": f"s3://{RESULT_BUCKET}/manifests/{HALF_CHARACTER}"}, "manifest is"),
        ({"manifest": f"s3://{RESULT_BUCKET}/manifests/none"}, "There is no manifest"),
    ],
)
def test_bad_input_is_refused_at_the_start_with_its_cause(machine: Machine, given: object, reason: str) -> None:
    assert re.search(reason, machine.run(given)["refused"])


def test_the_bucket_may_be_named(app: Application, machine: Machine) -> None:
    put(app, "a.pdf")
    assert machine.run({"bucket": DOCUMENT_BUCKET, "prefix": ""})["counts"]["created"] == 1


def inventory(keys: list[str]) -> str:
    return "".join(f'"{DOCUMENT_BUCKET}","{quote_plus(key, safe="/")}","5"\r\n' for key in keys)


FORMATS = {
    "array": lambda keys: json.dumps(keys, indent=2),
    "array of objects": lambda keys: json.dumps([{"key": key, "size": 1} for key in keys], ensure_ascii=False),
    "lines": lambda keys: "\n".join(json.dumps(key) for key in keys),
    "lines of objects": lambda keys: "".join(f"{json.dumps({'key': key})}\r\n\r\n" for key in keys),
    "byte order mark": lambda keys: "\ufeff" + "\n".join(json.dumps(key, ensure_ascii=False) for key in keys),
    "array with byte order mark": lambda keys: "\ufeff" + json.dumps(keys),
    "inventory": inventory,
}


@pytest.mark.usefixtures("small_waves")
@pytest.mark.parametrize("name", FORMATS)
def test_every_key_of_a_manifest_becomes_a_task(app: Application, machine: Machine, name: str) -> None:
    tasks = put(app, *KEYS)
    put(app, "not meant.pdf")
    address = put_manifest(app, FORMATS[name](KEYS))
    summary = machine.run({"manifest": address})
    assert summary["counts"] == {"planned": len(KEYS), "created": len(KEYS), "failed": 0}
    assert started(app) == sorted(tasks)


@pytest.mark.usefixtures("small_waves")
def test_a_manifest_with_garbage_is_read_to_its_end_and_what_failed_is_told(app: Application, machine: Machine) -> None:
    tasks = put(app, "a.pdf", "b.pdf")
    lines = [
        '"a.pdf"',
        "plain text",
        "[" * 50_000,
        '{"bucket": "elsewhere", "key": "a.pdf"}',
        '"elsewhere","a.pdf"',
        f'"{DOCUMENT_BUCKET}","%ff"',
        '{"name": "a.pdf"}',
        "17",
        '""',
        '"\\ud800"',
        json.dumps("k" * 1025),
        '"a.pdf"',
        '"deleted.pdf"',
        '"b.pdf"',
    ]
    address = put_manifest(app, "\n".join(lines))
    summary = machine.run({"manifest": address, "tolerated_failures": 20})
    assert summary["counts"] == {"planned": 14, "created": 2, "existing": 1, "failed": 11}
    assert started(app) == sorted(tasks)
    failed = machine.failed(summary)
    assert [entry.get("entry") for entry in failed if "entry" in entry] == [2, 3, 4, 5, 6, 7, 8, 9, 10, 11]
    assert {"key": "deleted.pdf", "reason": f"There is no such object in {DOCUMENT_BUCKET}."} in failed
    assert [entry["reason"] for entry in failed if "elsewhere" in entry["reason"]] == [
        f'It is in the bucket "elsewhere": only those in {DOCUMENT_BUCKET} are registered.'
    ] * 2


def test_what_failed_is_the_manifest_of_the_next_backfill(app: Application, machine: Machine) -> None:
    address = put_manifest(app, '["late.pdf"]')
    first = machine.run({"manifest": address})
    assert first["counts"]["failed"] == 1
    tasks = put(app, "late.pdf")
    second = machine.run({"manifest": first["failed"]}, execution="e-2")
    assert second["counts"] == {"planned": 1, "created": 1, "failed": 0}
    assert started(app) == tasks


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "is empty"),
        (b"\x1f\x8b\x08\x00rest", "is compressed: unpack it"),
        (b'["a.pdf"', "begins as a JSON array, but is not one"),
        (b'["\xff"]', "begins as a JSON array, but is not one"),
        (b"[" * 100_000, "begins as a JSON array, but is not one"),
    ],
)
def test_what_is_no_manifest_is_refused(app: Application, machine: Machine, body: bytes, reason: str) -> None:
    assert reason in machine.run({"manifest": put_manifest(app, body)})["refused"]


@pytest.mark.usefixtures("small_waves")
@pytest.mark.parametrize("length", [65_535, 65_536, 65_537, 131_072, 200_000])
@pytest.mark.parametrize("after", ["\n", ""])
def test_a_line_longer_than_any_entry_is_one_entry_that_failed(
    app: Application, machine: Machine, length: int, after: str
) -> None:
    tasks = put(app, "a.pdf", "b.pdf")
    lines = ['"a.pdf"', "é" * 3 + "x" * (length - 6)] + (['"b.pdf"'] if after else [])
    summary = machine.run({"manifest": put_manifest(app, "\n".join(lines) + after), "tolerated_failures": 1})
    assert summary["counts"] == {"planned": len(lines), "created": len(lines) - 1, "failed": 1}
    assert started(app) == sorted(tasks)[: len(lines) - 1]
    [failed] = machine.failed(summary)
    assert failed["entry"] == 2
    assert len(failed["found"]) < 100
    assert ("longer than 65,536 bytes" in failed["reason"]) == (length + len(after) > 65_536)


def test_a_manifest_of_empty_lines_has_nothing_in_it(app: Application, machine: Machine) -> None:
    assert machine.run({"manifest": put_manifest(app, "\n \r\n\n")})["counts"] == {"planned": 0, "failed": 0}


def test_an_array_too_large_to_be_read_at_once_is_refused(
    app: Application, machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("status_tracker_ops.intake.manifests.LARGEST_ARRAY_BYTES", 10)
    refused = machine.run({"manifest": put_manifest(app, '["aaaa", "bbbb"]')})["refused"]
    assert "of 16 bytes, of which at most 10 are read: write it as JSON lines" in refused


@pytest.mark.usefixtures("small_waves")
@pytest.mark.parametrize("body", ['"a"\n"b"\n"c"\n"d"\n"e"\n', '["a", "b", "c", "d", "e"]'])
def test_a_manifest_that_changes_while_it_is_read_fails_the_execution_with_what_was_done(
    app: Application, machine: Machine, body: str
) -> None:
    put(app, "a", "b", "c")
    given = {"manifest": put_manifest(app, body)}
    first = machine.planned(given)
    assert first["more"]
    put_manifest(app, body.replace("e", "f"))
    for chunk in machine.chunks(first):
        machine.work_on(chunk)
    progress = machine.report(first, FakeContext())["progress"]
    second = machine.planned(given, progress)
    assert (second["chunks"], "refused" in second) == (0, False)
    reported = machine.report(second, FakeContext())
    summary = reported["summary"]
    assert reported["next"] == "failed"
    assert reported["failure"]["Error"] == "BadInput"
    assert "was changed while it was read" in reported["failure"]["Cause"]
    assert summary["counts"] == {"planned": 4, "created": 3, "failed": 1}
    assert [entry["key"] for entry in machine.failed(summary)] == ["d"]
    written = machine.stored(summary["report"].removeprefix(f"s3://{RESULT_BUCKET}/"))
    assert written == {**summary, "failure": reported["failure"]}


@pytest.mark.usefixtures("small_waves")
def test_a_manifest_that_is_gone_after_its_first_wave_fails_the_execution(app: Application, machine: Machine) -> None:
    given = {"manifest": put_manifest(app, '"a"\n"b"\n"c"\n"d"\n"e"\n'), "tolerated_failures": 9}
    progress = machine.report(machine.planned(given), FakeContext())["progress"]
    app.s3.delete_object(Bucket=RESULT_BUCKET, Key="manifests/keys.jsonl")
    reported = machine.report(machine.planned(given, progress), FakeContext())
    assert (reported["next"], reported["failure"]["Error"]) == ("failed", "BadInput")
    assert reported["summary"]["counts"] == {"planned": 4, "failed": 4}


def test_more_failures_than_are_tolerated_fail_the_execution(app: Application, machine: Machine) -> None:
    put(app, "a.pdf")
    address = put_manifest(app, json.dumps(["a.pdf", "x", "y", "z"]))
    summary = machine.run({"manifest": address})
    assert summary["failure"]["Error"] == "TooManyFailures"
    assert summary["failure"]["Cause"].startswith("3 failed, 2 are tolerated: see failed.jsonl in s3://")
    assert [entry["key"] for entry in machine.failed(summary)] == ["x", "y", "z"]
    assert len(started(app)) == 1
    assert machine.run({"manifest": address, "tolerated_failures": 3}, execution="e-2")["counts"]["existing"] == 1


@pytest.mark.usefixtures("small_waves")
def test_no_wave_follows_one_with_too_many_failures(app: Application, machine: Machine) -> None:
    address = put_manifest(app, "\n".join(f'"{number}"' for number in range(10)))
    summary = machine.run({"manifest": address, "tolerated_failures": 0})
    assert summary["counts"] == {"planned": 4, "failed": 4}


def test_a_chunk_without_a_report_has_failed(app: Application, machine: Machine) -> None:
    put(app, "a.pdf", "b.pdf")
    planned = machine.planned({"prefix": "", "tolerated_failures": 5})
    reported = machine.report(planned, FakeContext())
    summary = reported["summary"]
    assert summary["counts"] == {"planned": 2, "failed": 2}
    failed = machine.failed(summary)
    assert [entry["key"] for entry in failed] == ["a.pdf", "b.pdf"]
    assert all("left no report" in entry["reason"] for entry in failed)


def test_a_map_that_failed_fails_the_execution_after_its_report(app: Application, machine: Machine) -> None:
    put(app, "a.pdf")
    planned = machine.planned({"prefix": "", "tolerated_failures": 5})
    failure = {"Error": "States.ItemReaderFailed", "Cause": "c" * 2000}
    reported = machine.report({**planned, "failure": failure}, FakeContext())
    assert reported["next"] == "failed"
    assert reported["failure"]["Error"] == "MapFailed"
    assert re.fullmatch("States.ItemReaderFailed: c{900,976}", reported["failure"]["Cause"])


@pytest.mark.usefixtures("small_waves")
def test_whatever_is_repeated_changes_nothing(app: Application, machine: Machine) -> None:
    """A function that was killed after its work, and before its answer, runs a second time."""
    tasks = put(app, "a.pdf", "b.pdf", "c.pdf")
    given = {"prefix": ""}
    first, planned = machine.planned(given), machine.planned(given)
    assert first == planned
    for chunk in machine.chunks(planned) * 2:
        assert machine.work_on(chunk) is None
    reports = [machine.report(planned, FakeContext()) for _ in range(2)]
    assert reports[0] == reports[1]
    assert reports[0]["summary"]["counts"] == {"planned": 3, "existing": 3, "failed": 0}
    assert started(app) == sorted(tasks)


@pytest.mark.usefixtures("small_waves")
def test_two_backfills_at_once_start_everything_once(app: Application, machine: Machine) -> None:
    tasks = put(app, *(f"{number}.pdf" for number in range(3)))
    both = [machine.planned({"prefix": ""}, execution=name) for name in ("e-1", "e-2")]
    chunks = [chunk for planned in both for chunk in machine.chunks(planned)]
    random.Random(1).shuffle(chunks)  # noqa: S311 - an order, no secret
    assert [machine.work_on(chunk) for chunk in chunks] == [None] * 4
    counts = [machine.report(planned, FakeContext())["summary"]["counts"] for planned in both]
    assert sum(count.get("created", 0) for count in counts) == 3
    assert started(app) == sorted(tasks)


def test_an_object_that_is_deleted_after_the_planning_is_no_task_and_is_reported(
    app: Application, machine: Machine
) -> None:
    [task_id] = put(app, "a.pdf")
    planned = machine.planned({"prefix": ""})
    app.s3.delete_object(Bucket=DOCUMENT_BUCKET, Key="a.pdf")
    [chunk] = machine.chunks(planned)
    assert machine.work_on(chunk) is None
    assert app.tasks.ExtractTask.get_one_or_none(task_id, consistent_read=True) is None
    assert machine.report(planned, FakeContext())["summary"]["counts"] == {"planned": 1, "gone": 1, "failed": 0}


def test_planning_stops_before_the_function_does(app: Application, machine: Machine) -> None:
    """With no time to spare each invocation plans one object, and the execution still comes to its end."""
    put(app, "a.pdf", "b.pdf", "c.pdf")
    hurried = FakeContext(remaining_milliseconds=1000)
    summary = machine.run({"prefix": ""}, context=hurried)
    assert summary["counts"] == {"planned": 3, "created": 3, "failed": 0}
    assert len(app.executions()) == 3


def test_a_passing_fault_is_repeated_and_one_that_stays_is_told(
    app: Application, machine: Machine, monkeypatch: pytest.MonkeyPatch, metrics: MetricsReader
) -> None:
    tasks = put(app, "broken.pdf", "good.pdf", "passing.pdf")
    executions = importlib.import_module("status_tracker_ops.executions")
    original, troubled = executions.start_workflow, {tasks[0]: 99, tasks[2]: 2}

    def start(client: Any, arn: str, task_id: str, run: int) -> bool:
        troubled[task_id] = troubled.get(task_id, 0) - 1
        if troubled[task_id] >= 0:
            raise ValueError("throttled")
        started_now: bool = original(client, arn, task_id, run)
        return started_now

    monkeypatch.setattr(executions, "start_workflow", start)
    summary = machine.run({"prefix": ""})
    assert summary["counts"] == {"planned": 3, "created": 1, "existing": 1, "failed": 1}
    assert [entry["reason"] for entry in machine.failed(summary)] == ["ValueError: throttled"]
    assert started(app) == sorted(tasks[1:])
    assert metrics.counts("Backfill") == {"TaskCreated": 1, "NotRegistered": 1}


def test_all_functions_together_keep_to_the_rate(app: Application, machine: Machine) -> None:
    put(app, "a.pdf")
    for concurrency in (1, 10):
        planned = machine.planned({"prefix": "", "max_concurrency": concurrency})
        [chunk] = machine.chunks(planned)
        assert planned["max_concurrency"] * chunk["per_second"] == 1000
