"""What the block works with: its data, its updates, its lease, and what is refused after it."""

from __future__ import annotations

from typing import Any

import pytest

import status_tracker as st
from status_tracker.writes import HeldBy
from tests.support.memory_store import MemoryStore
from tests.unit.steps import (
    FAILED,
    LEASE,
    NOON,
    SUCCEEDED,
    TICK,
    Clock,
    history,
    start,
    stored,
)

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


# After the block


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
