"""What an attempt does when the network drops its writes or their answers (R5, R6)."""

from __future__ import annotations

import random
from datetime import timedelta

import pytest

import status_tracker as st
from status_tracker.core.port import StoreError
from status_tracker.testing import BackendError, Fault, MemoryStore
from tests.unit.steps import (
    FAILED,
    LEASE,
    NOON,
    PENDING,
    SUCCEEDED,
    Clock,
    history,
    start,
    stored,
)

RETRYABLE_FAULTS = [Fault.UNAVAILABLE, Fault.ANSWER_LOST, Fault.SENT_TWICE]


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
    store.befall(fault, times=1000)
    with pytest.raises(BackendError) as caught, start(store, clock):
        pytest.fail("the block was entered")
    assert isinstance(caught.value.__cause__, StoreError)
    assert stored(store).status == PENDING
    assert len(store.writes) == (1 if fault is Fault.BROKEN else 3)


@pytest.mark.parametrize("times", [1, 2])
@pytest.mark.parametrize("fault", [Fault.UNAVAILABLE, Fault.ANSWER_LOST])
def test_r5_an_acquire_without_an_answer_is_repeated_and_made_once(
    store: MemoryStore, clock: Clock, fault: Fault, times: int
) -> None:
    store.befall(fault, times)
    with start(store, clock) as ctx:
        made = NOON if fault is Fault.ANSWER_LOST else clock.now
        assert (ctx.fence, ctx.task.lock_time, ctx.task.lock_expire_time) == (1, made, made + LEASE)
    assert stored(store).status == SUCCEEDED
    assert len(clock.pauses) == times
    assert max(clock.pauses) <= 0.5
    assert history(store) == []


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
    assert "was not stored" in note
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
