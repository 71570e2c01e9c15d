"""The pure rules for a start, one test for each row and boundary."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

import status_tracker as st
from status_tracker.core.lifecycle import AlreadyOurs, Refused, TryWrite, Verdict
from status_tracker.core.port import Special, Startable, Unchanged, Write
from status_tracker.core.state import TaskState
from status_tracker.testing import MemoryStore, Record
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

OURS, THEIRS = "our-token", "their-token"
MORE_PENDING = 15
OTHER_STEP = 70
LIVE: dict[str, Any] = {"lock": THEIRS, "lock_time": NOON - LEASE / 2, "lock_expire_time": NOON + LEASE / 2}
OVER: dict[str, Any] = {"lock": THEIRS, "lock_time": NOON - 2 * LEASE, "lock_expire_time": NOON - LEASE}
FREE: dict[str, Any] = {}


def forgotten(lock: dict[str, Any]) -> dict[str, Any]:
    return {"vanished_locks": (lock["lock"],)} if lock else {}


def judge(state: TaskState | None, **settings: Any) -> Verdict:
    return make_rules(make_config(more_pending_status=MORE_PENDING), **settings).judge(state, OURS, NOON, LEASE)


def refusal(verdict: Verdict) -> st.TaskIsNotReadyToStartError:
    assert isinstance(verdict, Refused)
    return verdict.error


def is_plain_acquire(verdict: Verdict, **settings: Any) -> bool:
    rules = make_rules(make_config(more_pending_status=MORE_PENDING), **settings)
    return isinstance(verdict, TryWrite) and verdict.error is None and verdict.write == rules.acquire(OURS, NOON, LEASE)


def acquires_as_found(verdict: Verdict, state: TaskState) -> bool:
    forgets = forgotten({"lock": state.lock} if state.lock else {})
    acquired = {**make_rules().acquire(OURS, NOON, LEASE).changes, **forgets}
    return verdict == TryWrite(Write(Unchanged(state), acquired))


# R1


def test_r1_an_acquire_sets_status_lock_and_times_and_nothing_else() -> None:
    write = make_rules().acquire(OURS, NOON, LEASE)
    assert write.changes == {
        "status": IN_PROGRESS,
        "lock": OURS,
        "lock_time": NOON,
        "lock_expire_time": NOON + LEASE,
        "update_time": NOON,
        "expire_at": Special.REMOVE,
        "update_count": Special.REMOVE,
        "fence": Special.INCREMENT,
    }
    assert write.defaults == {}
    assert write.guard == Startable(OURS, (PENDING, FAILED), NOON, unknown_lease_since=NOON - LEASE, or_absent=False)


# R2, row by row


def test_r2_nothing_stored_is_not_initialized() -> None:
    error = refusal(judge(None))
    assert type(error) is st.TaskIsNotInitializedError
    assert (error.use_case_id, error.task_id, error.status) == ("test", "t-1", None)
    assert "has to be created" in str(error)


def test_r2_nothing_stored_with_create_makes_and_acquires_in_the_same_write() -> None:
    verdict = judge(None, create=True, initial_data={"a": 1})
    assert is_plain_acquire(verdict, create=True, initial_data={"a": 1})
    store = MemoryStore()
    write = make_rules(create=True, initial_data={"a": 1}).acquire(OURS, NOON, LEASE)
    assert store.write(write).applied
    assert store.task == Record(
        status=IN_PROGRESS,
        create_time=NOON,
        update_time=NOON,
        retry=0,
        lock=OURS,
        lock_time=NOON,
        lock_expire_time=NOON + LEASE,
        fence=1,
        data={"a": 1},
        errors={"history": []},
    )


def test_r2_create_on_an_existing_task_ignores_data_and_keeps_what_is_stored() -> None:
    entry = {"nth_retry": 1, "error": "ValueError()"}
    before = Record(
        FAILED,
        create_time=NOON - LEASE,
        retry=1,
        data={"old": 1},
        errors={"history": [entry]},
        update_time=NOON - LEASE,
    )
    store = MemoryStore(before)
    assert store.write(make_rules(create=True, initial_data={"new": 1}).acquire(OURS, NOON, LEASE)).applied
    after = store.task
    assert after is not None
    assert after.lock == OURS
    kept = ("create_time", "retry", "data", "errors")
    assert [getattr(after, name) for name in kept] == [getattr(before, name) for name in kept]


@pytest.mark.xfail(strict=True, reason="one write cannot tell a task without data from none; ours always have data")
def test_r2_create_on_an_existing_task_without_data_does_not_give_it_data() -> None:
    store = MemoryStore(Record(PENDING, create_time=NOON, data=None))
    store.write(make_rules(create=True, initial_data={"new": 1}).acquire(OURS, NOON, LEASE))
    assert store.task is not None
    assert not store.task.data


@pytest.mark.parametrize("lock", [FREE, OVER], ids=["free", "lease over"])
@pytest.mark.parametrize("status", [PENDING, FAILED, MORE_PENDING])
def test_r2_startable_statuses_without_a_live_lock_are_acquired(status: int, lock: dict[str, Any]) -> None:
    state = TaskState(status, retry=1, **lock)
    assert acquires_as_found(judge(state), state)


def test_r2_in_progress_with_a_live_lock_of_another_is_locked_and_says_until_when() -> None:
    error = refusal(judge(TaskState(IN_PROGRESS, **LIVE)))
    assert type(error) is st.TaskLockedError
    assert error.until == LIVE["lock_expire_time"]
    assert error.until is not None
    assert error.until.isoformat() in str(error)
    assert error.status == IN_PROGRESS


def test_r2_in_progress_with_our_own_live_lock_is_ours() -> None:
    assert judge(TaskState(IN_PROGRESS, **{**LIVE, "lock": OURS})) == AlreadyOurs()


def test_r5_our_own_acquire_whose_lease_has_ended_before_the_repeat_is_renewed_and_counts_nothing() -> None:
    state = TaskState(IN_PROGRESS, retry=1, fence=4, errors={"history": []}, **{**OVER, "lock": OURS})
    verdict = judge(state)
    assert isinstance(verdict, TryWrite)
    assert verdict.error is None
    assert verdict.write.guard == Unchanged(state)
    assert verdict.write.changes == {"lock_expire_time": NOON + LEASE}


@pytest.mark.parametrize("status", [PENDING, FAILED, SUCCEEDED, IGNORED, OTHER_STEP])
def test_r2_our_own_live_lock_on_a_task_not_in_progress_is_not_ours(status: int) -> None:
    assert isinstance(refusal(judge(TaskState(status, **{**LIVE, "lock": OURS}))), st.TaskLockedError)


@pytest.mark.parametrize(
    "lock", [OVER, FREE, {"lock": THEIRS}], ids=["lease over", "no lock", "a lock without any time"]
)
def test_r2_in_progress_without_a_live_lock_is_taken_over(lock: dict[str, Any]) -> None:
    earlier = {"nth_retry": 1, "error": "ValueError()"}
    state = TaskState(IN_PROGRESS, retry=1, errors={"history": [earlier], "other": "kept"}, **lock)
    verdict = judge(state)
    assert isinstance(verdict, TryWrite)
    assert verdict.error is None
    assert verdict.write.guard == Unchanged(state)
    changes = dict(verdict.write.changes)
    errors = changes.pop("errors")
    acquired = {**make_rules().acquire(OURS, NOON, LEASE).changes, "retry": 2, **forgotten(lock)}
    assert changes == acquired
    assert errors["other"] == "kept"
    assert errors["history"][0] == earlier
    (vanished,) = errors["history"][1:]
    assert vanished["error"].startswith("LeaseExpired(")
    assert vanished["nth_retry"] == 2
    assert vanished["update_time"] == NOON.isoformat()
    assert set(vanished) == {"nth_retry", "update_time", "error", "traceback"}


def test_r2_a_takeover_tells_when_the_lease_ended() -> None:
    verdict = judge(TaskState(IN_PROGRESS, **OVER))
    assert isinstance(verdict, TryWrite)
    assert OVER["lock_expire_time"].isoformat() in verdict.write.changes["errors"]["history"][0]["error"]


def test_r2_a_takeover_of_the_last_allowed_attempt_ignores_the_task() -> None:
    state = TaskState(IN_PROGRESS, retry=2, fence=3, **OVER)
    verdict = judge(state)
    assert isinstance(verdict, TryWrite)
    assert verdict.write.guard == Unchanged(state)
    changes = verdict.write.changes
    assert (changes["status"], changes["retry"], changes["lock"]) == (IGNORED, 3, None)
    assert changes["lock_expire_time"] is Special.REMOVE
    assert changes["update_time"] == NOON
    assert "fence" not in changes
    assert len(changes["errors"]["history"]) == 1
    assert isinstance(verdict.error, st.TaskIgnoredError)
    assert verdict.error.given_up_now
    assert "3 of 3" in str(verdict.error)


@pytest.mark.parametrize("status", [PENDING, FAILED, SUCCEEDED, IGNORED, MORE_PENDING, OTHER_STEP, IN_PROGRESS])
def test_r2_a_live_lock_is_told_first_whatever_the_status(status: int) -> None:
    due_later = {"not_before": NOON + 2 * LEASE}
    assert type(refusal(judge(TaskState(status, **LIVE, **due_later)))) is st.TaskLockedError


@pytest.mark.parametrize("lock", [FREE, OVER], ids=["free", "lease over"])
@pytest.mark.parametrize(
    ("status", "kind", "hint"),
    [
        (SUCCEEDED, st.TaskAlreadySucceedError, "deliberate rerun"),
        (IGNORED, st.TaskIgnoredError, "errors['history']"),
        (OTHER_STEP, st.TaskIsNotReadyToStartError, "10 (pending), 30 (failed), 15"),
    ],
)
def test_r2_other_statuses_are_refused(
    status: int, kind: type[st.TaskIsNotReadyToStartError], hint: str, lock: dict[str, Any]
) -> None:
    error = refusal(judge(TaskState(status, **lock)))
    assert type(error) is kind
    assert error.status == status
    assert hint in str(error)
    assert "Task(use_case_id='test', task_id='t-1')" in str(error)


def test_r2_another_steps_status_is_named() -> None:
    assert "70" in str(refusal(judge(TaskState(OTHER_STEP))))


def test_r2_an_ignored_task_was_not_given_up_now() -> None:
    error = refusal(judge(TaskState(IGNORED)))
    assert isinstance(error, st.TaskIgnoredError)
    assert not error.given_up_now


def test_r2_the_next_step_starts_from_what_this_one_succeeded_with() -> None:
    next_step = make_rules(make_config(**NEXT_CODES))
    assert isinstance(next_step.judge(TaskState(SUCCEEDED), OURS, NOON, LEASE), TryWrite)
    refused = next_step.judge(TaskState(IN_PROGRESS, **OVER), OURS, NOON, LEASE)
    assert type(refusal(refused)) is st.TaskIsNotReadyToStartError


# R9: not due


@pytest.mark.parametrize("status", [PENDING, FAILED, MORE_PENDING])
@pytest.mark.parametrize(("until_due", "due"), [(TICK, False), (timedelta(0), True), (-TICK, True)])
def test_r9_a_start_before_it_is_due_is_refused(status: int, until_due: timedelta, due: bool) -> None:
    state = TaskState(status, not_before=NOON + until_due)
    verdict = judge(state)
    if due:
        assert acquires_as_found(verdict, state)
        return
    error = refusal(verdict)
    assert type(error) is st.TaskNotDueError
    assert error.not_before == NOON + until_due
    assert (NOON + until_due).isoformat() in str(error)


# R13


def test_r13_every_way_to_acquire_increments_the_fence() -> None:
    takeover = judge(TaskState(IN_PROGRESS, fence=5, **OVER))
    assert isinstance(takeover, TryWrite)
    for write in (make_rules().acquire(OURS, NOON, LEASE), takeover.write):
        assert write.changes["fence"] is Special.INCREMENT
