"""Section 4: lists between two moments, and lists that go on where another one stopped."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from itertools import islice
from typing import Any

import pytest

from tests.support.clock import TICK, Clock
from tests.support.items import stored
from tests.support.wire import Wire

START = Clock().now


@pytest.fixture
def step1(new_step: Callable[..., Any]) -> Any:
    """Two shards are as good as five here, and take fewer requests."""
    return new_step(n_pending_shard=2, n_failed_shard=2)


def _ids(tasks: Any) -> list[str]:
    return [task.task_id for task in tasks]


def _make(step: Any, prefix: str, seconds: list[float], status: int = 10) -> list[str]:
    """A task for each of these moments, counted from the start."""
    for n, second in enumerate(seconds):
        moment = START + timedelta(seconds=second)
        step.make_and_save(f"{prefix}-{n}", {"n": n}, _status=status, update_time=moment)
    return [f"{prefix}-{n}" for n in range(len(seconds))]


def _at(second: float) -> datetime:
    return START + timedelta(seconds=second)


def test_since_is_included_and_until_is_not(step1: Any) -> None:
    made = _make(step1, "t", [0, 1, 2, 3, 4])
    assert _ids(step1.query_by_status(10, since=_at(1), until=_at(3))) == made[1:3]
    assert _ids(step1.query_by_status(10, since=_at(3))) == made[3:]
    assert _ids(step1.query_by_status(10, until=_at(3))) == made[:3]
    assert _ids(step1.query_by_status(10, since=_at(1) + TICK, until=_at(3) + TICK)) == made[2:4]
    assert _ids(step1.query_by_status(10, since=_at(1), until=_at(4), older_task_first=False)) == made[3:0:-1]


def test_windows_of_no_length_or_turned_round_are_empty(step1: Any) -> None:
    _make(step1, "t", [1])
    assert _ids(step1.query_by_status(10, since=_at(1), until=_at(1))) == []
    assert _ids(step1.query_by_status(10, since=_at(2), until=_at(1))) == []


def test_window_in_another_time_zone(step1: Any) -> None:
    made = _make(step1, "t", [0, 1, 2, 3])
    tokyo = timezone(timedelta(hours=9))
    listed = step1.query_by_status(10, since=_at(1).astimezone(tokyo), until=_at(3).astimezone(tokyo))
    assert _ids(listed) == made[1:3]


def test_window_goes_with_limits_statuses_and_refreshing(step1: Any) -> None:
    pending = _make(step1, "p", [0, 2, 4, 6])
    failed = _make(step1, "f", [1, 3, 5, 7], status=30)
    listed = step1.query_by_status([10, 30], limit=2, since=_at(1), until=_at(7), auto_refresh=True).all()
    assert _ids(listed) == [failed[0], pending[1], failed[1], pending[2]]
    assert [task.data["n"] for task in listed] == [0, 1, 1, 2]


@pytest.mark.parametrize("bound", ["since", "until"])
def test_naive_moments_are_refused_before_any_request(step1: Any, wire: Wire, bound: str) -> None:
    naive = START.replace(tzinfo=None)
    with wire.counting() as requests, pytest.raises(ValueError, match=rf"{bound} .* time zone"):
        step1.query_by_status(10, **{bound: naive})
    assert not requests


ONE_STATUS = {"statuses": 10, "made": {10: [0, 1, 1, 1, 2, 3, 3]}}
SEVERAL = {"statuses": [10, 30], "made": {10: [0, 2, 2, 5], 30: [1, 2, 2, 5]}}
SAME_MOMENT = {"statuses": [10, 30], "made": {10: [1] * 4, 30: [1] * 3}}


@pytest.fixture(params=[4096, 0], ids=["keys", "up to a key"])
def _kept(request: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Cursors that have the keys of their moment, and such as tell only up to which."""
    monkeypatch.setattr("status_tracker.core.cursors.KEPT_CHARACTERS", request.param)


@pytest.mark.usefixtures("_kept")
@pytest.mark.parametrize("auto_refresh", [False, True])
@pytest.mark.parametrize("older_first", [True, False])
@pytest.mark.parametrize("tasks", [ONE_STATUS, SEVERAL, SAME_MOMENT], ids=["one status", "several", "same moment"])
def test_cursor_goes_on_wherever_it_stopped(
    step1: Any, tasks: dict[str, Any], older_first: bool, auto_refresh: bool
) -> None:
    for status, seconds in tasks["made"].items():
        _make(step1, str(status), seconds, status)

    def query(cursor: str | None = None) -> Any:
        order = {"older_task_first": older_first, "auto_refresh": auto_refresh}
        return step1.query_by_status(tasks["statuses"], limit=None, cursor=cursor, **order)

    whole = _ids(query())
    assert len(set(whole)) == len(whole) == sum(len(seconds) for seconds in tasks["made"].values())
    for stop in range(len(whole) + 1):
        first = query()
        given = _ids(first.many(stop))
        assert given + _ids(query(first.cursor)) == whole


@pytest.mark.usefixtures("_kept")
@pytest.mark.parametrize("older_first", [True, False])
@pytest.mark.parametrize("limit", [1, 4])
@pytest.mark.parametrize(
    "seconds",
    [{10: [0, 1, 1, 1, 2, 3, 3]}, {10: [0, 1, 2, 3, 4, 5], 30: [100, 101, 102]}, {10: [1, 1, 1], 30: [0, 1, 1, 2]}],
    ids=["one status", "far apart", "interleaved"],
)
def test_cursor_leads_page_by_page_through_all(
    step1: Any, seconds: dict[int, list[float]], limit: int, older_first: bool
) -> None:
    made = [task_id for status in seconds for task_id in _make(step1, str(status), seconds[status], status)]
    listed: list[str] = []
    cursor = None
    while True:
        page = step1.query_by_status(list(seconds), limit=limit, older_task_first=older_first, cursor=cursor)
        given = _ids(page)
        if not given:
            break
        listed += given
        cursor = page.cursor
    assert sorted(listed) == sorted(made)


@pytest.mark.parametrize("older_first", [True, False])
@pytest.mark.parametrize("limit", [40, 120, None])
def test_cursor_among_many_of_one_moment_stays_short_and_loses_none(
    step1: Any, monkeypatch: pytest.MonkeyPatch, limit: int | None, older_first: bool
) -> None:
    monkeypatch.setattr("status_tracker.core.cursors.KEPT_CHARACTERS", 200)
    with step1.batch_write() as batch:
        for n in range(400):
            batch.save(step1.make(f"t-{n:03}", update_time=START))
    listed: list[str] = []
    cursor = None
    while True:
        page = step1.query_by_status(10, limit=limit, older_task_first=older_first, cursor=cursor)
        given = _ids(islice(page, 90))
        if not given:
            break
        listed += given
        cursor = page.cursor
        assert len(cursor) < (2000 if len(listed) <= 40 else 900)
    assert sorted(listed) == [f"t-{n:03}" for n in range(400)]


def test_old_cursors_are_understood(step1: Any) -> None:
    made = _make(step1, "t", [0, 1, 1, 1, 2])
    keys = [step1.make_key(task_id) for task_id in made[1:3]]
    old = base64.urlsafe_b64encode(json.dumps({"10": [_at(1).isoformat(), *keys]}).encode()).decode()
    assert _ids(step1.query_by_status(10, cursor=old)) == made[3:]


def test_list_until_long_ago_keeps_no_record_of_what_it_gave(
    step1: Any, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    def record(*_: object) -> Any:
        raise AssertionError("a record is kept of every task")

    made = _make(step1, "t", [0, 1])
    clock.advance(5)
    monkeypatch.setattr("status_tracker.dynamodb.query.each_once", record)
    assert _ids(step1.query_by_status([10, 30], until=clock.now)) == made
    with pytest.raises(AssertionError):
        step1.query_by_status([10, 30], until=clock.now + TICK).all()


def test_window_before_all_days_is_empty(step1: Any) -> None:
    _make(step1, "t", [0])
    assert _ids(step1.query_by_status(10, until=datetime.min.replace(tzinfo=UTC))) == []


def test_cursor_at_the_end_goes_on_with_what_came_later(step1: Any) -> None:
    first = _make(step1, "t", [0, 1, 1])
    query = step1.query_by_status(10)
    assert _ids(query) == first
    assert _ids(step1.query_by_status(10, cursor=query.cursor)) == []
    later = _make(step1, "u", [1, 2])
    again = step1.query_by_status(10, cursor=query.cursor)
    assert _ids(again) == later
    assert _ids(step1.query_by_status(10, cursor=again.cursor)) == []


def test_cursor_of_a_query_that_gave_nothing(step1: Any) -> None:
    query = step1.query_by_status(10)
    assert query.cursor is None
    assert (query.one_or_none(), query.cursor) == (None, None)
    made = _make(step1, "t", [0, 1])
    query = step1.query_by_status(10)
    query.one()
    resumed = step1.query_by_status(10, cursor=query.cursor)
    assert resumed.cursor == query.cursor
    assert _ids(resumed) == made[1:]


def test_cursor_loses_no_task_when_others_have_left_the_list(step1: Any, clock: Clock) -> None:
    made = _make(step1, "t", [0, 1, 1, 1, 2])
    query = step1.query_by_status(10)
    given = _ids(query.many(2))
    clock.advance(60)
    for task_id in given:
        step1.start(task_id).__enter__()
    stored(step1, made[-1]).delete()
    rest = _ids(step1.query_by_status(10, cursor=query.cursor))
    assert sorted(given + rest) == sorted(made[:-1])


def test_cursor_goes_with_a_window_and_an_error_class(step1: Any) -> None:
    history = {"history": [{"error": "OSError()"}]}
    for n in range(6):
        odd = {"errors": history} if n % 2 else {}
        step1.make_and_save(f"t-{n}", _status=30, update_time=_at(n), **odd)
    window = {"since": _at(1), "until": _at(5), "error_class": OSError}
    query = step1.query_by_status(30, **window)
    assert query.one().task_id == "t-1"
    assert _ids(step1.query_by_status(30, cursor=query.cursor, **window)) == ["t-3"]


@pytest.mark.parametrize(
    "cursor",
    [
        "",
        "nonsense",
        "ünsinn",
        base64.urlsafe_b64encode(b"nonsense").decode(),
        base64.urlsafe_b64encode(b"5").decode(),
        base64.urlsafe_b64encode(json.dumps([START.isoformat()]).encode()).decode(),
        base64.urlsafe_b64encode(json.dumps([5, []]).encode()).decode(),
        base64.urlsafe_b64encode(json.dumps(["2026-01-01T00:00:00", []]).encode()).decode(),
        base64.urlsafe_b64encode(json.dumps({"10": [START.isoformat(), []]}).encode()).decode(),
        base64.urlsafe_b64encode(json.dumps({"10": [START.isoformat(), [5]]}).encode()).decode(),
    ],
)
def test_cursor_that_no_result_gave_is_refused_before_any_request(step1: Any, wire: Wire, cursor: str) -> None:
    with wire.counting() as requests, pytest.raises(ValueError, match="cursor"):
        step1.query_by_status(10, cursor=cursor)
    assert not requests


def test_cursor_is_text_that_may_stand_in_a_url(step1: Any) -> None:
    step1.make_and_save("a b/ü+%.pdf", update_time=datetime(2026, 1, 1, tzinfo=UTC))
    query = step1.query_by_status(10)
    query.one()
    assert query.cursor.isascii()
    assert not set(query.cursor) & set(" +/?&#%")
    assert _ids(step1.query_by_status(10, cursor=query.cursor)) == []
