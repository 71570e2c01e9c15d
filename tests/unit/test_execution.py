"""One attempt over the store port: what is written when, what is raised, how long it is retried (R4, R5, R6)."""

from __future__ import annotations

import asyncio
import random
import traceback
from datetime import timedelta
from typing import Any

import pytest

import status_tracker as st
from status_tracker.execution import StoreError
from status_tracker.writes import HeldBy
from tests.support.memory_store import BackendError, Fault, MemoryStore, MemoryTask
from tests.unit.steps import FAILED, IGNORED, IN_PROGRESS, LEASE, NOON, PENDING, SUCCEEDED, TICK, Clock, start

RETRYABLE_FAULTS = [Fault.UNAVAILABLE, Fault.ANSWER_LOST, Fault.SENT_TWICE]


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore(MemoryTask(PENDING, create_time=NOON, data={"version": 0}, errors={"history": []}))


def stored(store: MemoryStore) -> MemoryTask:
    assert store.task is not None
    return store.task


def history(store: MemoryStore) -> list[dict[str, Any]]:
    entries: list[dict[str, Any]] = stored(store).errors["history"]
    return entries


def take_over(store: MemoryStore, clock: Clock) -> None:
    """Another worker starts the task once the lease is over, and vanishes in its turn."""
    clock.move(LEASE.total_seconds())
    start(store, clock).__enter__()


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
    store.task = MemoryTask(SUCCEEDED)
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


def renew_before_the_takeover(store: MemoryStore, slow: st.ExecutionContext[MemoryTask]) -> Any:
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
        store.task = MemoryTask(IN_PROGRESS, lock="other", lock_expire_time=NOON, fence=1 + next(rounds))

    store.before_write = somebody_else
    with pytest.raises(st.TaskLockedError) as caught, start(store, clock):
        pytest.fail("the block was entered")
    assert (caught.value.use_case_id, caught.value.task_id) == ("test", "t-1")
    assert next(rounds) < 50


def test_r13_the_fence_grows_with_every_acquire(store: MemoryStore, clock: Clock) -> None:
    fences = []
    for _ in range(3):
        with pytest.raises(ValueError, match="no"), start(store, clock, max_retry=9) as ctx:  # noqa: PT012
            fences.append(ctx.fence)
            raise ValueError("no")
    assert fences == [1, 2, 3]


@pytest.mark.parametrize("first_ended", [False, True], ids=["nested", "again"])
def test_an_attempt_is_entered_once(store: MemoryStore, clock: Clock, first_ended: bool) -> None:
    attempt = start(store, clock)
    with pytest.raises(ZeroDivisionError), attempt:  # noqa: PT012
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
    with pytest.raises(st.TaskLockLostError), start(store, clock) as ctx:  # noqa: PT012
        ctx.set_data({"stale": True})
        take_over(store, clock)
        before = store.task
    assert store.task == before


def test_r4_a_stale_workers_own_exception_stays_with_the_lost_lock_in_its_notes(
    store: MemoryStore, clock: Clock
) -> None:
    error = ValueError("mine")
    with pytest.raises(ValueError, match="mine") as caught, start(store, clock):  # noqa: PT012
        take_over(store, clock)
        before = store.task
        raise error
    assert caught.value is error
    assert store.task == before
    (note,) = error.__notes__
    assert "not held by this worker" in note


def test_r4_the_lock_lost_in_the_block_goes_through_once_and_unchanged(store: MemoryStore, clock: Clock) -> None:
    with pytest.raises(st.TaskLockLostError) as caught, start(store, clock) as ctx:  # noqa: PT012
        take_over(store, clock)
        before, n_writes = store.task, len(store.writes)
        ctx.extend_lock()
    assert store.task == before
    assert not hasattr(caught.value, "__notes__")
    assert len(store.writes) == n_writes + 1


def test_r4_another_exception_after_the_lock_was_lost_has_it_in_its_notes(store: MemoryStore, clock: Clock) -> None:
    with pytest.raises(ValueError, match="clean-up") as caught, start(store, clock) as ctx:  # noqa: PT012
        take_over(store, clock)
        try:
            ctx.extend_lock()
        except st.TaskLockLostError:
            raise ValueError("clean-up failed") from None
    assert any("not held by this worker" in note for note in caught.value.__notes__)


def test_r4_a_lost_lock_that_the_block_swallows_is_raised_at_its_end(store: MemoryStore, clock: Clock) -> None:
    with pytest.raises(st.TaskLockLostError), start(store, clock) as ctx:  # noqa: PT012
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


@pytest.mark.parametrize("act", ["update", "extend_lock"])
def test_after_the_block_nothing_can_be_stored(store: MemoryStore, clock: Clock, act: str) -> None:
    with start(store, clock) as ctx:
        pass
    before = store.task
    ctx.set_data({"late": True})
    with pytest.raises(st.TaskLockLostError) as caught:
        getattr(ctx, act)()
    assert store.task == before
    assert "another worker took the task over" not in str(caught.value)


@pytest.mark.parametrize("fails", [False, True])
def test_after_the_block_no_data_is_pending(store: MemoryStore, clock: Clock, fails: bool) -> None:
    attempt = start(store, clock)
    ctx = attempt.__enter__().set_data({"version": 1})
    attempt.__exit__(*((ValueError, ValueError(), None) if fails else (None, None, None)))
    assert ctx.pending_data is None
    ctx.update()


# R5: a lost answer is not a failure


@pytest.mark.parametrize("error", [None, ValueError("mine")], ids=["success", "failure"])
@pytest.mark.parametrize("fault", RETRYABLE_FAULTS)
def test_r5_a_finish_without_an_answer_is_stored_once(
    store: MemoryStore, clock: Clock, fault: Fault, error: ValueError | None
) -> None:
    attempt = start(store, clock)
    ctx = attempt.__enter__()
    store.befall(fault)
    attempt.__exit__(error and type(error), error, None)
    assert stored(store).status == (FAILED if error else SUCCEEDED)
    assert ctx.task == store.task
    assert len(history(store)) == (1 if error else 0)
    assert not hasattr(error, "__notes__")


def test_r5_a_repeated_finish_is_recognised_after_the_next_worker_is_done(store: MemoryStore, clock: Clock) -> None:
    attempt = start(store, clock, max_retry=9)
    attempt.__enter__()
    store.befall(Fault.ANSWER_LOST)

    def next_worker() -> None:
        if stored(store).status == FAILED:
            store.before_write = None
            with start(store, clock, max_retry=9) as ctx:
                ctx.set_data({"by": "the next"})

    store.before_write = next_worker
    error = ValueError("mine")
    attempt.__exit__(ValueError, error, None)
    assert not hasattr(error, "__notes__")
    assert (stored(store).status, stored(store).data) == (SUCCEEDED, {"by": "the next"})


@pytest.mark.parametrize("taken_over", [False, True])
def test_r5_an_acquire_sent_twice_is_ours(store: MemoryStore, clock: Clock, taken_over: bool) -> None:
    if taken_over:
        start(store, clock).__enter__()
        clock.move(LEASE.total_seconds())
        store.before_write = lambda: store.befall(Fault.SENT_TWICE)
    else:
        store.befall(Fault.SENT_TWICE)
    with start(store, clock) as ctx:
        store.before_write = None
        assert ctx.fence == (2 if taken_over else 1)
    assert stored(store).status == SUCCEEDED
    assert len(history(store)) == (1 if taken_over else 0)


def test_r5_giving_up_sent_twice_is_still_given_up_now(store: MemoryStore, clock: Clock) -> None:
    start(store, clock, max_retry=1).__enter__()
    clock.move(LEASE.total_seconds())
    store.before_write = lambda: store.befall(Fault.SENT_TWICE)
    with pytest.raises(st.TaskIgnoredError) as caught, start(store, clock, max_retry=1):
        pytest.fail("the block was entered")
    assert len(history(store)) == 1
    assert caught.value.given_up_now


@pytest.mark.parametrize("fault", RETRYABLE_FAULTS)
def test_r5_update_and_renewal_are_safe_to_repeat(store: MemoryStore, clock: Clock, fault: Fault) -> None:
    with start(store, clock) as ctx:
        store.befall(fault)
        ctx.set_data({"version": 1}).update()
        assert stored(store).data == {"version": 1}
        store.befall(fault)
        ctx.extend_lock(500)
        assert stored(store).lock_expire_time is not None
        assert stored(store).lock_expire_time > NOON + LEASE
    assert stored(store).status == SUCCEEDED


@pytest.mark.parametrize("fault", [Fault.UNAVAILABLE, Fault.BROKEN])
def test_a_start_that_cannot_be_written_raises_the_backends_own_error(
    store: MemoryStore, clock: Clock, fault: Fault
) -> None:
    store.befall(fault)
    with pytest.raises(BackendError) as caught, start(store, clock):
        pytest.fail("the block was entered")
    assert isinstance(caught.value.__cause__, StoreError)
    assert stored(store).status == PENDING


# R6: a finish that cannot be written


def test_r6_a_finish_is_retried_until_the_store_answers(store: MemoryStore, clock: Clock) -> None:
    with start(store, clock, lock_expire_seconds=3600, lease=timedelta(hours=1)) as ctx:
        ctx.set_data({"version": 1})
        store.befall(Fault.UNAVAILABLE, times=12)
    assert (stored(store).status, stored(store).data) == (SUCCEEDED, {"version": 1})
    assert len(clock.pauses) == 12


@pytest.mark.parametrize("error", [None, ValueError("mine")], ids=["success", "failure"])
def test_r6_retrying_stops_at_the_end_of_the_lease(store: MemoryStore, clock: Clock, error: ValueError | None) -> None:
    attempt = start(store, clock)
    attempt.__enter__()
    before = store.task
    store.befall(Fault.UNAVAILABLE, times=1000)
    if error:
        attempt.__exit__(ValueError, error, None)
        (note,) = error.__notes__
    else:
        with pytest.raises(st.StatusNotSavedError) as caught:
            attempt.__exit__(None, None, None)
        note = str(caught.value)
        assert isinstance(caught.value.__cause__, BackendError)
        assert (caught.value.use_case_id, caught.value.task_id) == ("test", "t-1")
    assert "could not be stored" in note
    assert (NOON + LEASE).isoformat() in note
    assert store.task == before
    assert clock.now < NOON + LEASE
    assert len(clock.pauses) > 5


def test_r6_a_renewed_lease_gives_more_time(store: MemoryStore, clock: Clock) -> None:
    attempt = start(store, clock)
    ctx = attempt.__enter__()
    ctx.extend_lock(1000)
    store.befall(Fault.UNAVAILABLE, times=10000)
    with pytest.raises(st.StatusNotSavedError):
        attempt.__exit__(None, None, None)
    assert NOON + timedelta(seconds=990) < clock.now < NOON + timedelta(seconds=1000)


def test_r6_after_the_lease_it_is_tried_once(store: MemoryStore, clock: Clock) -> None:
    attempt = start(store, clock)
    attempt.__enter__()
    clock.move(LEASE.total_seconds())
    store.befall(Fault.UNAVAILABLE, times=2)
    with pytest.raises(st.StatusNotSavedError):
        attempt.__exit__(None, None, None)
    assert clock.pauses == []
    assert len(store.writes) == 2


def test_r6_what_will_never_go_through_is_not_retried(store: MemoryStore, clock: Clock) -> None:
    attempt = start(store, clock)
    attempt.__enter__()
    store.befall(Fault.BROKEN)
    with pytest.raises(st.StatusNotSavedError):
        attempt.__exit__(None, None, None)
    assert clock.pauses == []
    assert len(store.writes) == 2


@pytest.mark.parametrize("seed", range(20))
def test_r6_pauses_are_jittered_and_grow_to_a_bound(
    store: MemoryStore, clock: Clock, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(random, "uniform", random.Random(seed).uniform)  # noqa: S311
    with start(store, clock, lease=timedelta(hours=1)):
        store.befall(Fault.UNAVAILABLE, times=30)
    bounds = [min(0.1 * 2**n, 5.0) for n in range(30)]
    assert all(0 <= pause <= bound for pause, bound in zip(clock.pauses, bounds, strict=True))
    assert max(clock.pauses) > 2.5
    assert len(set(clock.pauses)) == 30


def test_r6_the_unsaved_status_is_taken_over_as_a_vanished_attempt(store: MemoryStore, clock: Clock) -> None:
    attempt = start(store, clock)
    attempt.__enter__()
    store.befall(Fault.BROKEN)
    with pytest.raises(st.StatusNotSavedError):
        attempt.__exit__(None, None, None)
    clock.move(LEASE.total_seconds())
    with start(store, clock):
        assert [entry["error"][:13] for entry in history(store)] == ["LeaseExpired("]


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
    with pytest.raises(ValueError, match="mine"), start(store, clock) as ctx:  # noqa: PT012
        ctx.set_data({"version": 1})
        raise ValueError("mine")
    assert stored(store).data == {"version": 0}


def test_r8_updated_data_stays(store: MemoryStore, clock: Clock) -> None:
    with pytest.raises(ValueError, match="mine"), start(store, clock) as ctx:  # noqa: PT012
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


# set_data


@pytest.mark.parametrize("data", [{"when": NOON}, {"bytes": b""}, {("a", "b"): 1}], ids=["datetime", "bytes", "key"])
def test_set_data_refuses_at_once_what_json_cannot_hold(store: MemoryStore, clock: Clock, data: dict[Any, Any]) -> None:
    with pytest.raises(TypeError), start(store, clock) as ctx:
        ctx.set_data(data)
    assert (stored(store).status, stored(store).lock) == (FAILED, None)
    assert "TypeError" in history(store)[0]["error"]


def test_set_data_refuses_a_circle(store: MemoryStore, clock: Clock) -> None:
    circle: dict[str, Any] = {}
    circle["self"] = circle
    with pytest.raises(ValueError, match="ircular"), start(store, clock) as ctx:
        ctx.set_data(circle)
    assert stored(store).status == FAILED


def test_a_refused_set_data_leaves_what_was_set_before(store: MemoryStore, clock: Clock) -> None:
    with start(store, clock) as ctx:
        ctx.set_data({"version": 1})
        with pytest.raises(TypeError):
            ctx.set_data({"version": NOON})
    assert stored(store).data == {"version": 1}


def test_data_changed_after_set_data_does_not_leave_the_task_hanging(store: MemoryStore, clock: Clock) -> None:
    with start(store, clock) as ctx:
        data: dict[str, Any] = {"version": 1}
        ctx.set_data(data)
        data["version"] = NOON
    assert (stored(store).status, stored(store).data) == (SUCCEEDED, {"version": 1})


def test_set_data_none_stands_for_no_data(store: MemoryStore, clock: Clock) -> None:
    with start(store, clock) as ctx:
        ctx.set_data(None)
    assert stored(store).data == {}


def test_without_set_data_the_data_stays(store: MemoryStore, clock: Clock) -> None:
    with start(store, clock) as ctx:
        ctx.update()
    assert stored(store).data == {"version": 0}
    assert len(store.writes) == 2


def test_an_updated_data_is_not_written_again(store: MemoryStore, clock: Clock) -> None:
    with start(store, clock) as ctx:
        ctx.set_data({"version": 1}).update()
        assert ctx.pending_data is None
    assert "data" not in store.writes[-1].changes
    assert stored(store).data == {"version": 1}


# R12


def test_r12_a_renewed_lease_keeps_others_out(store: MemoryStore, clock: Clock) -> None:
    with start(store, clock) as ctx:
        clock.move((LEASE - TICK).total_seconds())
        ctx.extend_lock()
        assert ctx.task.lock_expire_time == clock.now + LEASE
        clock.move((LEASE - TICK).total_seconds())
        with pytest.raises(st.TaskLockedError), start(store, clock):
            pytest.fail("the block was entered")
    assert [type(write.guard) for write in store.writes].count(HeldBy) == 2


@pytest.mark.parametrize("seconds", [0, -1, float("nan")])
def test_r12_a_lease_of_no_time_is_refused(store: MemoryStore, clock: Clock, seconds: float) -> None:
    with start(store, clock) as ctx:
        with pytest.raises(ValueError, match="seconds"):
            ctx.extend_lock(seconds)
        assert stored(store).lock_expire_time == NOON + LEASE
