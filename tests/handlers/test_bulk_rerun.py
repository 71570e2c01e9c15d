"""Bulk rerun: from a filter to tasks that run again, once a run id."""

from __future__ import annotations

import importlib
import json
import re
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

import status_tracker as st
from tests.handlers.bulk import Machine
from tests.handlers.support import RESULT_BUCKET, FakeContext

if TYPE_CHECKING:
    from tests.handlers.support import Application

LATER = "2099-01-01T00:00:00.000Z"
GIVEN = {"filter": {"statuses": ["ignored"]}, "reason": "the reader is mended"}


@pytest.fixture
def machine(app: Application, monkeypatch: pytest.MonkeyPatch) -> Machine:
    rerun, report = (
        importlib.import_module("status_tracker_ops.deployed.bulk_rerun"),
        importlib.import_module("status_tracker_ops.deployed.bulk_report"),
    )
    monkeypatch.setattr(time, "sleep", lambda _: None)
    return Machine(app.s3, rerun.plan, rerun.rerun, report.handler, started=LATER)


@pytest.fixture
def small_waves(monkeypatch: pytest.MonkeyPatch) -> None:
    """Waves of four tasks, in chunks of two."""
    monkeypatch.setattr("status_tracker_ops.bulk.runs.WAVE_ITEMS", 4)
    monkeypatch.setattr("status_tracker_ops.bulk.planning.CHUNK_ITEMS", 2)


@pytest.fixture
def ignored(app: Application) -> list[str]:
    """Five tasks that were set aside, the oldest first."""
    return [set_aside(app, f"2025/{number}.pdf#e") for number in range(5)]


def set_aside(app: Application, task_id: str, error: str = "no PDF") -> str:
    step = app.tasks.ExtractTask
    with pytest.raises(st.NonRetryableError), step.start(task_id, create=True, data={}):
        raise st.NonRetryableError(error)
    return task_id


def actions(app: Application, task_id: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = app.task(task_id).errors.get("actions", [])
    return found


def runs(app: Application) -> dict[str, int]:
    inputs = [json.loads(execution["input"]) for execution in app.executions()]
    assert len({each["task_id"] for each in inputs}) == len(inputs)
    return {each["task_id"]: each["run"] for each in inputs}


@pytest.mark.usefixtures("small_waves")
def test_every_task_that_matches_runs_again_and_tells_who_and_why(
    app: Application, machine: Machine, ignored: list[str]
) -> None:
    waiting = app.register("waiting.pdf", b"content")
    summary = machine.run({**GIVEN, "by": "somebody"}, execution="mended")
    assert summary["counts"] == {"planned": 5, "done": 5, "failed": 0}
    assert (summary["failed"], summary["left_alone"]) == (None, None)
    assert runs(app) == {**dict.fromkeys(ignored, 1), waiting: 0}
    for task_id in ignored:
        assert app.task(task_id).status_name == "pending"
        [action] = actions(app, task_id)
        told = (action["action"], action["id"], action["reason"], action["by"])
        assert told == ("rerun", "mended", "the reader is mended", "somebody")
        assert len(app.task(task_id).errors["history"]) == 1


@pytest.mark.usefixtures("small_waves")
def test_a_dry_run_counts_and_shows_and_changes_nothing(app: Application, machine: Machine, ignored: list[str]) -> None:
    summary = machine.run({**GIVEN, "dry_run": True})
    assert summary["counts"] == {"planned": 5, "failed": 0}
    assert [each["task_id"] for each in summary["sample"]] == ignored
    assert runs(app) == {}
    assert all(app.task(task_id).status_name == "ignored" for task_id in ignored)


@pytest.mark.usefixtures("small_waves")
@pytest.mark.parametrize("limit", [1, 3, 4, 5, 9])
def test_no_more_than_the_limit_run_again_the_oldest_first(
    app: Application, machine: Machine, ignored: list[str], limit: int
) -> None:
    summary = machine.run({**GIVEN, "limit": limit})
    assert summary["counts"]["done"] == min(limit, 5)
    assert runs(app) == dict.fromkeys(ignored[:limit], 1)


def test_the_same_run_id_again_does_nothing_twice(app: Application, machine: Machine, ignored: list[str]) -> None:
    given = {**GIVEN, "run_id": "mended-1"}
    machine.run(given)
    for task_id in ignored:  # they fail again, and so match again
        set_aside(app, task_id)
    again = machine.run(given, execution="e-2")
    assert again["counts"] == {"planned": 5, "repeated": 5, "failed": 0}
    assert runs(app) == dict.fromkeys(ignored, 1)
    assert {len(actions(app, task_id)) for task_id in ignored} == {1}
    assert {app.task(task_id).status_name for task_id in ignored} == {"ignored"}


def test_two_at_once_with_one_run_id_rerun_each_task_once(
    app: Application, machine: Machine, ignored: list[str]
) -> None:
    given = {**GIVEN, "run_id": "mended-1"}
    both = [machine.planned(given, execution=name) for name in ("e-1", "e-2")]
    for planned in both:
        for chunk in machine.chunks(planned):
            assert machine.work_on(chunk) is None
    counts = [machine.report(planned, FakeContext())["summary"]["counts"] for planned in both]
    assert [count.get("done", 0) for count in counts] == [5, 0]
    assert counts[1]["repeated"] == 5
    assert runs(app) == dict.fromkeys(ignored, 1)


def test_tasks_that_have_moved_since_the_planning_are_left_alone_and_told_of(
    app: Application, machine: Machine, ignored: list[str]
) -> None:
    step = app.tasks.ExtractTask
    planned = machine.planned({**GIVEN, "filter": {"statuses": ["ignored", "in_progress"]}})
    step.rerun(ignored[0], reason="by hand")
    step(step.make_key(ignored[1])).delete()
    step.rerun(ignored[2], reason="by hand")
    with step.start(ignored[2]):
        [chunk] = machine.chunks(planned)
        assert machine.work_on(chunk) is None
    summary = machine.report(planned, FakeContext())["summary"]
    assert summary["counts"] == {"planned": 5, "done": 2, "changed": 1, "locked": 1, "vanished": 1, "failed": 0}
    key = summary["left_alone"].removeprefix(f"s3://{RESULT_BUCKET}/")
    lines = app.s3.get_object(Bucket=RESULT_BUCKET, Key=key)["Body"].read().decode().splitlines()
    told = {entry["task_id"]: entry["outcome"] for entry in map(json.loads, lines)}
    assert told == {ignored[0]: "changed", ignored[1]: "vanished", ignored[2]: "locked"}


def test_a_function_that_died_between_rerun_and_dispatch_is_made_good(
    app: Application, machine: Machine, ignored: list[str]
) -> None:
    planned = machine.planned(GIVEN)
    app.tasks.ExtractTask.rerun(ignored[0], reason="the reader is mended", request_id="e-1")
    [chunk] = machine.chunks(planned)
    assert machine.work_on(chunk) is None
    assert runs(app) == dict.fromkeys(ignored, 1)
    assert machine.report(planned, FakeContext())["summary"]["counts"] == {
        "planned": 5,
        "done": 4,
        "repeated": 1,
        "failed": 0,
    }


def test_what_cannot_be_dispatched_has_failed_and_the_same_run_id_makes_it_good(
    app_without_workflow: Application, machine_without_workflow: Machine
) -> None:
    app, machine = app_without_workflow, machine_without_workflow
    task_id = set_aside(app, "a.pdf#e")
    given = {**GIVEN, "run_id": "mended-1", "tolerated_failures": 0}
    summary = machine.run(given)
    assert summary["failure"]["Error"] == "TooManyFailures"
    [failed] = machine.failed(summary)
    assert failed["task_id"] == task_id
    assert "could not be dispatched: StateMachineDoesNotExist" in failed["reason"]
    assert len(actions(app, task_id)) == 1


@pytest.fixture
def machine_without_workflow(app_without_workflow: Application, monkeypatch: pytest.MonkeyPatch) -> Machine:
    rerun, report = (
        importlib.import_module("status_tracker_ops.deployed.bulk_rerun"),
        importlib.import_module("status_tracker_ops.deployed.bulk_report"),
    )
    monkeypatch.setattr(time, "sleep", lambda _: None)
    return Machine(app_without_workflow.s3, rerun.plan, rerun.rerun, report.handler, started=LATER)


def test_the_filter_is_that_of_the_library(app: Application, machine: Machine, ignored: list[str]) -> None:
    other = set_aside(app, "2024/0.pdf#e", error="a password")
    filters = {
        "prefix": {"statuses": ["ignored"], "id_prefix": "2025/"},
        "text": {"statuses": [50, 100], "error_text": "PASSWORD"},
        "class": {"statuses": [50], "error_class": "NonRetryableError", "id_prefix": "2024/"},
        "past": {"statuses": [50], "until": "2020-01-01T00:00:00Z"},
    }
    found = {
        name: {each["task_id"] for each in machine.run({**GIVEN, "filter": one, "dry_run": True})["sample"]}
        for name, one in filters.items()
    }
    assert found == {"prefix": set(ignored), "text": {other}, "class": {other}, "past": set()}


def test_tasks_that_end_while_it_runs_are_not_chased(app: Application, machine: Machine, ignored: list[str]) -> None:
    begun = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    late = set_aside(app, "late.pdf#e")
    summary = machine.run(GIVEN, started=begun)
    assert summary["counts"]["done"] == len(ignored)
    assert actions(app, late) == []


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"filter": None}, "The filter is None: give an object"),
        ({"filter": {}}, "statuses is None: give a list of statuses"),
        ({"filter": {"statuses": ["done"]}}, "done"),
        ({"filter": {"statuses": [77]}}, "77"),
        ({"filter": {"statuses": [50], "status": 1}}, "The filter has 'status': known are statuses"),
        ({"filter": {"statuses": [50], "since": "yesterday"}}, "since is 'yesterday': give a time such as"),
        ({"filter": {"statuses": [50], "since": LATER}}, "is not before until"),
        ({"filter": {"statuses": [50], "since": "0001-01-01T00:00:00+23:00"}}, "which no UTC time is"),
        ({"filter": {"statuses": [50], "error_text": "\ud800"}}, "half a character"),
        ({"filter": {"statuses": [50], "id_prefix": "\ud800"}}, "half a character"),
        ({"filter": {"statuses": [50], "error_text": "x" * 9000}}, "The filter has more than 8,192 bytes"),
        ({"reason": " "}, 'reason is " ": expected a text of 1 to 500 characters'),
        ({"reason": None}, "reason is null"),
        ({"reason": "\ud800"}, "reason is"),
        ({"by": 7}, "by is 7"),
        ({"run_id": "ä"}, "run_id is 'ä'"),
        ({"limit": 0}, "limit is 0: expected a whole number from 1"),
        ({"limit": None}, "limit is null"),
        ({"dry_run": "false"}, 'dry_run is "false": expected true or false'),
        ({"max_concurrency": 1001}, "max_concurrency is 1001: expected a whole number from 1 to 1,000"),
        ({"rate": 5}, 'the unknown "rate": the fields are filter, reason, by, run_id'),
    ],
)
def test_bad_input_is_refused_at_the_start_with_its_cause(
    machine: Machine, changes: dict[str, Any], reason: str
) -> None:
    assert re.search(re.escape(reason), machine.run({**GIVEN, **changes})["refused"])


def test_input_that_is_no_object_is_refused(machine: Machine) -> None:
    assert "The input is []: expected an object such as" in machine.run([])["refused"]
