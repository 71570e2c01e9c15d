"""`new` on a task that exists: the deliberate reset, refused while a worker is live (R11)."""

from __future__ import annotations

from itertools import product
from typing import Any

import pytest

import status_tracker as st
from status_tracker.core.port import Special, Unchanged
from status_tracker.core.state import TaskState
from tests.compat.support import LEASE
from tests.support.clock import TICK, Clock
from tests.support.wire import Wire, answer_lost, passed, then
from tests.unit.steps import FAILED, IGNORED, IN_PROGRESS, NOON, PENDING, SUCCEEDED, make_rules
from tests.unit.steps import LEASE as LEASE_OF_RULES

RECORD = {"action": "reset", "id": "r-1", "reason": "again", "by": None}
OTHER_STEP = 70
OVER = {"lock": "theirs", "lock_time": NOON - 2 * LEASE_OF_RULES, "lock_expire_time": NOON - LEASE_OF_RULES}
LIVE = {"lock": "theirs", "lock_time": NOON, "lock_expire_time": NOON + TICK}


@pytest.mark.parametrize("status", [PENDING, FAILED, SUCCEEDED, IGNORED, OTHER_STEP])
def test_r11_reset_makes_pending_with_new_data_and_keeps_history(status: int) -> None:
    history = [{"nth_retry": 1, "error": "ValueError()"}]
    state = TaskState(status, retry=3, fence=4, run=1, not_before=NOON, errors={"history": history})
    write = make_rules(initial_data={"version": 2}).reset(state, NOON, RECORD)
    assert write.guard == Unchanged(state)
    assert write.changes == {
        "status": PENDING,
        "update_time": NOON,
        "expire_at": Special.REMOVE,
        "retry": 0,
        "run": 2,
        "data": {"version": 2},
        "lock": None,
        "lock_expire_time": Special.REMOVE,
        "not_before": Special.REMOVE,
        "errors": {
            "history": history,
            "actions": [{**RECORD, "update_time": NOON.isoformat(), "status": status, "fence": 4}],
        },
    }


@pytest.mark.parametrize("status", [IN_PROGRESS, OTHER_STEP])
def test_r11_reset_of_a_stuck_task_records_the_vanished_attempt(status: int) -> None:
    changes = make_rules().reset(TaskState(status, retry=1, **OVER), NOON, RECORD).changes
    assert (changes["status"], changes["retry"], changes["data"]) == (PENDING, 0, {})
    assert [entry["nth_retry"] for entry in changes["errors"]["history"]] == [2]
    assert changes["vanished_locks"] == ("theirs",)


@pytest.mark.parametrize("status", [PENDING, IN_PROGRESS, SUCCEEDED, OTHER_STEP])
def test_r11_reset_is_refused_while_a_worker_is_live(status: int) -> None:
    with pytest.raises(st.TaskLockedError):
        make_rules().reset(TaskState(status, **LIVE), NOON, RECORD)


def test_r11_reset_of_nothing() -> None:
    with pytest.raises(st.TaskIsNotInitializedError):
        make_rules().reset(None, NOON, RECORD)


@pytest.mark.parametrize(("status", "data"), [*product((0, 6, 9, 10), (None, {"version": 2}))])
def test_new_resets_a_task_that_no_worker_holds(tracker: Any, clock: Clock, status: int, data: Any) -> None:
    tracker.make("t", status, {"version": 1}).save()
    clock.advance(1)
    task = tracker.new("t", data)
    assert task.to_dict() == tracker.get_one_or_none("t", consistent_read=True).to_dict()
    assert (task.status, task.retry, task.data, task.run) == (0, 0, data or {}, 1)
    assert task.create_time < task.update_time == clock.now
    (record,) = task.errors["actions"]
    assert (record["action"], record["status"], record["by"]) == ("reset", status, None)


def test_new_keeps_the_history(tracker: Any, failed_once: Any) -> None:
    task = tracker.new("t")
    assert [entry["error"] for entry in task.errors["history"]] == ["OSError('no page')"]
    assert (task.retry, task.fence) == (0, failed_once.fence)
    with task.start_job():
        assert task.fence == failed_once.fence + 1


def test_new_is_refused_while_a_worker_is_live(tracker: Any, clock: Clock) -> None:
    task = tracker.new("t", {"version": 1})
    with task.start_job():
        clock.now += LEASE * 1_000_000 * TICK - TICK
        with pytest.raises(st.TaskLockedError):
            tracker.new("t", {"version": 2})
        task.set_data({"version": 3})
    assert (task.status, task.data) == (9, {"version": 3})


def test_new_frees_a_stuck_task_and_fences_its_worker_off(tracker: Any, clock: Clock) -> None:
    task = tracker.new("t", {"version": 1})
    with pytest.raises(st.TaskLockLostError), task.start_job():
        clock.advance(LEASE)
        again = tracker.new("t", {"version": 2})
        task.set_data({"version": 3})
    assert again.errors["error"].startswith("LeaseExpired(")
    assert (again.status, again.is_locked()) == (0, False)
    assert tracker.get_one_or_none("t", consistent_read=True).data == {"version": 2}


def test_new_leaves_a_task_alone_that_is_started_meanwhile(tracker: Any, wire: Wire) -> None:
    tracker.new("t", {"version": 1})
    other = tracker.get_one_or_none("t")
    wire.inject("UpdateItem", then(passed, other.start_job().__enter__))
    with pytest.raises(st.TaskLockedError):
        tracker.new("t", {"version": 2})
    stored = tracker.get_one_or_none("t", consistent_read=True)
    assert (stored.status, stored.data, "actions" in stored.errors) == (3, {"version": 1}, False)


def test_a_reset_whose_answer_is_lost_is_recorded_once(tracker: Any, wire: Wire) -> None:
    tracker.new("t")
    wire.inject("UpdateItem", answer_lost)
    task = tracker.new("t", {"version": 2})
    assert (task.run, task.data, len(task.errors["actions"])) == (1, {"version": 2}, 1)


def test_new_without_save_stores_nothing(tracker: Any) -> None:
    task = tracker.new("t", {"version": 1}, save=False)
    assert (task.status, task.data, task.is_item_exists()) == (0, {"version": 1}, False)
    task.save()
    assert task.is_item_exists()


def test_new_refuses_data_that_does_not_fit_and_changes_nothing(tracker: Any) -> None:
    tracker.new("t", {"version": 1})
    with pytest.raises(st.TaskDataTooLargeError):
        tracker.new("t", {"pages": "x" * 400_000})
    with pytest.raises(TypeError):
        tracker.new("t", {"pages": object()})
    stored = tracker.get_one_or_none("t", consistent_read=True)
    assert (stored.data, stored.run) == ({"version": 1}, None)
