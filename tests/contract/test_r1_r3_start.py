"""R1 to R3: what a start does by what is stored, how many requests that takes, and when a lease ends."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import timedelta, timezone
from typing import Any
from weakref import ref

import pytest

import status_tracker as st
from tests.support.clock import TICK, Clock
from tests.support.items import FREE, raw_item, stored
from tests.support.wire import Wire

LEASE = timedelta(seconds=60)
NOW = Clock().now
FREED = {"lock": FREE}
LIVE = {"lock": "another", "lock_time": NOW, "lock_expire_time": NOW + LEASE}
OVER = {"lock": "vanished", "lock_time": NOW - LEASE, "lock_expire_time": NOW}

ACQUIRED = {
    "pending": (10, FREED),
    "pending, lock over": (10, OVER),
    "failed": (30, FREED),
    "failed, lock over": (30, OVER),
}
REFUSED = {
    "in progress, live lock": (20, LIVE, st.TaskLockedError),
    "pending, live lock": (10, LIVE, st.TaskLockedError),
    "failed, live lock": (30, LIVE, st.TaskLockedError),
    "succeeded": (40, FREED, st.TaskAlreadySucceedError),
    "succeeded, live lock told first": (40, LIVE, st.TaskLockedError),
    "ignored": (50, FREED, st.TaskIgnoredError),
    "ignored, live lock told first": (50, LIVE, st.TaskLockedError),
    "another step's": (90, FREED, st.TaskIsNotReadyToStartError),
    "another step's, live lock told first": (70, LIVE, st.TaskLockedError),
}


@pytest.mark.parametrize(("status", "lock"), ACQUIRED.values(), ids=ACQUIRED)
def test_r1_acquire_is_one_write_that_returns_the_whole_item(
    step1: Any, wire: Wire, status: int, lock: dict[str, Any]
) -> None:
    made = step1.make_and_save("t", {"page": 1}, _status=status, retry=1, **lock)
    with wire.counting() as requests:
        start = step1.start("t", lock_expire_seconds=90)
        with start as ctx:
            acquired = raw_item(wire, step1, "t")
            task = ctx.task
    assert requests == {"UpdateItem": 2, "GetItem": 1}
    assert (task.status, task.data, task.retry) == (20, {"page": 1}, 1)
    assert task.lock not in {FREE, "vanished"}
    assert (task.create_time, task.update_time, task.lock_time) == (made.create_time, NOW, NOW)
    assert task.lock_expire_time == NOW + timedelta(seconds=90)
    assert acquired == task.serialize()


@pytest.mark.parametrize(("status", "lock", "error"), REFUSED.values(), ids=REFUSED)
@pytest.mark.usefixtures("step2")
def test_r1_refused_start_costs_one_request_and_tells_the_exact_reason(
    step1: Any, wire: Wire, status: int, lock: dict[str, Any], error: type[Exception]
) -> None:
    step1.make_and_save("t", _status=status, **lock)
    before = raw_item(wire, step1, "t")
    for arguments in ({}, {"detailed_error": True}, {"create": True, "data": {"ignored": True}}):
        with wire.counting() as requests:
            refusal = _refused(step1, **arguments)
        assert type(refusal) is error
        assert (refusal.status, refusal.use_case_id, refusal.task_id) == (status, "test", "t")
        assert requests == {"UpdateItem": 1}
    assert raw_item(wire, step1, "t") == before


def test_r2_no_such_task(step1: Any, wire: Wire) -> None:
    step1.make_and_save("another")
    with step1.start("another"):
        _refused(step1, "another")  # from which the client knows that its endpoint returns the item
    with wire.counting() as requests:
        refusal = _refused(step1)
    assert type(refusal) is st.TaskIsNotInitializedError
    assert requests == {"UpdateItem": 1}
    assert raw_item(wire, step1, "t") is None


def test_r2_create_makes_and_acquires_in_the_same_write(step1: Any, wire: Wire, clock: Clock) -> None:
    with wire.counting() as requests:
        start = step1.start("t", create=True, data={"page": 1})
        with start as ctx:
            assert (ctx.task.status, ctx.task.data, ctx.task.retry) == (20, {"page": 1}, 0)
            assert ctx.task.errors == {"history": []}
            assert ctx.task.create_time == clock.now
            assert ctx.task.is_locked()
    assert requests == {"UpdateItem": 2}
    assert (stored(step1, "t").status, stored(step1, "t").data) == (40, {"page": 1})


def test_r2_create_ignores_data_for_a_task_that_exists(step1: Any, clock: Clock) -> None:
    made = step1.make_and_save("t", {"page": 1}, retry=1)
    clock.advance(5)
    with step1.start("t", create=True, data={"page": 2}) as ctx:
        assert (ctx.task.data, ctx.task.retry, ctx.task.create_time) == ({"page": 1}, 1, made.create_time)


def test_r2_more_pending_status_of_the_config_and_of_the_start(new_step: Callable[..., Any]) -> None:
    plain, configured = new_step(), new_step(more_pending_status=[35, 36], n_pending_shard=5)
    for task_id, status, step, more in (
        ("one code", 37, plain, 37),
        ("several codes", 38, plain, [37, 38]),
        ("configured", 36, configured, None),
        ("replaced", 37, configured, 37),
    ):
        plain.make_and_save(task_id, _status=status, _shard_id=1)
        with step.start(task_id, more_pending_status=more) as ctx:
            assert ctx.task.status == 20
    plain.make_and_save("t", _status=37, _shard_id=1)
    assert type(_refused(plain)) is st.TaskIsNotReadyToStartError
    assert type(_refused(configured)) is st.TaskIsNotReadyToStartError


def test_r2_a_task_in_progress_is_never_one_of_the_pending(step1: Any, clock: Clock) -> None:
    """`more_pending_status` may name it, and the lease counts all the same; after it, the vanished attempt too."""
    step1.make_and_save("t")
    step1.start("t", more_pending_status=20).__enter__()
    clock.advance(step1.config.lock_expire_seconds - 1)
    with pytest.raises(st.TaskLockedError):
        step1.start("t", more_pending_status=[20]).__enter__()
    clock.advance(1)
    with step1.start("t", more_pending_status=20) as ctx:
        assert (ctx.task.retry, len(ctx.task.errors["history"])) == (1, 1)


@pytest.mark.parametrize("lock", [OVER, FREED, {"lock": "vanished"}], ids=["over", "absent", "never locked"])
def test_r2_takeover_records_the_vanished_attempt_and_acquires(
    step1: Any, wire: Wire, clock: Clock, lock: dict[str, Any]
) -> None:
    step1.make_and_save("t", {"page": 1}, _status=20, retry=1, **lock)
    with wire.counting() as requests:
        start = step1.start("t")
        ctx = start.__enter__()
    assert requests == {"UpdateItem": 2}
    assert (ctx.task.status, ctx.task.retry, ctx.task.data) == (20, 2, {"page": 1})
    assert ctx.task.lock_expire_time == clock.now + LEASE
    (entry,) = ctx.task.errors["history"]
    assert entry["nth_retry"] == 2
    assert entry["error"].startswith("LeaseExpired(")
    assert entry["update_time"] == clock.now.isoformat()
    start.__exit__(None, None, None)
    assert (stored(step1, "t").status, stored(step1, "t").retry) == (40, 0)
    assert stored(step1, "t").errors["history"] == [entry]


def test_r2_takeover_of_the_last_attempt_allowed_ignores_the_task(step1: Any, wire: Wire) -> None:
    step1.make_and_save("t", _status=20, retry=2, **OVER)
    with wire.counting() as requests:
        refusal = _refused(step1)
    assert type(refusal) is st.TaskIgnoredError
    assert refusal.given_up_now
    assert requests == {"UpdateItem": 2}
    task = stored(step1, "t")
    assert (task.status, task.retry, task.lock, task.is_locked()) == (50, 3, FREE, False)
    assert [entry["error"].split("(")[0] for entry in task.errors["history"]] == ["LeaseExpired"]
    assert [listed.task_id for listed in step1.query_by_status(50)] == ["t"]
    again = _refused(step1)
    assert type(again) is st.TaskIgnoredError
    assert not again.given_up_now


@pytest.mark.usefixtures("step2")
def test_r2_another_steps_status_is_named_with_those_it_could_start_from(step1: Any) -> None:
    step1.make_and_save("t", _status=90)
    message = str(_refused(step1, more_pending_status=35))
    assert all(code in message for code in ("90", "10", "30", "35"))


def test_r2_locked_says_until_when(step1: Any, clock: Clock) -> None:
    step1.make_and_save("t", _status=20, **LIVE)
    refusal = _refused(step1)
    assert refusal.until == clock.now + LEASE
    assert (clock.now + LEASE).isoformat() in str(refusal)


def test_r2_every_refusal_is_not_ready_and_that_is_the_root_of_all() -> None:
    for error in (
        st.TaskIsNotInitializedError,
        st.TaskLockedError,
        st.TaskAlreadySucceedError,
        st.TaskIgnoredError,
        st.TaskNotDueError,
    ):
        assert issubclass(error, st.TaskIsNotReadyToStartError)
    for error in (
        st.TaskIsNotReadyToStartError,
        st.TaskLockLostError,
        st.StatusNotSavedError,
        st.TaskAlreadyExistsError,
    ):
        assert issubclass(error, st.TaskExecutionError)


@pytest.mark.parametrize("lease", [None, 7])
def test_r3_a_lease_holds_until_one_tick_before_its_end(step1: Any, clock: Clock, lease: float | None) -> None:
    step1.make_and_save("t")
    with step1.start("t", lock_expire_seconds=lease) as ctx:
        end = ctx.task.lock_expire_time
        assert end == clock.now + timedelta(seconds=lease or 60)
        clock.now = end - TICK
        assert type(_refused(step1)) is st.TaskLockedError
        assert stored(step1, "t").is_locked()


@pytest.mark.parametrize("lease", [None, 7])
def test_r3_a_start_at_the_very_end_of_the_lease_takes_over(step1: Any, clock: Clock, lease: float | None) -> None:
    step1.make_and_save("t")
    vanished = step1.start("t", lock_expire_seconds=lease).__enter__()
    clock.now = vanished.task.lock_expire_time
    assert not stored(step1, "t").is_locked()
    with step1.start("t") as ctx:
        assert ctx.task.retry == 1
        assert ctx.task.lock != vanished.task.lock


@pytest.mark.parametrize("status", [10, 30])
def test_r3_a_lock_on_a_waiting_task_ends_at_the_same_instant(step1: Any, clock: Clock, status: int) -> None:
    step1.make_and_save("t", _status=status, **LIVE)
    clock.now = NOW + LEASE - TICK
    assert type(_refused(step1)) is st.TaskLockedError
    clock.now = NOW + LEASE
    with step1.start("t") as ctx:
        assert ctx.task.retry == 0


def test_r3_a_clock_without_time_zone_is_refused_before_any_request(step1: Any, wire: Wire, clock: Clock) -> None:
    step1.make_and_save("t")
    clock.now = clock.now.replace(tzinfo=None)
    with wire.counting() as requests:
        for use in (
            lambda: step1.make_and_save("other"),
            lambda: step1.get_or_create("other"),
            lambda: step1.start("t").__enter__(),
        ):
            with pytest.raises(ValueError, match="time zone"):
                use()
    assert not requests


def test_r3_a_clock_of_another_time_zone_tells_the_same_times(step1: Any, wire: Wire, clock: Clock) -> None:
    clock.now = NOW.astimezone(timezone(timedelta(hours=5, minutes=30)))
    step1.make_and_save("t")
    assert step1.start("t").__enter__().task.update_time == NOW
    assert raw_item(wire, step1, "t")["lock_expire_time"] == {"S": "2026-01-01T00:01:00.000000+0000"}
    clock.now += LEASE - TICK
    assert type(_refused(step1)) is st.TaskLockedError
    clock.now += TICK
    with step1.start("t") as ctx:
        assert ctx.task.retry == 1


def test_r3_is_locked_by_the_moment_and_the_token_that_are_asked_for(step1: Any, clock: Clock) -> None:
    step1.make_and_save("t")
    ctx = step1.start("t").__enter__()
    assert ctx.task.is_locked()
    assert not ctx.task.is_locked(expected_lock=ctx.task.lock)
    assert ctx.task.is_locked(expected_lock="another")
    assert ctx.task.is_locked(utc_now=clock.now + LEASE - TICK)
    assert not ctx.task.is_locked(utc_now=clock.now + LEASE)


@pytest.mark.parametrize("seconds", [0, -1])
def test_r3_a_lease_of_no_length_is_refused(step1: Any, seconds: float) -> None:
    with pytest.raises(ValueError, match="lock_expire_seconds"):
        step1.start("t", lock_expire_seconds=seconds)


def test_requests_of_a_lifecycle(step1: Any, wire: Wire) -> None:
    with wire.counting() as requests:
        step1.make_and_save("t")
        with step1.start("t") as ctx:
            ctx.set_data({"page": 1})
    assert requests == {"PutItem": 1, "UpdateItem": 2}
    with wire.counting() as requests:
        start = step1.start("other", create=True)
        with start as ctx:
            ctx.set_data({"page": 1})
    assert requests == {"UpdateItem": 2}


def _refused(step: Any, task_id: str = "t", **arguments: Any) -> Any:
    """The refusal of a start, whose block must not run."""
    with pytest.raises(st.TaskIsNotReadyToStartError) as refusal:
        step.start(task_id, **arguments).__enter__()
    return refusal.value


@pytest.fixture
def no_collector() -> Iterator[None]:
    gc.disable()
    yield
    gc.enable()


@pytest.mark.usefixtures("no_collector")
def test_a_refused_start_is_gone_with_its_error(step1: Any) -> None:
    step1.make_and_save("t", _status=20, **LIVE)
    start = step1.start("t")
    left = ref(start)
    with suppress(st.TaskLockedError):
        start.__enter__()
    del start
    assert left() is None, "a cycle keeps it, and all the error came through, until the next collection"


@pytest.mark.usefixtures("no_collector")
def test_an_attempt_is_gone_with_its_context(step1: Any) -> None:
    start = step1.start("t", create=True)
    left = ref(start)
    with start as ctx:
        ctx.set_data({"page": 1})
    del start, ctx
    assert left() is None
