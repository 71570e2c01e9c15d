"""`update_context`: changes by hand, in one write, and never under a worker."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from botocore.exceptions import ConnectionClosedError

import status_tracker as st
from status_tracker import compat
from tests.compat.support import LEASE, StatusEnum
from tests.support.clock import Clock
from tests.support.wire import Wire, answer_lost, sent

SETTERS: dict[str, tuple[Any, ...]] = {
    "set_status": (6,),
    "set_update_time": (),
    "set_retry_as_zero": (),
    "set_retry_plus_one": (),
    "set_locked": (),
    "set_unlock": (),
    "set_data": ({},),
    "set_errors": ({},),
}


def stored(tracker: Any) -> Any:
    return tracker.get_one_or_none("t", consistent_read=True)


def test_what_is_set_is_stored_in_one_write(tracker: Any, wire: Wire, clock: Clock) -> None:
    task = tracker.new("t")
    clock.advance(5)
    with wire.counting() as requests, task.update_context() as same:
        assert same is task
        same.set_status(StatusEnum.s06_failed).set_retry_plus_one().set_data({"version": 1})
        same.set_errors({"error": "something is wrong"}).set_update_time()
        assert (task.status, task.retry, task.data, stored(tracker).status) == (6, 1, {"version": 1}, 0)
    assert requests["UpdateItem"] == 1
    for shown in (task, stored(tracker)):
        assert (shown.status_name, shown.retry, shown.data) == ("s06_failed", 1, {"version": 1})
        assert (shown.errors, shown.update_time, shown.lock) == ({"error": "something is wrong"}, clock.now, None)
    assert [each.task_id for each in tracker.query_by_status(6)] == ["t"]
    with task.update_context():
        task.set_retry_as_zero().set_data(None)
    assert (stored(tracker).retry, stored(tracker).data) == (0, {})


def test_a_block_that_raises_changes_nothing(tracker: Any, wire: Wire) -> None:
    task = tracker.new("t", {"version": 1})
    with wire.counting() as requests, pytest.raises(KeyboardInterrupt), task.update_context():
        task.set_data({"version": 2}).set_status(9)
        raise KeyboardInterrupt
    assert requests == {}
    assert (task.data, task.status, stored(tracker).data) == ({"version": 1}, 0, {"version": 1})
    with pytest.raises(TypeError, match="JSON"), task.update_context():
        task.set_data({"page": object()})
    with pytest.raises(TypeError, match="JSON"), task.update_context():
        task.set_errors({"page": object()})


def test_a_block_that_sets_nothing_asks_nothing(tracker: Any, wire: Wire) -> None:
    task = tracker.new("t")
    with wire.counting() as requests, task.update_context():
        pass
    assert requests == {}


def test_a_lock_by_hand_keeps_workers_out(tracker: Any, clock: Clock) -> None:
    task = tracker.new("t")
    with task.update_context():
        task.set_locked()
    other = stored(tracker)
    assert task.lock == other.lock is not None
    assert other.is_locked()
    for refused in (task, other):
        with pytest.raises(compat.TaskLockedError):
            refused.start_job().__enter__()
    with pytest.raises(compat.TaskLockedError), other.update_context():
        other.set_unlock()
    with task.update_context():
        task.set_unlock()
    with other.start_job():
        pass
    with task.update_context():
        task.set_status(0).set_locked()
    clock.advance(LEASE)
    with stored(tracker).start_job():
        pass


@pytest.mark.parametrize("setter", SETTERS)
def test_a_worker_s_task_is_not_changed(tracker: Any, setter: str) -> None:
    task, other = tracker.new("t"), tracker.get_one_or_none("t")
    with task.start_job():
        with pytest.raises(compat.TaskLockedError), other.update_context():
            getattr(other, setter)(*SETTERS[setter])
        with pytest.raises(RuntimeError, match="block of start"), task.update_context():
            pytest.fail("it was entered")
        if setter != "set_data":
            with pytest.raises(RuntimeError, match="update_context"):
                getattr(task, setter)(*SETTERS[setter])
    assert (stored(tracker).status, stored(tracker).retry, stored(tracker).lock) == (9, 0, None)


def test_setters_belong_to_a_block(tracker: Any) -> None:
    task = tracker.new("t")
    for setter, arguments in SETTERS.items():
        with pytest.raises(RuntimeError):
            getattr(task, setter)(*arguments)
    with (
        task.update_context(),
        pytest.raises(RuntimeError, match="one update_context at a time"),
        task.update_context(),
    ):
        pytest.fail("it was entered")


def test_a_task_that_is_not_there(tracker: Any) -> None:
    task = tracker.new("t", save=False)
    with pytest.raises(st.TaskIsNotInitializedError), task.update_context():
        task.set_status(9)
    assert (task.status, stored(tracker)) == (0, None)


def test_r5_a_lost_answer(tracker: Any, wire: Wire) -> None:
    task = tracker.new("t")
    wire.inject("UpdateItem", answer_lost)
    with task.update_context():
        task.set_status(6).set_data({"version": 1})
    assert (task.status, stored(tracker).data) == (6, {"version": 1})


def test_r5_an_edit_whose_answer_was_lost_is_made_once(tracker: Any, wire: Wire) -> None:
    task = tracker.new("t")
    for nth in range(1, 12):
        for _ in range(3):
            wire.inject("UpdateItem", answer_lost)
        with task.update_context():
            task.set_retry_plus_one()
        assert (task.retry, stored(tracker).retry) == (nth, nth)
    with stored(tracker).start_job():
        pass
    assert stored(tracker).status == 9


def test_r5_an_edit_whose_answer_was_lost_is_not_made_over_a_later_success(tracker: Any, wire: Wire) -> None:
    task, worker = tracker.new("t"), tracker.get_one_or_none("t")

    def worked_on_meanwhile(request: Any) -> Any:
        sent(request)
        with worker.start_job():
            pass
        raise ConnectionClosedError(endpoint_url=request.url)

    wire.inject("UpdateItem", worked_on_meanwhile)
    with task.update_context():
        task.set_status(6).set_retry_plus_one()
    assert (task.status, stored(tracker).status, stored(tracker).retry) == (9, 9, 0)


def test_r4_a_vanished_worker_that_was_unlocked_by_hand_does_not_return(tracker: Any, clock: Clock) -> None:
    worker, task = tracker.new("t"), tracker.get_one_or_none("t")
    block = worker.start_job()
    block.__enter__()
    clock.advance(LEASE)
    with task.update_context():
        task.set_unlock().set_status(0)
    assert stored(tracker).vanished_locks
    with pytest.raises(st.TaskLockLostError):
        block.__exit__(None, None, None)
    assert stored(tracker).status == 0


def test_start_as_a_decorator(tracker: Any) -> None:
    task = tracker.new("t", {"version": 1})

    @task.start_job()
    def work(fails: bool) -> str:
        assert task.is_locked()
        if fails:
            raise OSError("no page")
        task.set_data({"version": 2})
        return "done"

    with pytest.raises(OSError, match="no page"):
        work(fails=True)
    assert (task.status, task.retry) == (6, 1)
    assert work(fails=False) == "done"
    assert (task.status, task.data) == (9, {"version": 2})


def test_data_and_errors_as_dataclasses(failed_once: Any) -> None:
    @dataclasses.dataclass
    class Data(compat.BaseData):
        version: int

    data = Data.from_dict(failed_once.data)
    assert (data, data.to_dict()) == (Data(1), {"version": 1})
    errors = compat.BaseErrors.from_dict(failed_once.errors)
    assert errors.error == "OSError('no page')"
    assert errors.to_dict().keys() == {"error", "traceback"}
    assert compat.BaseErrors.from_dict({}) == compat.BaseErrors(None, None)
