"""What a start does if its store says that what is stored cannot be read."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import pytest

import status_tracker as st
from status_tracker.core.port import HeldBy, UnreadableError, Write, WriteResult
from status_tracker.testing import Fault, MemoryStore, Record
from tests.unit.steps import FAILED, IN_PROGRESS, LEASE, NOON, PENDING, SUCCEEDED, Clock, history, start, stored

TORN = st.TaskUnreadableError("torn", use_case_id="test", task_id="t-1")


@dataclass
class TornStore(MemoryStore):
    """Its task cannot be read, but for the fields that the rules need, and not all of those."""

    broken: Collection[str] = ()
    worse: Fault | None = None

    def write(self, write: Write) -> WriteResult[Record]:
        answer = super().write(write)
        if isinstance(write.guard, HeldBy) or answer.task is None:
            return answer
        if self.worse is not None:
            self.befall(self.worse, 9)
        ours = answer.task.lock == write.changes.get("lock")
        raise UnreadableError(TORN, self.state(answer.task) if ours else None, self.broken)


def refused(store: MemoryStore, clock: Clock) -> None:
    with pytest.raises(st.TaskUnreadableError) as refusal, start(store, clock):
        pytest.fail("the block was entered")
    assert refusal.value is TORN


def torn(**fields: Any) -> Record:
    return Record(**{"status": PENDING, "create_time": NOON, "data": {}, "errors": {"history": []}, **fields})


def test_it_is_given_back_as_failed(clock: Clock) -> None:
    store = TornStore(torn())
    refused(store, clock)
    task = stored(store)
    assert (task.status, task.lock, task.lock_expire_time, task.retry, task.fence) == (FAILED, None, None, 1, 1)
    assert [entry["error"] for entry in history(store)] == [repr(TORN)]
    assert len(task.finished_locks or ()) == 1


def test_what_cannot_be_read_is_not_overwritten(clock: Clock) -> None:
    store = TornStore(torn(errors={"mine": 1}, retry=7), broken={"errors", "retry"})
    refused(store, clock)
    assert (stored(store).errors, stored(store).retry) == ({"mine": 1}, 7)
    assert (stored(store).lock, len(store.writes)) == (None, 2)


@pytest.mark.parametrize("fault", [Fault.ANSWER_LOST, Fault.UNAVAILABLE])
def test_r5_a_start_that_is_repeated(clock: Clock, fault: Fault) -> None:
    store = TornStore(torn())
    store.befall(fault)
    refused(store, clock)
    assert (stored(store).status, stored(store).lock, stored(store).retry) == (FAILED, None, 1)


def test_if_it_cannot_be_given_back_the_lease_ends_by_itself(clock: Clock) -> None:
    store = TornStore(torn(), worse=Fault.UNAVAILABLE)
    refused(store, clock)
    assert (stored(store).status, stored(store).lock_expire_time) == (IN_PROGRESS, NOON + LEASE)


def test_what_another_holds_or_has_finished_is_left_alone(clock: Clock) -> None:
    for fields in ({"status": SUCCEEDED}, {"status": IN_PROGRESS, "lock": "other", "lock_expire_time": NOON + LEASE}):
        store = TornStore(torn(**fields))
        before = stored(store)
        refused(store, clock)
        assert (store.task, len(store.writes)) == (before, 1)
