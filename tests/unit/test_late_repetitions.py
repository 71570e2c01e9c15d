"""A request that the network delivers once more, and late (R4, R5, R12, R13)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

import status_tracker as st
from status_tracker.core.lifecycle import KEPT_LOCKS, Lifecycle, Refused
from status_tracker.core.port import Startable, Write
from status_tracker.core.state import TaskState
from status_tracker.testing import Fault, MemoryStore
from tests.unit.steps import FAILED, LEASE, NOON, PENDING, SUCCEEDED, TICK, Clock, make_rules, start, stored, take_over

Course = Callable[[MemoryStore, Clock], None]
Rule = Callable[[Lifecycle, TaskState | None, datetime, Mapping[str, Any]], Write]


def test_r5_a_late_repetition_of_an_acquire_does_not_acquire_again(store: MemoryStore, clock: Clock) -> None:
    with pytest.raises(ValueError, match="mine"), start(store, clock):
        raise ValueError("mine")
    before = store.task
    assert not store.write(store.writes[0]).applied
    assert store.task == before
    assert stored(store).status == FAILED


def test_r5_an_attempt_that_has_finished_is_not_acquired_by_its_own_token_again() -> None:
    verdict = make_rules().judge(TaskState(FAILED, retry=1, finished_locks=("ours",)), "ours", NOON, LEASE)
    assert isinstance(verdict, Refused)
    assert type(verdict.error) is st.TaskIsNotReadyToStartError


def after_takeover(store: MemoryStore, clock: Clock) -> None:
    take_over(store, clock)


def after_takeover_and_failure(store: MemoryStore, clock: Clock) -> None:
    clock.move(LEASE.total_seconds())
    with pytest.raises(ValueError, match="theirs"), start(store, clock):
        raise ValueError("theirs")


def after(action: Rule) -> Course:
    def act(store: MemoryStore, clock: Clock) -> None:
        if action is not Lifecycle.unlock:
            clock.move(LEASE.total_seconds())
        record = {"action": "any", "id": "a-1", "reason": "why", "by": None}
        assert store.write(action(make_rules(), store.state(stored(store)), clock.now, record)).applied

    return act


def after_unlock_and_failure(store: MemoryStore, clock: Clock) -> None:
    after(Lifecycle.unlock)(store, clock)
    with pytest.raises(ValueError, match="theirs"), start(store, clock):
        raise ValueError("theirs")


def after_ignore_and_unignore(store: MemoryStore, clock: Clock) -> None:
    after(Lifecycle.ignore)(store, clock)
    after(Lifecycle.unignore)(store, clock)


COURSES: dict[str, Course] = {
    "takeover": after_takeover,
    "takeover and failure": after_takeover_and_failure,
    "rerun": after(Lifecycle.rerun),
    "unlock": after(Lifecycle.unlock),
    "unlock and failure": after_unlock_and_failure,
    "ignore and unignore": after_ignore_and_unignore,
}
courses = pytest.mark.parametrize("course", COURSES.values(), ids=COURSES)


@courses
def test_r4_a_late_repetition_of_a_vanished_workers_acquire_is_refused(
    store: MemoryStore, clock: Clock, course: Course
) -> None:
    start(store, clock).__enter__()
    acquire = store.writes[0]
    assert isinstance(acquire.guard, Startable)
    course(store, clock)
    before = stored(store)
    assert before.vanished_locks == (acquire.guard.lock,)
    clock.move(LEASE.total_seconds())
    for now in (NOON, clock.now):  # as it was sent, and as the worker would send it again
        assert not store.write(replace(acquire, guard=replace(acquire.guard, now=now))).applied
    assert store.task == before


@courses
def test_r13_even_if_its_acquire_were_repeated_a_stale_worker_stores_nothing(
    store: MemoryStore, clock: Clock, course: Course
) -> None:
    attempt = start(store, clock)
    ctx = attempt.__enter__()
    acquire = store.writes[0]
    course(store, clock)
    store.task = replace(
        stored(store), status=PENDING, lock=None, lock_expire_time=None, vanished_locks=None, update_time=None
    )
    assert store.write(acquire).applied
    before = stored(store)
    assert before.lock == acquire.changes["lock"]
    assert ctx.fence < (before.fence or 0)
    with pytest.raises(st.TaskLockLostError):
        ctx.set_data({"version": 1}).update()
    with pytest.raises(st.TaskLockLostError):
        ctx.extend_lock(5000)
    with pytest.raises(st.TaskLockLostError):
        attempt.__exit__(None, None, None)
    assert store.task == before


def test_r13_nor_does_it_store_its_failure(store: MemoryStore, clock: Clock) -> None:
    attempt, error = start(store, clock), ValueError("mine")
    attempt.__enter__()
    acquire = store.writes[0]
    after_takeover_and_failure(store, clock)
    store.task = replace(stored(store), vanished_locks=None, update_time=None)
    assert store.write(acquire).applied
    before = store.task
    attempt.__exit__(ValueError, error, None)
    assert store.task == before
    assert any("not held by this worker" in note for note in error.__notes__)


def test_r4_the_newest_vanished_tokens_are_kept(store: MemoryStore, clock: Clock) -> None:
    tokens = []
    for _ in range(KEPT_LOCKS + 2):
        start(store, clock, max_retry=99).__enter__()
        tokens.append(stored(store).lock)
        clock.move(LEASE.total_seconds())
    assert stored(store).vanished_locks == tuple(tokens[1:-1])
    assert len(tokens[1:-1]) == KEPT_LOCKS


def test_r5_an_acquire_whose_answer_was_lost_for_longer_than_its_lease_is_one_attempt(
    store: MemoryStore, clock: Clock
) -> None:
    store.befall(Fault.ANSWER_LOST)
    with start(store, clock, max_retry=1, lease=TICK) as ctx:
        assert clock.pauses
        assert stored(store).lock_expire_time == clock.now + TICK
        assert ctx.fence == 1
    task = stored(store)
    assert (task.status, task.retry, task.fence, task.errors["history"]) == (SUCCEEDED, 0, 1, [])
    assert not task.vanished_locks


def test_r5_an_attempt_that_vanished_is_not_acquired_by_its_own_token_again() -> None:
    verdict = make_rules().judge(TaskState(FAILED, retry=1, vanished_locks=("ours",)), "ours", NOON, LEASE)
    assert isinstance(verdict, Refused)
    assert type(verdict.error) is st.TaskIsNotReadyToStartError


def test_r4_a_late_repetition_of_an_update_undoes_no_later_one(store: MemoryStore, clock: Clock) -> None:
    with start(store, clock) as ctx:
        ctx.set_data({"version": 1}).update()
        late = store.writes[-1]
        ctx.set_data({"version": 2}).update()
        assert not store.write(late).applied
        assert stored(store).data == {"version": 2}
    assert (stored(store).status, stored(store).data) == (SUCCEEDED, {"version": 2})


def test_r4_the_updates_of_the_next_attempt_are_stored_as_well(store: MemoryStore, clock: Clock) -> None:
    for version in (1, 2):
        with pytest.raises(ValueError, match="mine"), start(store, clock) as ctx:
            ctx.set_data({"version": version}).update()
            raise ValueError("mine")
        assert stored(store).data == {"version": version}


@pytest.mark.parametrize("fault", [Fault.ANSWER_LOST, Fault.SENT_TWICE])
def test_r5_an_update_whose_answer_was_lost_is_not_a_lost_lock(store: MemoryStore, clock: Clock, fault: Fault) -> None:
    with start(store, clock) as ctx:
        store.befall(fault)
        ctx.set_data({"version": 1}).update()
        assert ctx.task == stored(store)
        assert stored(store).data == {"version": 1}


def test_r12_a_late_repetition_of_a_renewal_shortens_no_lease(store: MemoryStore, clock: Clock) -> None:
    with start(store, clock) as ctx:
        ctx.extend_lock(500)
        late = store.writes[-1]
        ctx.extend_lock(900)
        assert not store.write(late).applied
        assert stored(store).lock_expire_time == NOON + timedelta(seconds=900)


def test_r12_a_renewal_leaves_a_lease_that_ends_later(store: MemoryStore, clock: Clock) -> None:
    with start(store, clock) as ctx:
        ctx.extend_lock(10)
        assert stored(store).lock_expire_time == NOON + LEASE
        assert ctx.task == stored(store)
        with pytest.raises(st.TaskLockedError), start(store, clock):
            pytest.fail("the block was entered")
    assert stored(store).status == SUCCEEDED
