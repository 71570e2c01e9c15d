"""`MemoryTask` beyond the contract: what the tests of an application find and count with it, and how it fails."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest

import status_tracker as st
from status_tracker.testing import TICK, BackendError, Clock, Fault, MemoryStorage, MemoryTask
from tests.support.steps import STEP1_CODES, STEP2_CODES


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def storage(monkeypatch: pytest.MonkeyPatch) -> MemoryStorage:
    """A fresh one, for all steps."""
    storage = MemoryStorage()
    monkeypatch.setattr(MemoryTask, "storage", storage)
    return storage


def _step(codes: dict[str, int], clock: Clock, **settings: Any) -> Any:
    class Step(MemoryTask):
        config = st.TrackerConfig.make(**{"use_case_id": "test", "clock": clock, **codes, **settings})

    return Step


@pytest.fixture
def step1(storage: MemoryStorage, clock: Clock) -> Any:  # noqa: ARG001  # the order
    return _step(STEP1_CODES, clock)


@pytest.fixture
def step2(storage: MemoryStorage, clock: Clock) -> Any:  # noqa: ARG001  # the order
    return _step(STEP2_CODES, clock)


def _ids(query: Any) -> list[str]:
    return [task.task_id for task in query]


def test_a_task_tells_what_it_is(step1: Any, clock: Clock) -> None:
    task = step1.make_and_save("t", {"page": 1})
    assert (task.use_case_id, task.task_id, task.status, task.status_name) == ("test", "t", 10, "pending")
    assert (task.is_pending(), task.is_in_progress(), task.is_failed()) == (True, False, False)
    assert (task.is_succeeded(), task.is_ignored(), task.is_locked()) == (False, False, False)
    assert (task.create_time, task.update_time, task.fence, task.run) == (clock.now, clock.now, 0, 0)
    with step1.start("t") as ctx:
        assert ctx.task.is_locked()
        assert not ctx.task.is_locked(expected_lock=ctx.task.lock)
        assert not ctx.task.is_locked(utc_now=ctx.task.lock_expire_time)
        assert ctx.task.is_locked(utc_now=ctx.task.lock_expire_time - TICK)


def test_steps_share_their_tasks_and_a_fresh_storage_has_none(
    step1: Any, step2: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    with step1.start("t", create=True):
        pass
    assert step2.get_one_or_none("t").is_pending()
    monkeypatch.setattr(MemoryTask, "storage", MemoryStorage())
    assert step2.get_one_or_none("t") is None


def test_r11_get_or_create(step1: Any) -> None:
    first, created = step1.get_or_create("t", {"page": 1})
    again, created_again = step1.get_or_create("t", {"page": 2})
    assert (created, created_again) == (True, False)
    assert first == again


def test_queries_are_in_order_and_limited_for_each_status(step1: Any, clock: Clock) -> None:
    for n in range(4):
        clock.advance(1)
        step1.make_and_save(f"p{n}")
        step1.make_and_save(f"f{n}", _status=30)
    assert _ids(step1.query_by_status(10)) == ["p0", "p1", "p2", "p3"]
    assert _ids(step1.query_by_status([10, 30], 2)) == ["f0", "p0", "f1", "p1"]
    assert _ids(step1.query_for_unfinished(1, older_task_first=False)) == ["p3", "f3"]
    second = clock.now - timedelta(seconds=2)
    assert _ids(step1.query_by_status(10, since=second, until=clock.now)) == ["p1", "p2"]
    assert step1.count_by_status() == {10: 4, 20: 0, 30: 4, 40: 0, 50: 0}
    assert step1.count_tasks_by_use_case_id() == 8


def test_a_query_gives_one_several_or_all(step1: Any) -> None:
    for task_id in "abcd":
        step1.make_and_save(task_id)
    query = step1.query_by_status(10)
    assert query.one().task_id == "a"
    assert query.one_or_none().task_id == "b"
    assert _ids(query.many(1)) == ["c"]
    assert _ids(query.all()) == ["d"]
    assert query.one_or_none() is None
    with pytest.raises(LookupError):
        query.one()


def test_a_listed_task_tells_all_but_data_and_errors_until_it_is_refreshed(step1: Any) -> None:
    step1.make_and_save("t", {"page": 1}, errors={"history": [{"error": "E()"}]})
    listed = step1.query_by_status(10).one()
    assert (listed.data, listed.errors) == ({}, {"history": []})
    listed.refresh()
    assert (listed.data, listed.errors) == ({"page": 1}, {"history": [{"error": "E()"}]})
    assert step1.query_by_status(10, auto_refresh=True).one() == listed
    step1.delete_all()
    with pytest.raises(LookupError):
        listed.refresh()


def test_stuck_tasks_are_those_whose_lease_is_over(step1: Any, clock: Clock) -> None:
    step1.start("a", create=True, lock_expire_seconds=10).__enter__()
    step1.start("b", create=True, lock_expire_seconds=20).__enter__()
    assert _ids(step1.query_stuck()) == []
    clock.advance(10)
    assert _ids(step1.query_stuck()) == ["a"]


def test_tasks_of_one_use_case_are_deleted_and_no_others(step1: Any) -> None:
    step1.make_and_save("a")
    step1.make_and_save("b", _use_case_id="tes")
    assert step1.delete_tasks_by_use_case_id() == 1
    assert step1.get_one_or_none("b", _use_case_id="tes").task_id == "b"
    assert (step1.count_tasks_by_use_case_id(), step1.delete_all()) == (0, 1)


def test_r4_a_worker_whose_task_was_deleted_stores_nothing(step1: Any) -> None:
    with pytest.raises(st.TaskLockLostError), step1.start("t", create=True):
        step1.delete_all()
    assert step1.get_one_or_none("t") is None


def test_faults_befall_the_next_writes(step1: Any, storage: MemoryStorage) -> None:
    storage.befall(Fault.BROKEN)
    with pytest.raises(BackendError):
        step1.make_and_save("t")
    storage.reject(st.TaskDataTooLargeError("too large"))
    storage.forget_faults()
    storage.befall(Fault.SENT_TWICE)
    assert step1.make_and_save("t").is_pending()
    with pytest.raises(st.TaskTransactionError), step1.start("t"):
        storage.reject(st.TaskTransactionError("refused"))
    assert step1.get_one_or_none("t").is_failed()


def test_r1_eight_threads_and_one_winner(step1: Any) -> None:
    step1.make_and_save("t")

    def start(_: int) -> bool:
        try:
            step1.start("t").__enter__()
        except st.TaskLockedError:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(start, range(64))) == 1
