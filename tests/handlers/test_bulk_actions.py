"""Bulk cancel and bulk deletion: from a filter to tasks that are set aside, or gone with all that they had."""

from __future__ import annotations

import importlib
import json
import re
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

import status_tracker as st
from samples import make_samples
from tests.handlers.bulk import Machine
from tests.handlers.support import DOCUMENT_BUCKET, RESULT_BUCKET, FakeContext

if TYPE_CHECKING:
    from tests.handlers.support import Application, Log

INVOICE = (Path(make_samples.__file__).with_name("documents") / "invoice-1001.pdf").read_bytes()
LATER = "2099-01-01T00:00:00.000Z"
NOT_WANTED = {"filter": {"statuses": ["pending", "in_progress", "failed"]}, "reason": "a wrong delivery", "by": "ann"}
FORGET = {"filter": {"statuses": ["ignored"]}, "reason": "asked to forget them", "by": "ann"}


@pytest.fixture
def cancelling(app: Application, monkeypatch: pytest.MonkeyPatch) -> Machine:
    return machine_of(app, monkeypatch, "cancel")


@pytest.fixture
def deleting(app: Application, monkeypatch: pytest.MonkeyPatch) -> Machine:
    return machine_of(app, monkeypatch, "delete")


def machine_of(app: Application, monkeypatch: pytest.MonkeyPatch, action: str) -> Machine:
    module = importlib.import_module(f"status_tracker_ops.deployed.bulk_{action}")
    report = importlib.import_module("status_tracker_ops.deployed.bulk_report")
    monkeypatch.setattr(time, "sleep", lambda _: None)
    return Machine(app.s3, module.plan, getattr(module, action), report.handler, started=LATER)


def set_aside(app: Application, *task_ids: str) -> list[str]:
    for task_id in task_ids:
        app.tasks.ExtractTask.ignore(task_id, reason="not wanted")
    return list(task_ids)


def objects(app: Application, bucket: str) -> set[str]:
    return {found["Key"] for found in app.s3.list_objects_v2(Bucket=bucket).get("Contents", [])}


def results(app: Application) -> set[str]:
    return {key for key in objects(app, RESULT_BUCKET) if not key.startswith(("deletions/", "cancellations/"))}


def stop_executions_with(app: Application, monkeypatch: pytest.MonkeyPatch, error: Exception | None) -> list[str]:
    """Have every stop of an execution raise that; returns of which tasks it was asked."""
    asked: list[str] = []

    def recall(_cls: object, task: Any) -> None:
        asked.append(task.task_id)
        if error is not None:
            raise error

    for step in app.tasks.PIPELINE:
        monkeypatch.setattr(step.task_class, "recall", classmethod(recall))
    return asked


def test_tasks_of_every_step_are_cancelled_with_their_runs(
    app: Application, cancelling: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever they are doing: a worker that holds one is told at its next write."""
    waiting, extracted, ended, held = (app.register(f"{name}.pdf", INVOICE) for name in "abcd")
    for task_id in (extracted, ended):
        app.extract(task_id)
    app.answer(ended)
    stopped = stop_executions_with(app, monkeypatch, None)
    with pytest.raises(st.TaskLockLostError, match="a wrong delivery"), app.tasks.ExtractTask.start(held):
        summary = cancelling.run(NOT_WANTED, execution="cancelled")
    assert summary["counts"] == {"planned": 3, "done": 3, "failed": 0}
    assert {app.task(each).status for each in (waiting, held)} == {50}
    assert [app.tasks.AnswerTask.get_one_or_none(each).status_name for each in (extracted, ended)] == [
        "ignored",
        "succeeded",
    ]
    assert sorted(stopped) == sorted([waiting, extracted, held])
    [action] = app.task(waiting).errors["actions"]
    told = (action["action"], action["id"], action["reason"], action["by"])
    assert told == ("cancel", "cancelled", "a wrong delivery", "ann")


def test_a_dry_run_counts_and_changes_nothing(app: Application, cancelling: Machine, deleting: Machine) -> None:
    waiting = app.register("a.pdf", INVOICE)
    everything = {**FORGET, "filter": {"statuses": ["pending"]}, "dry_run": True}
    for machine in (cancelling, deleting):
        summary = machine.run(everything)
        assert summary["counts"] == {"planned": 1, "failed": 0}
        assert summary["sample"] == [{"task_id": waiting}]
    assert app.task(waiting).status_name == "pending"


def test_a_run_that_could_not_be_stopped_has_failed_and_the_same_run_id_stops_it(
    app: Application, cancelling: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is set aside by then, and matches no more."""
    waiting = app.register("a.pdf", INVOICE)
    given = {**NOT_WANTED, "run_id": "wrong-1", "tolerated_failures": 0}
    stop_executions_with(app, monkeypatch, ClientError({"Error": {"Code": "ThrottlingException"}}, "StopExecution"))
    failed = cancelling.run(given)
    assert failed["failure"]["Error"] == "TooManyFailures"
    assert "its run may go on until it meets that: ClientError" in cancelling.failed(failed)[0]["reason"]
    assert app.task(waiting).status_name == "ignored"
    stopped = stop_executions_with(app, monkeypatch, None)
    untouched = set_aside(app, app.register("b.pdf", INVOICE))
    again = cancelling.run(given, execution="e-2")
    assert again["counts"] == {"planned": 1, "repeated": 1, "failed": 0}
    assert (stopped, len(untouched), len(app.task(waiting).errors["actions"])) == ([waiting], 1, 1)


def test_tasks_are_deleted_with_documents_and_results(app: Application, deleting: Machine, log: Log) -> None:
    kept, *forgotten = (app.register(f"{name}.pdf", INVOICE) for name in "abc")
    for task_id in (kept, *forgotten):
        app.extract(task_id)
    of_kept = {key for key in results(app) if key in app.task(kept).data["extracted"]["result"]}
    for task_id in forgotten:
        app.tasks.AnswerTask.ignore(task_id, reason="not wanted")
    summary = deleting.run(FORGET, execution="forget")
    assert summary["counts"] == {"planned": 2, "done": 2, "failed": 0}
    assert [app.task(task_id) for task_id in forgotten] == [None, None]
    assert objects(app, DOCUMENT_BUCKET) == {"a.pdf"}
    assert results(app) == of_kept != set()
    told = [line for line in log.lines() if line["message"] == "Acted on a task"]
    assert sorted(line["task_id"] for line in told) == sorted(forgotten)
    assert {(each["reason"], each["by"], each["request_id"]) for each in told} == {
        ("asked to forget them", "ann", "forget")
    }


def test_a_chunk_that_is_repeated_deletes_nothing_twice(app: Application, deleting: Machine) -> None:
    """What the function that died had deleted is gone: nothing to be told of. Made again since, it is another task."""
    gone, left = set_aside(app, *(app.register(f"{name}.pdf", INVOICE) for name in "ab"))
    planned = deleting.planned({**FORGET, "run_id": "forget-1"})
    [chunk] = deleting.chunks(planned)
    deleting.work_on({**chunk, "items": [{"task_id": gone}]})
    assert deleting.work_on(chunk) is None
    summary = deleting.report(planned, FakeContext())["summary"]
    assert summary["counts"] == {"planned": 2, "done": 1, "vanished": 1, "failed": 0}
    assert (summary["left_alone"], app.task(left)) == (None, None)


def test_a_deletion_that_was_stopped_half_way_is_completed_under_its_run_id(
    app: Application, deleting: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two waves: what was set aside and not deleted, and what matches; the second one goes on behind the first."""
    monkeypatch.setattr("status_tracker_ops.bulk.runs.WAVE_ITEMS", 2)
    tasks = [app.register(f"{name}.pdf", INVOICE) for name in "abcde"]
    given = {**FORGET, "filter": {"statuses": ["pending"]}, "run_id": "forget-1"}
    for task_id in tasks[:3]:  # as by a function that was killed behind its first write
        app.tasks.ExtractTask.act_if(
            task_id, "delete", lambda _: None, reason="asked to forget them", by="ann", request_id="forget-1"
        )
    others = set_aside(app, app.register("other.pdf", INVOICE))
    summary = deleting.run(given, execution="e-2")
    assert summary["counts"] == {"planned": 5, "done": 5, "failed": 0}
    assert [app.task(task_id) for task_id in tasks] == [None] * 5
    assert app.task(others[0]).status_name == "ignored"
    assert objects(app, DOCUMENT_BUCKET) == {"other.pdf"}


def test_planning_in_parts_passes_by_what_others_have_set_aside(app: Application, deleting: Machine) -> None:
    """However many they are, and though none of them is of this run id."""
    others = set_aside(app, *(app.register(f"{name}.pdf", INVOICE) for name in "abc"))
    gone = app.register("d.pdf", INVOICE)
    app.tasks.ExtractTask.act_if(
        gone, "delete", lambda _: None, reason="asked to forget it", by="ann", request_id="forget-1"
    )
    given = {**FORGET, "filter": {"statuses": ["pending"]}, "run_id": "forget-1"}
    no_time = FakeContext(remaining_milliseconds=1000)
    first = deleting.planned(given, context=no_time)
    assert (first["more"], first["chunks"], first["progress"]["counts"]) == (True, 0, {"planned": 0})
    assert deleting.run(given, context=no_time)["counts"] == {"planned": 1, "done": 1, "failed": 0}
    assert (app.task(gone), {app.task(each).status_name for each in others}) == (None, {"ignored"})


def test_what_a_worker_holds_is_left_alone_or_cancelled_first(app: Application, deleting: Machine) -> None:
    held = app.register("a.pdf", INVOICE)
    given = {**FORGET, "filter": {"statuses": ["in_progress"]}, "run_id": "forget-1"}
    with pytest.raises(st.TaskLockLostError), app.tasks.ExtractTask.start(held):
        assert deleting.run(given)["counts"] == {"planned": 1, "locked": 1, "failed": 0}
        assert app.task(held).status_name == "in_progress"
        cancelled = deleting.run({**given, "cancel": True}, execution="e-2")
        assert cancelled["counts"] == {"planned": 1, "locked": 1, "failed": 0}
        key = cancelled["left_alone"].removeprefix(f"s3://{RESULT_BUCKET}/")
        [line] = app.s3.get_object(Bucket=RESULT_BUCKET, Key=key)["Body"].read().decode().splitlines()
        assert json.loads(line)["outcome"] == "locked"
    assert app.task(held).status_name == "ignored"


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"cancel": True}, 'the unknown "cancel": the fields are filter, reason, by, run_id'),
        ({"filter": {"statuses": ["done"]}}, "done"),
        ({"filter": {"statuses": [77]}}, "77"),
        ({"filter": {"statuses": "ignored"}}, "give a list of statuses"),
        ({"reason": ""}, "reason is"),
    ],
)
def test_bad_input_is_refused(cancelling: Machine, changes: dict[str, Any], reason: str) -> None:
    assert re.search(re.escape(reason), cancelling.run({**NOT_WANTED, **changes})["refused"])
