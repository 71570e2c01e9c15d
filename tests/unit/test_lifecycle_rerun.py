"""The pure rules for running a task again deliberately (R11)."""

from __future__ import annotations

from dataclasses import replace
from itertools import product
from typing import Any

import pytest

import status_tracker as st
from status_tracker.core.port import Special, Unchanged
from status_tracker.core.state import TaskState, is_recorded
from tests.unit.steps import (
    FAILED,
    IGNORED,
    IN_PROGRESS,
    LEASE,
    NEXT_CODES,
    NOON,
    PENDING,
    SUCCEEDED,
    TICK,
    make_config,
    make_rules,
)

THEIRS = "their-token"
LIVE: dict[str, Any] = {"lock": THEIRS, "lock_time": NOON - LEASE / 2, "lock_expire_time": NOON + LEASE / 2}
OVER: dict[str, Any] = {"lock": THEIRS, "lock_time": NOON - 2 * LEASE, "lock_expire_time": NOON - LEASE}
FREE: dict[str, Any] = {}
OTHER_STEP = 70

RECORD = {"action": "rerun", "id": "r-1", "reason": "mended the parser", "by": "ops"}


@pytest.mark.parametrize(
    ("status", "lock"),
    [*product((PENDING, FAILED, SUCCEEDED, IGNORED), (FREE, OVER)), (OTHER_STEP, FREE)],
)
def test_r11_rerun_makes_pending_and_keeps_history(status: int, lock: dict[str, Any]) -> None:
    history = [{"nth_retry": 1, "error": "ValueError()"}]
    state = TaskState(
        status,
        retry=3,
        fence=4,
        run=1,
        not_before=NOON + LEASE,
        errors={"history": history, "actions": ["first"]},
        **lock,
    )
    write = make_rules().rerun(state, NOON, RECORD)
    assert write.guard == Unchanged(state)
    assert write.changes == {
        "status": PENDING,
        "update_time": NOON,
        "expire_at": Special.REMOVE,
        "retry": 0,
        "run": 2,
        "lock": None,
        "lock_expire_time": Special.REMOVE,
        "not_before": Special.REMOVE,
        "errors": {
            "history": history,
            "actions": ["first", {**RECORD, "update_time": NOON.isoformat(), "status": status, "fence": 4}],
        },
        **({"vanished_locks": (THEIRS,)} if lock else {}),
    }
    assert state.errors["actions"] == ["first"]


@pytest.mark.parametrize("status", [IN_PROGRESS, OTHER_STEP])
def test_r11_rerun_of_a_stuck_task_records_the_vanished_attempt(status: int) -> None:
    earlier = {"nth_retry": 1, "error": "ValueError()"}
    state = TaskState(status, retry=1, errors={"history": [earlier], "actions": ["first"]}, **OVER)
    changes = make_rules().rerun(state, NOON, RECORD).changes
    assert (changes["status"], changes["retry"], changes["lock"]) == (PENDING, 0, None)
    assert len(changes["errors"]["actions"]) == 2
    assert changes["errors"]["history"][0] == earlier
    (vanished,) = changes["errors"]["history"][1:]
    assert vanished["error"].startswith("LeaseExpired(")
    assert OVER["lock_expire_time"].isoformat() in vanished["error"]
    assert (vanished["nth_retry"], vanished["update_time"]) == (2, NOON.isoformat())


def test_r11_rerun_of_an_unlocked_task_in_progress_records_the_vanished_attempt() -> None:
    changes = make_rules().rerun(TaskState(IN_PROGRESS), NOON, RECORD).changes
    assert [entry["error"][:13] for entry in changes["errors"].get("history", [])] == ["LeaseExpired("]


@pytest.mark.parametrize("status", [IN_PROGRESS, PENDING, SUCCEEDED, OTHER_STEP])
def test_r11_rerun_is_refused_while_a_worker_is_live(status: int) -> None:
    with pytest.raises(st.TaskLockedError):
        make_rules().rerun(TaskState(status, **LIVE), NOON, RECORD)


def test_r11_rerun_is_allowed_at_the_very_end_of_the_lease() -> None:
    state = TaskState(IN_PROGRESS, lock=THEIRS, lock_expire_time=NOON)
    assert make_rules().rerun(state, NOON, RECORD).changes["status"] == PENDING
    with pytest.raises(st.TaskLockedError):
        make_rules().rerun(state, NOON - TICK, RECORD)


def test_r11_rerun_of_nothing() -> None:
    with pytest.raises(st.TaskIsNotInitializedError):
        make_rules().rerun(None, NOON, RECORD)


@pytest.mark.parametrize("status", [PENDING, IN_PROGRESS, FAILED, IGNORED])
def test_r11_rerun_of_a_step_that_was_never_reached_is_refused(status: int) -> None:
    with pytest.raises(st.TaskIsNotReadyToStartError) as caught:
        make_rules(make_config(**NEXT_CODES)).rerun(TaskState(status), NOON, RECORD)
    assert type(caught.value) is st.TaskIsNotReadyToStartError
    assert caught.value.status == status


@pytest.mark.parametrize(("status", "allowed"), [(39, False), (41, True)])
def test_r11_whether_a_foreign_status_is_before_this_step_is_told_by_its_succeeded_code(
    status: int, allowed: bool
) -> None:
    rules, state = make_rules(), TaskState(status)
    if allowed:
        assert rules.rerun(state, NOON, RECORD).changes["status"] == PENDING
        return
    with pytest.raises(st.TaskIsNotReadyToStartError):
        rules.rerun(state, NOON, RECORD)


def test_r11_a_recorded_rerun_is_known_again() -> None:
    errors = make_rules().rerun(TaskState(FAILED), NOON, RECORD).changes["errors"]
    assert is_recorded(TaskState(PENDING, errors=errors), RECORD)
    assert not is_recorded(TaskState(PENDING, errors=errors), {**RECORD, "id": "r-2"})
    assert not is_recorded(TaskState(PENDING), RECORD)


def test_r11_whether_a_run_was_begun_is_told_by_the_fence_and_by_no_clock() -> None:
    errors = make_rules().rerun(TaskState(FAILED, fence=1), NOON, RECORD).changes["errors"]
    for clock in (-LEASE, TICK, LEASE):
        waiting = TaskState(PENDING, run=1, fence=1, lock_time=NOON + clock, errors=errors)
        assert make_rules().rerun(waiting, NOON, RECORD).changes["run"] == 1
        assert make_rules().rerun(replace(waiting, fence=2), NOON, RECORD).changes["run"] == 2


def test_r11_a_rerun_that_an_earlier_version_recorded_may_be_begun() -> None:
    errors = make_rules().rerun(TaskState(FAILED), NOON - LEASE, RECORD).changes["errors"]
    del errors["actions"][0]["fence"]
    assert make_rules().rerun(TaskState(PENDING, run=1, errors=errors), NOON, RECORD).changes["run"] == 2
