"""Filters and bulk actions on DynamoDB: what is listed by the index, and what the items say by then."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from status_tracker.operations.actions import Action, TaskAction
from status_tracker.operations.bulk import Kind, act_on_all
from status_tracker.operations.filters import TaskFilter
from tests.support.clock import Clock

FAILED, PENDING = 30, 10


class DocumentError(Exception):
    """What the tasks here fail with."""


def fail(step: Any, clock: Clock, *task_ids: str, error: Exception | None = None) -> None:
    error = DocumentError("broken") if error is None else error
    for task_id in task_ids:
        with pytest.raises(type(error)), step.start(task_id, create=True):
            raise error
        clock.advance(1)


def reruns(step: Any, task_id: str) -> list[str]:
    return [each["id"] for each in step.get_one_or_none(task_id, consistent_read=True).errors.get("actions", [])]


def test_filter_finds_by_error_prefix_and_time_and_goes_on(step1: Any, clock: Clock) -> None:
    start = clock.now
    fail(step1, clock, "a/1", "b/1", "a/2", "a/3")
    fail(step1, clock, "a/4", error=OSError("disk full"))

    def ids(chosen: TaskFilter, **settings: Any) -> list[str]:
        return [task.task_id for task in chosen.matching(step1, **settings)]

    assert ids(TaskFilter((FAILED,), id_prefix="a/"), limit=2) == ["a/1", "a/2"]
    assert ids(TaskFilter((FAILED,), "DocumentError", since=start + timedelta(seconds=1))) == ["b/1", "a/2", "a/3"]
    assert ids(TaskFilter((FAILED,), error_text="DISK")) == ["a/4"]
    first = TaskFilter((FAILED,), error_text="broken").matching(step1, limit=2)
    assert [task.task_id for task in first] == ["a/1", "b/1"]
    assert ids(TaskFilter((FAILED,), error_text="broken"), cursor=first.cursor) == ["a/2", "a/3"]


def test_status_of_no_step_is_refused_before_any_request(step1: Any) -> None:
    with pytest.raises(ValueError, match="has the status 77"):
        act_on_all(step1, "rerun", TaskFilter((77,)), reason="mended")


def test_rerun_of_all_is_once_a_run_id(step1: Any, clock: Clock) -> None:
    ids = [f"t-{n}" for n in range(20)]
    fail(step1, clock, *ids)
    first = act_on_all(step1, "rerun", TaskFilter((FAILED,)), reason="mended", by="ann", run_id="r1", limit=15)
    assert first.counts == {Kind.DONE: 15}
    clock.advance(1)
    fail(step1, clock, ids[0])
    second = act_on_all(step1, "rerun", TaskFilter((FAILED,)), reason="mended", by="ann", run_id="r1")
    assert second.counts == {Kind.DONE: 5, Kind.REPEATED: 15}
    assert [reruns(step1, task_id) for task_id in ids] == [["r1"]] * 20
    assert step1.get_one_or_none(ids[0]).is_failed()


def test_listed_task_that_has_moved_is_left_alone(step1: Any, clock: Clock) -> None:
    fail(step1, clock, "done", "held", "gone", "again", "still")
    chosen = TaskFilter((FAILED,), until=clock.now)
    listed = list(chosen.matching(step1))
    with step1.start("done"):
        pass
    step1.start("held").__enter__()
    step1.get_one_or_none("gone").delete()
    fail(step1, clock, "again")
    one = TaskAction(step1, Action.RERUN, chosen, "mended", by=None, run_id="r1")
    outcomes = {each.task_id: one.act(each.task_id).kind for each in listed}
    assert outcomes == {
        "done": Kind.CHANGED,
        "held": Kind.CHANGED,
        "gone": Kind.VANISHED,
        "again": Kind.CHANGED,
        "still": Kind.DONE,
    }
    assert step1.get_one_or_none("done").is_succeeded()
    assert reruns(step1, "again") == []


def test_pending_tasks_are_given_a_new_run_once(step1: Any, clock: Clock) -> None:
    for n in range(10):
        step1.make_and_save(f"t-{n}")
        clock.advance(1)
    assert act_on_all(step1, "rerun", TaskFilter((PENDING,)), reason="nobody came").counts == {Kind.DONE: 10}
    assert {task.run for task in step1.query_by_status(PENDING, limit=None, auto_refresh=True)} == {1}
