"""Section 4: tables that pynamodb_mate 6.0 has filled go on by our rules."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import status_tracker as st
from tests.support.clock import TICK, Clock
from tests.support.items import put_older_item, stored
from tests.support.wire import Wire

Put = Callable[..., None]


@pytest.fixture
def put(wire: Wire, step1: Any, clock: Clock) -> Put:
    return lambda task_id="t", **item: put_older_item(wire, step1, task_id, now=clock.now, **item)


@pytest.mark.parametrize(("status", "retry"), [(10, 0), (30, 2)])
def test_waiting_items_start_and_succeed(step1: Any, put: Put, status: int, retry: int) -> None:
    put(status=status, retry=retry)
    with step1.start("t") as ctx:
        assert (ctx.task.retry, ctx.task.data, ctx.fence) == (retry, {"from": "before"}, 1)
    task = stored(step1, "t")
    assert (task.status, task.retry, task.data) == (40, 0, {"from": "before"})


def test_failing_items_count_on(step1: Any, put: Put) -> None:
    put(status=30, retry=2)
    with pytest.raises(OSError, match="no page"), step1.start("t"):
        raise OSError("no page")
    assert (stored(step1, "t").status, stored(step1, "t").retry) == (50, 3)


@pytest.mark.parametrize(("status", "error"), [(40, st.TaskAlreadySucceedError), (50, st.TaskIgnoredError)])
def test_ended_items_are_refused(step1: Any, put: Put, status: int, error: type[Exception]) -> None:
    put(status=status)
    with pytest.raises(error):
        step1.start("t").__enter__()


def test_items_in_progress_are_locked_for_the_configured_lease(step1: Any, put: Put, clock: Clock) -> None:
    put(status=20, lock="older-worker", lock_age=10)
    assert stored(step1, "t").is_locked()
    clock.advance(50)
    end, clock.now = clock.now, clock.now - TICK
    with pytest.raises(st.TaskLockedError) as refusal:
        step1.start("t").__enter__()
    assert refusal.value.until == end
    clock.now = end
    assert not stored(step1, "t").is_locked()
    with step1.start("t") as ctx:
        assert ctx.task.retry == 1
    assert stored(step1, "t").errors["history"][0]["error"].startswith("LeaseExpired(")


def test_items_in_progress_for_ever_are_taken_over(step1: Any, put: Put, wire: Wire) -> None:
    put(status=20, lock="older-worker", lock_age=86400 * 365)
    with wire.counting() as requests:
        ctx = step1.start("t").__enter__()
    assert requests == {"UpdateItem": 2}
    assert (ctx.task.status, ctx.task.retry) == (20, 1)


@pytest.mark.parametrize("status", [10, 30])
def test_waiting_items_with_a_recent_lock_are_locked(step1: Any, put: Put, clock: Clock, status: int) -> None:
    put(status=status, lock="older-worker", lock_age=59)
    with pytest.raises(st.TaskLockedError):
        step1.start("t").__enter__()
    clock.advance(1)
    with step1.start("t") as ctx:
        assert ctx.task.retry == 0


def test_items_are_listed_from_every_shard(step1: Any, put: Put) -> None:
    for shard in range(1, 6):
        put(f"t-{shard}", status=10, shard=shard)
    listed = step1.query_by_status(10).all()
    assert {task.task_id for task in listed} == {f"t-{shard}" for shard in range(1, 6)}
    assert [task.data for task in step1.query_by_status(10, auto_refresh=True)] == [{"from": "before"}] * 5


def test_items_are_rerun_and_not_reset(step1: Any, put: Put) -> None:
    put(status=50, retry=3)
    with pytest.raises(st.TaskAlreadyExistsError):
        step1.make_and_save("t")
    assert step1.get_or_create("t")[1] is False
    task = step1.rerun("t", reason="the reader was mended")
    assert (task.status, task.run, task.data) == (10, 1, {"from": "before"})


@pytest.mark.parametrize("missing", ["errors", "data", "retry", "lock", "lock_time"])
def test_items_that_lack_an_attribute_go_on_all_the_same(step1: Any, put: Put, missing: str) -> None:
    put(status=10, without=missing)
    with pytest.raises(OSError, match="no page"), step1.start("t"):
        raise OSError("no page")
    with step1.start("t") as ctx:
        ctx.set_data({"page": 1})
    task = stored(step1, "t")
    assert (task.status, task.data, len(task.errors["history"])) == (40, {"page": 1}, 1)
