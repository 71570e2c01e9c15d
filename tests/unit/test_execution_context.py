"""What the block works with: its data, its updates, its lease, and what is refused after it."""

from __future__ import annotations

import json
from typing import Any

import pytest

import status_tracker as st
from status_tracker.core.port import HeldBy
from status_tracker.testing import MemoryStore, Record
from tests.unit.steps import (
    FAILED,
    LEASE,
    NOON,
    PENDING,
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
    with pytest.raises(ValueError, match=r"data\['self'\] contains itself"), start(store, clock) as ctx:
        ctx.set_data(circle)
    assert stored(store).status == FAILED


def test_a_refused_set_data_leaves_what_was_set_before(store: MemoryStore, clock: Clock) -> None:
    with start(store, clock) as ctx:
        ctx.set_data({"version": 1})
        with pytest.raises(TypeError):
            ctx.set_data({"version": NOON})
    assert stored(store).data == {"version": 1}


def test_data_may_be_filled_after_set_data(store: MemoryStore, clock: Clock) -> None:
    with start(store, clock) as ctx:
        data: dict[str, Any] = {"version": 1}
        ctx.set_data(data)
        assert ctx.pending_data is data
        data["pages"] = 3
    assert (stored(store).status, stored(store).data) == (SUCCEEDED, {"version": 1, "pages": 3})


def spoilt_by(value: Any) -> dict[str, Any]:
    data: dict[str, Any] = {"version": value}
    data["itself"] = data if value is None else 0
    return data


@pytest.mark.parametrize(("value", "kind"), [(NOON, TypeError), (None, ValueError)], ids=["datetime", "circle"])
def test_data_spoilt_after_set_data_makes_the_attempt_fail(
    store: MemoryStore, clock: Clock, value: Any, kind: type[Exception]
) -> None:
    data: dict[str, Any] = {}
    with pytest.raises(kind) as caught, start(store, clock) as ctx:
        ctx.set_data(data)
        data.update(spoilt_by(value))
    task = stored(store)
    assert (task.status, task.lock, task.retry, task.data) == (FAILED, None, 1, {"version": 0})
    assert [entry["error"] for entry in history(store)] == [repr(caught.value)]
    assert store.successes == []


# R10: the data's limit


@pytest.mark.parametrize("letter", ["x", "ü", "🎈", "\n"])
def test_r10_data_that_exactly_fits_is_stored_and_one_byte_more_is_not(
    store: MemoryStore, clock: Clock, letter: str
) -> None:
    data = {"version": 10 * letter}
    size = len(json.dumps(data))
    with start(store, clock, max_data_bytes=size) as ctx:
        ctx.set_data(data)
    assert stored(store).data == data
    store.task = Record(PENDING, data={"version": 0})
    with pytest.raises(st.TaskDataTooLargeError) as caught, start(store, clock, max_data_bytes=size) as ctx:
        ctx.set_data({"version": 10 * letter + "x"})
    assert f"{size + 1:,} bytes" in str(caught.value)
    assert f"{size:,}" in str(caught.value)
    assert (caught.value.use_case_id, caught.value.task_id) == ("test", "t-1")
    assert (stored(store).status, stored(store).lock, stored(store).data) == (FAILED, None, {"version": 0})
    assert "TaskDataTooLargeError" in history(store)[0]["error"]


def test_r10_data_that_outgrows_the_limit_after_set_data_makes_the_attempt_fail(
    store: MemoryStore, clock: Clock
) -> None:
    with pytest.raises(st.TaskDataTooLargeError), start(store, clock, max_data_bytes=30) as ctx:
        data = {"version": "small"}
        ctx.set_data(data)
        data["version"] = 30 * "x"
    assert (stored(store).status, stored(store).lock, stored(store).data) == (FAILED, None, {"version": 0})
    assert store.successes == []


@pytest.mark.parametrize("value", [30 * "x", NOON], ids=["too large", "no JSON"])
def test_r10_an_update_is_checked_as_the_end_is(store: MemoryStore, clock: Clock, value: Any) -> None:
    with pytest.raises((st.TaskDataTooLargeError, TypeError)), start(store, clock, max_data_bytes=30) as ctx:
        data: dict[str, Any] = {"version": "small"}
        ctx.set_data(data)
        data["version"] = value
        ctx.update()
    assert (stored(store).status, stored(store).lock, stored(store).data) == (FAILED, None, {"version": 0})
    assert len(store.writes) == 2


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


@pytest.mark.parametrize("act", ["update", "extend_lock", "set_data"])
def test_after_the_block_nothing_can_be_stored(store: MemoryStore, clock: Clock, act: str) -> None:
    with start(store, clock) as ctx:
        pass
    before = store.task
    with pytest.raises(st.TaskLockLostError) as caught:
        getattr(ctx, act)(*([{"late": True}] if act == "set_data" else []))
    assert store.task == before
    assert len(store.writes) == 2
    assert "another worker took the task over" not in str(caught.value)


@pytest.mark.parametrize("fails", [False, True])
def test_after_the_block_no_data_is_pending(store: MemoryStore, clock: Clock, fails: bool) -> None:
    attempt = start(store, clock)
    ctx = attempt.__enter__().set_data({"version": 1})
    attempt.__exit__(*((ValueError, ValueError(), None) if fails else (None, None, None)))
    assert ctx.pending_data is None


# taken_over


def test_a_takeover_tells_of_the_attempt_that_vanished(store: MemoryStore, clock: Clock) -> None:
    start(store, clock).__enter__()
    clock.move(LEASE.total_seconds())
    with start(store, clock) as ctx:
        assert ctx.taken_over is not None
        assert ctx.taken_over == history(store)[0]
        assert ctx.taken_over["error"].startswith("LeaseExpired(")


def test_what_is_no_takeover_tells_of_none(store: MemoryStore, clock: Clock) -> None:
    with pytest.raises(ValueError, match="mine"), start(store, clock) as ctx:
        assert ctx.taken_over is None
        raise ValueError("mine")
    with start(store, clock) as ctx:  # at the same instant
        assert ctx.taken_over is None


def test_a_retry_after_a_takeover_is_none_itself(store: MemoryStore, clock: Clock) -> None:
    start(store, clock).__enter__()
    clock.move(LEASE.total_seconds())
    with pytest.raises(ValueError, match="mine"), start(store, clock):
        raise ValueError("mine")
    clock.move(1)
    with start(store, clock) as ctx:
        assert ctx.taken_over is None
