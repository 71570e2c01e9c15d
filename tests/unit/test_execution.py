"""One attempt over the store port: what is written when, and what is raised (R4, R7, R8)."""

from __future__ import annotations

import asyncio
import traceback
from dataclasses import replace
from typing import Any

import pytest

import status_tracker as st
from status_tracker.testing import MemoryStore, Record
from tests.unit.steps import (
    FAILED,
    IGNORED,
    IN_PROGRESS,
    LEASE,
    NOON,
    SUCCEEDED,
    Clock,
    history,
    start,
    stored,
    take_over,
)

# The course of an attempt, and what it costs


def test_r7_an_attempt_that_succeeds(store: MemoryStore, clock: Clock) -> None:
    with start(store, clock) as ctx:
        assert ctx.task == stored(store)
        assert (ctx.task.status, ctx.task.lock_expire_time) == (IN_PROGRESS, NOON + LEASE)
        assert ctx.set_data({"version": 1}) is ctx
        assert stored(store).data == {"version": 0}
    assert ctx.task == stored(store)
    assert (ctx.task.status, ctx.task.lock, ctx.task.data) == (SUCCEEDED, None, {"version": 1})
    assert len(store.writes) == 2


def test_r1_a_refused_start_is_one_write(store: MemoryStore, clock: Clock) -> None:
    store.task = Record(SUCCEEDED)
    with pytest.raises(st.TaskAlreadySucceedError), start(store, clock):
        pytest.fail("the block was entered")
    assert len(store.writes) == 1


def test_r2_a_takeover_is_two_writes(store: MemoryStore, clock: Clock) -> None:
    start(store, clock).__enter__()
    clock.move(LEASE.total_seconds())
    before = len(store.writes)
    with start(store, clock) as ctx:
        assert len(store.writes) - before == 2
        assert (ctx.fence, ctx.task.retry) == (2, 1)
    assert [entry["error"][:13] for entry in history(store)] == ["LeaseExpired("]


def test_r2_a_start_that_gives_up_at_takeover_does_not_enter(store: MemoryStore, clock: Clock) -> None:
    start(store, clock, max_retry=1).__enter__()
    clock.move(LEASE.total_seconds())
    with pytest.raises(st.TaskIgnoredError) as caught, start(store, clock, max_retry=1):
        pytest.fail("the block was entered")
    assert caught.value.given_up_now
    assert (stored(store).status, stored(store).lock, stored(store).retry) == (IGNORED, None, 1)


def test_r2_a_takeover_whose_worker_renews_its_lease_meanwhile_is_refused(store: MemoryStore, clock: Clock) -> None:
    slow = start(store, clock).__enter__()
    clock.move(LEASE.total_seconds())
    store.before_write = renew_before_the_takeover(store, slow)
    with pytest.raises(st.TaskLockedError), start(store, clock):
        pytest.fail("the block was entered")
    assert history(store) == []


def renew_before_the_takeover(store: MemoryStore, slow: st.ExecutionContext[Record]) -> Any:
    seen = len(store.writes)

    def hook() -> None:
        if len(store.writes) == seen + 2:
            store.before_write = None
            slow.extend_lock()

    return hook


def test_r2_a_task_that_keeps_changing_hands_is_locked(store: MemoryStore, clock: Clock) -> None:
    start(store, clock).__enter__()
    clock.move(LEASE.total_seconds())
    rounds = iter(range(1, 1000))

    def somebody_else() -> None:
        store.task = Record(IN_PROGRESS, lock="other", lock_expire_time=NOON, fence=1 + next(rounds))

    store.before_write = somebody_else
    with pytest.raises(st.TaskLockedError) as caught, start(store, clock):
        pytest.fail("the block was entered")
    assert (caught.value.use_case_id, caught.value.task_id) == ("test", "t-1")
    assert next(rounds) < 50


def test_r2_a_task_that_changes_hands_a_few_times_is_acquired_when_it_comes_to_rest(
    store: MemoryStore, clock: Clock
) -> None:
    store.task = Record(IN_PROGRESS, lock="other", lock_expire_time=NOON, errors={"history": []})
    fences = iter(range(1, 5))

    def somebody_else() -> None:
        fence = next(fences, None)
        if fence is not None:
            store.task = replace(stored(store), fence=fence)

    store.before_write = somebody_else
    with start(store, clock) as ctx:
        assert ctx.fence == 5
    assert len(history(store)) == 1


def test_r13_the_fence_grows_with_every_acquire(store: MemoryStore, clock: Clock) -> None:
    fences = []
    for _ in range(3):
        with pytest.raises(ValueError, match="no"), start(store, clock, max_retry=9) as ctx:
            fences.append(ctx.fence)
            raise ValueError("no")
    assert fences == [1, 2, 3]


@pytest.mark.parametrize("first_ended", [False, True], ids=["nested", "again"])
def test_an_attempt_is_entered_once(store: MemoryStore, clock: Clock, first_ended: bool) -> None:
    attempt = start(store, clock)
    with pytest.raises(ZeroDivisionError), attempt:
        if not first_ended:
            with pytest.raises((RuntimeError, st.TaskLockedError)):
                attempt.__enter__()
        raise ZeroDivisionError
    if first_ended:
        with pytest.raises(RuntimeError):
            attempt.__enter__()


# R4: every write after the acquire carries the token


def test_r4_a_stale_workers_update_and_renewal_change_nothing(store: MemoryStore, clock: Clock) -> None:
    ctx = start(store, clock).__enter__()
    take_over(store, clock)
    before = store.task
    for act in (ctx.set_data({"stale": True}).update, ctx.extend_lock):
        with pytest.raises(st.TaskLockLostError) as caught:
            act()
        assert store.task == before
        assert "t-1" in str(caught.value)
        assert (caught.value.use_case_id, caught.value.task_id) == ("test", "t-1")


def test_r4_a_stale_workers_success_is_lost_and_says_so(store: MemoryStore, clock: Clock) -> None:
    with pytest.raises(st.TaskLockLostError), start(store, clock) as ctx:
        ctx.set_data({"stale": True})
        take_over(store, clock)
        before = store.task
    assert store.task == before


def test_r4_a_stale_workers_own_exception_stays_with_the_lost_lock_in_its_notes(
    store: MemoryStore, clock: Clock
) -> None:
    error = ValueError("mine")
    with pytest.raises(ValueError, match="mine") as caught, start(store, clock):
        take_over(store, clock)
        before = store.task
        raise error
    assert caught.value is error
    assert store.task == before
    (note,) = error.__notes__
    assert "not held by this worker" in note


def test_r4_the_lock_lost_in_the_block_goes_through_once_and_unchanged(store: MemoryStore, clock: Clock) -> None:
    with pytest.raises(st.TaskLockLostError) as caught, start(store, clock) as ctx:
        take_over(store, clock)
        before, n_writes = store.task, len(store.writes)
        ctx.extend_lock()
    assert store.task == before
    assert not hasattr(caught.value, "__notes__")
    assert len(store.writes) == n_writes + 1


def test_r4_another_exception_after_the_lock_was_lost_has_it_in_its_notes(store: MemoryStore, clock: Clock) -> None:
    with pytest.raises(ValueError, match="clean-up") as caught, start(store, clock) as ctx:
        take_over(store, clock)
        try:
            ctx.extend_lock()
        except st.TaskLockLostError:
            raise ValueError("clean-up failed") from None
    assert any("not held by this worker" in note for note in caught.value.__notes__)


def test_r4_a_lost_lock_that_the_block_swallows_is_raised_at_its_end(store: MemoryStore, clock: Clock) -> None:
    with pytest.raises(st.TaskLockLostError), start(store, clock) as ctx:
        take_over(store, clock)
        before = store.task
        with pytest.raises(st.TaskLockLostError):
            ctx.extend_lock()
    assert store.task == before


def test_r4_a_lease_that_is_over_but_was_not_taken_over_is_still_held(store: MemoryStore, clock: Clock) -> None:
    with start(store, clock) as ctx:
        clock.move(10 * LEASE.total_seconds())
        ctx.set_data({"late": True}).update()
    assert (stored(store).status, stored(store).data) == (SUCCEEDED, {"late": True})


# R8: the user's exception


@pytest.mark.parametrize(
    "error",
    [ValueError("mine"), KeyboardInterrupt(), SystemExit(3), asyncio.CancelledError(), GeneratorExit()],
    ids=repr,
)
def test_r8_any_exception_is_recorded_and_goes_on_untouched(
    store: MemoryStore, clock: Clock, error: BaseException
) -> None:
    context = LookupError("the context it had")
    error.__context__ = context
    with pytest.raises(type(error)) as caught, start(store, clock):
        raise error
    assert caught.value is error
    assert error.__context__ is context
    assert error.__cause__ is None
    assert not hasattr(error, "__notes__")
    assert (stored(store).status, stored(store).lock, stored(store).retry) == (FAILED, None, 1)
    assert history(store)[0]["error"] == repr(error)


def test_r8_the_traceback_reaches_the_users_line(store: MemoryStore, clock: Clock) -> None:
    def users_function() -> None:
        raise ValueError("mine")

    with pytest.raises(ValueError, match="mine") as caught, start(store, clock):
        users_function()
    names = [frame.name for frame in traceback.extract_tb(caught.value.__traceback__)]
    assert names == ["test_r8_the_traceback_reaches_the_users_line", "users_function"]
    assert "users_function" in history(store)[0]["traceback"]


def test_r8_pending_data_is_dropped(store: MemoryStore, clock: Clock) -> None:
    with pytest.raises(ValueError, match="mine"), start(store, clock) as ctx:
        ctx.set_data({"version": 1})
        raise ValueError("mine")
    assert stored(store).data == {"version": 0}


def test_r8_updated_data_stays(store: MemoryStore, clock: Clock) -> None:
    with pytest.raises(ValueError, match="mine"), start(store, clock) as ctx:
        ctx.set_data({"version": 1}).update()
        assert ctx.task.data == {"version": 1}
        assert ctx.task.status == IN_PROGRESS
        raise ValueError("mine")
    assert (stored(store).status, stored(store).data) == (FAILED, {"version": 1})


def test_r8_after_max_retry_failures_the_task_is_ignored(store: MemoryStore, clock: Clock) -> None:
    for _ in range(3):
        with pytest.raises(ValueError, match="mine"), start(store, clock):
            raise ValueError("mine")
    assert (stored(store).status, stored(store).retry) == (IGNORED, 3)
    assert [entry["nth_retry"] for entry in history(store)] == [1, 2, 3]
    with pytest.raises(st.TaskIgnoredError) as caught, start(store, clock):
        pytest.fail("the block was entered")
    assert not caught.value.given_up_now
