"""A request that the network delivers once more, and late (R4, R5, R12, R13)."""

from __future__ import annotations

from datetime import timedelta

import pytest

import status_tracker as st
from status_tracker.writes import Refused, TaskState
from tests.support.memory_store import Fault, MemoryStore
from tests.unit.steps import FAILED, LEASE, NOON, SUCCEEDED, Clock, make_rules, start, stored


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
