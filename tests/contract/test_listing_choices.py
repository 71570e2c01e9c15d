"""Section 4: lists of the stuck, of those that failed in one way, counts by status, and tasks that expire."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

import status_tracker as st
from tests.support.clock import TICK, Clock
from tests.support.items import put_older_item, raw_item, stored
from tests.support.wire import Wire, answer_lost


class DocumentError(Exception):
    """The worker's own failure."""


class BlankPageError(DocumentError):
    """A kind of it."""


class OddError(Exception):
    def __repr__(self) -> str:
        return "3 things are odd:\n  page\n  line\n  word"


def _ids(tasks: Any) -> list[str]:
    return [task.task_id for task in tasks]


def _fail(step: Any, task_id: str, *errors: Exception) -> None:
    for error in errors:
        with pytest.raises(type(error)), step.start(task_id, create=True):
            raise error


def test_error_class_finds_those_whose_last_failure_was_of_it(step1: Any, clock: Clock) -> None:
    for n, errors in enumerate(
        [
            [DocumentError("no page"), BlankPageError()],
            [BlankPageError(), DocumentError("no page")],
            [OSError("no page (yet)")],
            [DocumentError("BlankPageError(")],
        ]
    ):
        clock.advance(1)
        _fail(step1, f"t-{n}", *errors)
    for error_class, found in (
        (DocumentError, ["t-1", "t-3"]),
        ("DocumentError", ["t-1", "t-3"]),
        (BlankPageError, ["t-0"]),
        (OSError, ["t-2"]),
        ("Document", []),
        (ValueError, []),
    ):
        assert _ids(step1.query_by_status(30, error_class=error_class)) == found, error_class


def test_error_class_finds_the_vanished(new_step: Callable[..., Any], clock: Clock) -> None:
    step1 = new_step(max_retry=1)
    for task_id in ("vanished", "failed"):
        step1.make_and_save(task_id)
    step1.start("vanished").__enter__()
    _fail(step1, "failed", DocumentError())
    clock.advance(60)
    with pytest.raises(st.TaskIgnoredError):
        step1.start("vanished").__enter__()
    assert _ids(step1.query_by_status(50, error_class="LeaseExpired")) == ["vanished"]
    assert _ids(step1.query_by_status([50, 30], error_class=DocumentError)) == ["failed"]


def test_error_class_reads_each_task_whole_and_counts_the_limit_after_choosing(step1: Any, clock: Clock) -> None:
    for n in range(8):
        clock.advance(1)
        _fail(step1, f"t-{n}", OSError() if n % 2 else DocumentError())
    listed = step1.query_by_status(30, limit=3, error_class=OSError).all()
    assert _ids(listed) == ["t-1", "t-3", "t-5"]
    assert [task.errors["history"][-1]["error"] for task in listed] == ["OSError()"] * 3


def test_error_class_leaves_out_tasks_that_never_failed(step1: Any) -> None:
    step1.make_and_save("t")
    assert _ids(step1.query_by_status(10, error_class=DocumentError)) == []


def test_error_class_finds_an_error_that_shows_itself_in_its_own_way(step1: Any) -> None:
    _fail(step1, "t", OddError())
    assert _ids(step1.query_by_status(30, error_class=OddError)) == ["t"]


def test_query_stuck_finds_those_in_progress_whose_lease_is_over(step1: Any, wire: Wire, clock: Clock) -> None:
    step1.make_and_save("pending")
    _fail(step1, "failed", DocumentError())
    put_older_item(wire, step1, "older, over", status=20, now=clock.now, lock="older-worker", lock_age=60)
    clock.advance(1)
    put_older_item(wire, step1, "older, live", status=20, now=clock.now, lock="older-worker", lock_age=58)
    clock.advance(1)
    put_older_item(wire, step1, "older, no lock", status=20, now=clock.now)
    for task_id, lease in (("over", 10), ("live", 100)):
        clock.advance(1)
        step1.start(task_id, create=True, lock_expire_seconds=lease).__enter__()
    unlocked = step1.start("unlocked", create=True, lock_expire_seconds=100)
    unlocked.__enter__()
    step1.unlock("unlocked", reason="it looked dead")
    end = stored(step1, "over").lock_expire_time
    assert end is not None
    clock.now = Clock().now
    assert _ids(step1.query_stuck()) == ["older, over", "older, no lock", "unlocked"]
    clock.now = end - TICK
    assert "over" not in _ids(step1.query_stuck())
    clock.now = end
    found = step1.query_stuck()
    assert _ids(found) == ["older, over", "older, live", "older, no lock", "over", "unlocked"]
    assert _ids(step1.query_stuck(limit=1)) == ["older, over"]


def test_query_stuck_refreshes_when_asked(step1: Any, clock: Clock) -> None:
    step1.start("t", create=True, data={"page": 1}).__enter__()
    clock.advance(60)
    assert [task.data for task in step1.query_stuck()] == [{}]
    assert [task.data for task in step1.query_stuck(auto_refresh=True)] == [{"page": 1}]


def test_query_stuck_looks_behind_the_many_that_are_live(step1: Any, clock: Clock) -> None:
    held = {"lock": "another", "lock_time": clock.now, "lock_expire_time": clock.now + timedelta(hours=1)}
    with step1.batch_write() as batch:
        for n in range(150):
            batch.save(step1.make(f"live-{n}", _status=20, **held))
    clock.advance(1)
    step1.start("stuck", create=True, lock_expire_seconds=1).__enter__()
    clock.advance(1)
    assert _ids(step1.query_stuck(limit=1)) == ["stuck"]


def test_query_stuck_on_an_older_narrower_index(narrow: Any, clock: Clock) -> None:
    narrow.start("over", create=True).__enter__()
    clock.advance(1)
    narrow.start("live", create=True).__enter__()
    clock.advance(59)
    assert _ids(narrow.query_stuck()) == ["over"]


def test_count_by_status_counts_without_reading_items(step1: Any, wire: Wire) -> None:
    with step1.batch_write() as batch:
        for n in range(70):
            batch.save(step1.make(f"t-{n}", _status=(10, 30, 40)[n % 3]))
    with wire.counting() as requests, wire.reading("Query") as asked:
        counted = step1.count_by_status()
    assert counted == {10: 24, 20: 0, 30: 23, 40: 23, 50: 0}
    assert {query["Select"] for query in asked} == {"COUNT"}
    assert requests == {"Query": 5 + 5 + 5 + 10 + 5}


def test_count_by_status_counts_beyond_a_page_and_one_use_case_only(new_step: Callable[..., Any], wire: Wire) -> None:
    step, other = new_step(n_pending_shard=1), new_step(use_case_id="other", n_pending_shard=1)
    with step.batch_write() as batch:
        for n in range(700):
            batch.save(step.make(f"{n}".ljust(2000, "x")))
    other.make_and_save("t")
    with wire.counting() as requests:
        assert step.count_by_status()[10] == 700
    assert requests["Query"] > 1 + 5 + 5 + 10 + 5
    assert step.count_by_status("other")[10] == 1


def test_query_reads_no_further_than_it_is_asked(new_step: Callable[..., Any], wire: Wire, clock: Clock) -> None:
    step = new_step(n_pending_shard=1)
    with step.batch_write() as batch:
        for n in range(800):
            clock.advance(1)
            batch.save(step.make(f"{n}".ljust(2000, "x")))
    with wire.counting() as requests:
        query = step.query_by_status(10, limit=None, auto_refresh=True)
        assert query.one().task_id.startswith("0x")
    assert requests == {"Query": 1, "BatchGetItem": 1}
    with wire.counting() as requests:
        assert len(query.all()) == 799
    assert requests["Query"] >= 1
    assert requests["BatchGetItem"] >= 7


def test_list_of_thousands_is_refreshed_within_the_bound_of_requests(step1: Any, wire: Wire, clock: Clock) -> None:
    many = 2000
    with step1.batch_write() as batch:
        for n in range(many):
            clock.advance(1)
            batch.save(step1.make(f"t-{n}", {"n": n}))
    with wire.counting() as requests:
        listed = [task.data["n"] for task in step1.query_by_status(10, limit=None, auto_refresh=True)]
    assert listed == list(range(many))
    assert requests.total() <= 115 * many / 10_000 + 2
    assert requests["BatchGetItem"] == many / 100


@pytest.fixture
def expiring(new_step: Callable[..., Any]) -> Any:
    return new_step(ttl={40: timedelta(days=1), 50: timedelta(days=2)}, max_retry=2)


def _expiry(wire: Wire, step: Any) -> dict[str, str] | None:
    item = raw_item(wire, step, "t")
    assert item is not None
    return item.get("expire_at")


def _days(clock: Clock, days: int) -> dict[str, str]:
    return {"N": str(int((clock.now + timedelta(days=days)).timestamp()))}


def test_ttl_is_stored_as_a_number_with_the_end_and_removed_by_a_rerun(expiring: Any, wire: Wire, clock: Clock) -> None:
    with expiring.start("t", create=True):
        assert _expiry(wire, expiring) is None
        clock.advance(7.5)
        wire.inject("UpdateItem", answer_lost)
    assert _expiry(wire, expiring) == _days(clock, 1)
    expiring.rerun("t", reason="the reader was mended")
    assert _expiry(wire, expiring) is None


def test_ttl_of_the_ignored_by_failures_by_a_takeover_and_by_hand(expiring: Any, wire: Wire, clock: Clock) -> None:
    _fail(expiring, "t", DocumentError())
    assert _expiry(wire, expiring) is None
    _fail(expiring, "t", DocumentError())
    assert _expiry(wire, expiring) == _days(clock, 2)
    expiring.unignore("t", reason="the reader was mended")
    assert _expiry(wire, expiring) is None
    expiring.ignore("t", reason="it was not")
    assert _expiry(wire, expiring) == _days(clock, 2)
    expiring.rerun("t", reason="now it is")
    for _ in range(2):
        expiring.start("t").__enter__()
        clock.advance(60)
    with pytest.raises(st.TaskIgnoredError):
        expiring.start("t").__enter__()
    assert _expiry(wire, expiring) == _days(clock, 2)


def test_ttl_is_removed_by_the_next_acquire(expiring: Any, wire: Wire) -> None:
    with expiring.start("t", create=True):
        pass
    assert _expiry(wire, expiring)
    with expiring.start("t", more_pending_status=40):
        assert _expiry(wire, expiring) is None


def test_ttl_is_off_by_default(step1: Any, wire: Wire) -> None:
    with step1.start("t", create=True):
        pass
    assert _expiry(wire, step1) is None
