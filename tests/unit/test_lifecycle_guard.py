"""The guard of the blind acquire and the judgement of what it refused say the same (R2), of the lease too (R3)."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import example, given
from hypothesis import strategies as some

import status_tracker as st
from status_tracker.core.lifecycle import Refused, TryWrite
from status_tracker.core.port import Unchanged, Write
from status_tracker.core.state import TaskState, is_live, is_stuck
from status_tracker.testing import MemoryStore, Record
from tests.unit.steps import (
    FAILED,
    IGNORED,
    IN_PROGRESS,
    LEASE,
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
moments = some.sampled_from([NOON + n * step for n in (-2, -1, 0, 1) for step in (TICK, LEASE, LEASE - TICK)])
maybe_moment = some.none() | moments
maybe_tokens = some.sampled_from([None, (THEIRS,), (THEIRS, OURS)])
any_task = some.builds(
    Record,
    update_time=maybe_moment,
    status=some.sampled_from([PENDING, IN_PROGRESS, FAILED, SUCCEEDED, IGNORED, MORE_PENDING, OTHER_STEP]),
    retry=some.integers(0, 3),
    lock=some.sampled_from([None, OURS, THEIRS]),
    lock_time=maybe_moment,
    lock_expire_time=maybe_moment,
    not_before=maybe_moment,
    finished_locks=maybe_tokens,
    vanished_locks=maybe_tokens,
)


@given(any_task, some.sampled_from([(), (MORE_PENDING,), (SUCCEEDED, IGNORED, OTHER_STEP)]), some.booleans())
@example(Record(PENDING, lock=THEIRS, lock_time=NOON - LEASE), (), False)
@example(Record(PENDING, lock=THEIRS, lock_time=NOON - LEASE + TICK), (), False)
@example(Record(FAILED, not_before=NOON), (), True)
@example(Record(PENDING, vanished_locks=(OURS,)), (), True)
def test_r2_the_blind_acquire_admits_exactly_what_judging_admits(
    task: Record, more_pending: tuple[int, ...], create: bool
) -> None:
    config = make_config()
    rules = make_rules(config, startable=config.startable_statuses(more_pending), create=create)
    store = MemoryStore(task)
    acquire = rules.acquire(OURS, NOON, LEASE)
    verdict = rules.judge(store.state(task), OURS, NOON, LEASE)
    admitted = isinstance(verdict, TryWrite) and task.status != IN_PROGRESS
    changed_since = task.update_time is not None and task.update_time > NOON
    assert store.admits(acquire) is (admitted and not changed_since)


@given(any_task)
def test_r2_judging_always_ends_in_a_write_that_the_judged_state_admits_or_in_a_reason(task: Record) -> None:
    store = MemoryStore(task)
    verdict = make_rules(startable=(PENDING, FAILED, MORE_PENDING)).judge(store.state(task), OURS, NOON, LEASE)
    if isinstance(verdict, TryWrite):
        assert store.admits(verdict.write)
    elif isinstance(verdict, Refused):
        assert isinstance(verdict.error, st.TaskIsNotReadyToStartError)
    else:
        assert task.lock == OURS


# R3: a lease ends exactly at its end


@pytest.mark.parametrize(("after_end", "live"), [(-TICK, True), (timedelta(0), False), (TICK, False)])
@pytest.mark.parametrize(
    "state",
    [
        TaskState(IN_PROGRESS, lock=THEIRS, lock_time=NOON, lock_expire_time=NOON + 3 * LEASE),
        TaskState(IN_PROGRESS, lock=THEIRS, lock_expire_time=NOON + 3 * LEASE),
        TaskState(IN_PROGRESS, lock=THEIRS, lock_time=NOON + 2 * LEASE),
    ],
    ids=["lock_expire_time", "without lock_time", "without lock_expire_time: lock_time + lock_expire_seconds"],
)
def test_r3_the_end_of_a_lease(state: TaskState, after_end: timedelta, live: bool) -> None:
    rules, now = make_rules(), NOON + 3 * LEASE + after_end
    assert is_live(state, rules.config, now) is live
    verdict = rules.judge(state, OURS, now, LEASE)
    assert isinstance(verdict, Refused if live else TryWrite)


@pytest.mark.parametrize(
    ("state", "stuck"),
    [
        (TaskState(IN_PROGRESS, lock=THEIRS, lock_time=NOON - LEASE, lock_expire_time=NOON + TICK), False),
        (TaskState(IN_PROGRESS, lock=THEIRS, lock_time=NOON - LEASE, lock_expire_time=NOON), True),
        (TaskState(IN_PROGRESS, lock=THEIRS, lock_time=NOON - LEASE + TICK), False),
        (TaskState(IN_PROGRESS, lock=THEIRS, lock_time=NOON - LEASE), True),
        (TaskState(IN_PROGRESS, lock=THEIRS), True),
        (TaskState(IN_PROGRESS, lock_expire_time=NOON + LEASE), True),
        (TaskState(FAILED, lock=THEIRS, lock_expire_time=NOON - LEASE), False),
        (TaskState(PENDING), False),
        (TaskState(OTHER_STEP, lock=THEIRS, lock_expire_time=NOON - LEASE), False),
    ],
)
def test_r3_stuck_is_what_is_in_progress_in_this_step_without_a_live_lease(state: TaskState, stuck: bool) -> None:
    assert is_stuck(state, make_config(), NOON) is stuck


@given(any_task)
def test_r2_what_is_stuck_is_exactly_what_a_start_takes_over(task: Record) -> None:
    store, rules = MemoryStore(task), make_rules()
    verdict = rules.judge(store.state(task), OURS, NOON, LEASE)
    if is_stuck(store.state(task), rules.config, NOON):
        assert isinstance(verdict, TryWrite)
        assert verdict.write.guard == Unchanged(store.state(task))
        assert ("errors" in verdict.write.changes) is (task.lock != OURS)
    elif isinstance(verdict, TryWrite):
        assert "errors" not in verdict.write.changes


def test_r3_the_end_of_an_unknown_lease_is_told() -> None:
    verdict = make_rules().judge(TaskState(IN_PROGRESS, lock=THEIRS, lock_time=NOON), OURS, NOON, LEASE)
    assert isinstance(verdict, Refused)
    error = verdict.error
    assert isinstance(error, st.TaskLockedError)
    assert error.until == NOON + LEASE


def test_r3_an_expiry_that_an_older_library_left_on_a_free_task_is_no_lease() -> None:
    state = TaskState(PENDING, lock=None, lock_expire_time=NOON + LEASE)
    assert not is_live(state, make_config(), NOON)
    verdict = make_rules().judge(state, OURS, NOON, LEASE)
    assert verdict == TryWrite(Write(Unchanged(state), make_rules().acquire(OURS, NOON, LEASE).changes))


@pytest.mark.parametrize(("after_end", "admitted"), [(-TICK, False), (timedelta(0), True), (TICK, True)])
@pytest.mark.parametrize("expiry_known", [True, False])
def test_r3_the_blind_acquire_knows_the_same_end(after_end: timedelta, admitted: bool, expiry_known: bool) -> None:
    expiry = NOON if expiry_known else None
    store = MemoryStore(Record(FAILED, lock=THEIRS, lock_time=NOON - LEASE, lock_expire_time=expiry))
    assert store.write(make_rules().acquire(OURS, NOON + after_end, LEASE)).applied is admitted
