"""R12: a lease is renewed from the block or from a thread; that touches no index key, and costs one small write."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

import status_tracker as st
from tests.support.clock import Clock
from tests.support.engines import Engine
from tests.support.items import FREE, raw_item, stored
from tests.support.steps import STEP1_CODES, make_step
from tests.support.wire import ALWAYS, Fault, Wire, answer_lost, cut, server_error, then, throttled

PATIENCE = 30
INDEX = "status_and_update_time-index"


def _wait_until(what: Callable[[], object]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not what():
        assert time.monotonic() < deadline, "it never happened"
        time.sleep(0.02)


def _beating() -> bool:
    return any(thread.name == "status-tracker-heartbeat" for thread in threading.enumerate())


@pytest.fixture
def renewed(step1: Any) -> Callable[[], bool]:
    """Whether the lease of task "t" ends later than when it was asked last."""
    ends: list[Any] = []

    def ask() -> bool:
        ends.append(stored(step1, "t").lock_expire_time)
        return len(set(ends)) > 1

    return ask


def test_r12_heartbeat_renews_the_lease_and_touches_nothing_else(
    step1: Any, wire: Wire, clock: Clock, renewed: Callable[[], bool]
) -> None:
    step1.make_and_save("t", {"page": 1})
    with step1.start("t", heartbeat=0.05) as ctx:
        ctx.set_data({"page": 2})
        before = raw_item(wire, step1, "t")
        assert not renewed()
        clock.advance(50)
        _wait_until(renewed)
        after = raw_item(wire, step1, "t")
        assert before is not None
        assert after is not None
        assert {name for name in after if after[name] != before.get(name)} == {"lock_expire_time"}
        assert set(after) == set(before)
        assert (stored(step1, "t").lock_expire_time - clock.now).total_seconds() == 60
    assert not _beating()
    assert (stored(step1, "t").status, stored(step1, "t").data) == (40, {"page": 2})


def test_r12_renewals_are_one_request_one_table_write_and_one_index_write(
    step1: Any, wire: Wire, clock: Clock, dynamodb_local_engine: Engine, engine: Engine
) -> None:
    if engine != dynamodb_local_engine:
        pytest.skip("moto reports no capacity by index")
    step1.make_and_save("t")
    with step1.start("t") as ctx:
        clock.advance(5)
        with wire.counting() as requests, wire.measuring() as consumed:
            ctx.extend_lock()
        assert requests == {"UpdateItem": 1}
        assert consumed == [{"table": 1.0, INDEX: 1.0}]
    with step1.start("u", create=True, heartbeat=0.05), wire.measuring() as consumed:
        _wait_until(lambda: clock.advance(1) or len(consumed) > 2)
    assert consumed[1] == {"table": 1.0, INDEX: 1.0}


def test_r12_heartbeat_ends_with_the_block_whatever_ends_it(step1: Any, wire: Wire) -> None:
    for error in (None, OSError("no page"), KeyboardInterrupt()):
        step1.delete_all()
        step1.make_and_save("t")
        execution = step1.start("t", heartbeat=0.01)
        execution.__enter__()
        assert _beating()
        execution.__exit__(error and type(error), error, None)
        assert not _beating()
        with wire.counting() as requests:
            assert stored(step1, "t").lock == FREE
        assert requests == {"GetItem": 1}


def test_r12_refused_start_has_no_heartbeat(step1: Any) -> None:
    with pytest.raises(st.TaskIsNotInitializedError):
        step1.start("t", heartbeat=0.01).__enter__()
    assert not _beating()


@pytest.mark.parametrize("seconds", [0, -1, 60, 61, float("nan")])
def test_r12_heartbeat_that_could_not_keep_the_lease_is_refused_before_any_request(
    step1: Any, wire: Wire, seconds: float
) -> None:
    with wire.counting() as requests, pytest.raises(ValueError, match="heartbeat"):
        step1.start("t", heartbeat=seconds)
    assert not requests


@pytest.mark.parametrize("fault", [throttled, server_error, cut, answer_lost])
def test_r12_heartbeat_outlives_a_fault(
    step1: Any, wire: Wire, clock: Clock, fault: Fault, renewed: Callable[[], bool]
) -> None:
    step1.make_and_save("t")
    with step1.start("t", heartbeat=0.05):
        renewed()
        wire.inject("UpdateItem", fault, times=4)
        clock.advance(50)
        _wait_until(lambda: not wire.pending("UpdateItem"))
        clock.advance(1)
        _wait_until(lambda: (stored(step1, "t").lock_expire_time - clock.now).total_seconds() == 60)
    assert stored(step1, "t").status == 40


def test_r12_stale_workers_heartbeat_ends_and_leaves_the_task_to_the_next(step1: Any, wire: Wire) -> None:
    step1.make_and_save("t")
    stale = step1.start("t", heartbeat=0.05)
    stale.__enter__()
    step1.unlock("t", reason="it looked dead")
    step1.start("t").__enter__()
    before = raw_item(wire, step1, "t")
    _wait_until(lambda: not _beating())
    with pytest.raises(st.TaskLockLostError):
        stale.__exit__(None, None, None)
    assert raw_item(wire, step1, "t") == before


def test_r12_finish_waits_for_a_beat_under_way(step1: Any, wire: Wire) -> None:
    step1.make_and_save("t")
    under_way = threading.Event()
    with step1.start("t", heartbeat=0.05):
        wire.inject("UpdateItem", then(lambda _request: None, under_way.set), times=ALWAYS)
        assert under_way.wait(PATIENCE)
    wire.heal()
    assert (stored(step1, "t").status, stored(step1, "t").lock) == (40, FREE)
    assert stored(step1, "t").lock_expire_time is None


def test_r12_heartbeat_keeps_a_task_beyond_its_first_lease(step1: Any, clock: Clock) -> None:
    step1.make_and_save("t")
    with step1.start("t", heartbeat=0.05) as ctx:
        first_lease = ctx.task.lock_expire_time
        while clock.now <= first_lease:
            clock.advance(20)  # a third of the lease; the thread beats in real time, however slow the machine is
            _wait_until(lambda: (stored(step1, "t").lock_expire_time - clock.now).total_seconds() == 60)
            with pytest.raises(st.TaskLockedError):
                step1.start("t").__enter__()
    task = stored(step1, "t")
    assert (task.status, task.retry, task.fence, task.errors) == (40, 0, 1, {"history": []})


def test_r12_without_a_heartbeat_the_first_lease_ends(base: Any) -> None:
    step = make_step(base, STEP1_CODES, lock_expire_seconds=0.2)
    step.make_and_save("t")
    slow = step.start("t")
    slow.__enter__()

    def taken_over() -> bool:
        try:
            step.start("t", lock_expire_seconds=60).__enter__()
        except st.TaskLockedError:
            return False
        return True

    _wait_until(taken_over)
    with pytest.raises(st.TaskLockLostError):
        slow.__exit__(None, None, None)
