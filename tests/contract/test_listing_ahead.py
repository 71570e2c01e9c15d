"""Section 4: tasks that are read whole are read ahead of who takes them, and never much more than is taken."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from typing import Any

import pytest
from botocore.awsrequest import AWSPreparedRequest
from botocore.session import Session
from pynamodb.exceptions import GetError

from tests.support.clock import Clock
from tests.support.items import stored
from tests.support.steps import STEP1_CODES, make_base, make_step
from tests.support.wire import ALWAYS, Wire, access_denied, partly_unprocessed, passed, unprocessed


def _make(step: Any, clock: Clock, n: int, **attributes: Any) -> None:
    """So many tasks, a second apart."""
    with step.batch_write() as batch:
        for number in range(n):
            clock.advance(1)
            batch.save(step.make(f"t-{number:04}", {"n": number}, **attributes))


def _numbers(tasks: Iterable[Any]) -> list[int]:
    return [task.data["n"] for task in tasks]


def _keys(asked: list[dict[str, Any]]) -> list[int]:
    """How many keys each BatchGetItem asked for."""
    return [len(wanted["Keys"]) for request in asked for wanted in request["RequestItems"].values()]


def test_little_is_read_ahead_where_little_is_taken(step1: Any, wire: Wire, clock: Clock) -> None:
    _make(step1, clock, 2100)
    found, taken = step1.query_by_status(10, limit=None, auto_refresh=True), []
    with wire.reading("BatchGetItem") as asked:
        for n, most_requests in ((0, 0), (1, 1), (99, 1), (1, 3), (99, 3), (1, 6), (100, 11), (100, 12)):
            taken += _numbers(found.many(n))
            assert len(asked) <= most_requests, len(taken)
        taken += _numbers(found)
    assert taken == list(range(2100))
    assert len(asked) == 21


def test_several_batches_are_read_at_once_and_come_in_order(step1: Any, wire: Wire, clock: Clock) -> None:
    _make(step1, clock, 300)
    together = threading.Barrier(2)

    def meets_another(_request: AWSPreparedRequest) -> None:
        together.wait(timeout=30)

    wire.inject("BatchGetItem", passed, meets_another, meets_another)
    assert _numbers(step1.query_by_status(10, limit=None, auto_refresh=True)) == list(range(300))
    assert not together.broken


def test_no_more_than_the_limit_is_read(step1: Any, wire: Wire, clock: Clock) -> None:
    _make(step1, clock, 400)
    with wire.reading("BatchGetItem") as asked:
        assert _numbers(step1.query_by_status(10, limit=250, auto_refresh=True)) == list(range(250))
    assert sorted(_keys(asked)) == [50, 100, 100]


def test_others_come_in_place_of_those_that_were_deleted_meanwhile(step1: Any, wire: Wire, clock: Clock) -> None:
    _make(step1, clock, 10)

    def others_delete(_request: AWSPreparedRequest) -> None:
        for number in (0, 3):
            stored(step1, f"t-{number:04}").delete()

    wire.inject("BatchGetItem", others_delete)
    with wire.reading("BatchGetItem") as asked:
        assert _numbers(step1.query_by_status(10, limit=5, auto_refresh=True)) == [1, 2, 4, 5, 6]
    assert _keys(asked) == [5, 2]


def test_search_by_error_class_reads_more_at_once_the_longer_it_finds_nothing(
    step1: Any, wire: Wire, clock: Clock
) -> None:
    _make(step1, clock, 63, _status=30)
    with wire.reading("BatchGetItem") as asked:
        assert step1.query_by_status(30, limit=1, error_class=OSError).all() == []
    assert _keys(asked) == [1, 2, 4, 8, 16, 32]


def test_index_is_asked_for_no_more_than_is_needed(step1: Any, wire: Wire, clock: Clock) -> None:
    _make(step1, clock, 3)
    with wire.reading("Query") as asked:
        assert _numbers(step1.query_by_status(10, auto_refresh=True)) == [0, 1, 2]
    assert [set(query["ExpressionAttributeNames"].values()) for query in asked] == [
        {"key", "value", "update_time"}
    ] * len(asked)
    assert all("ProjectionExpression" in query for query in asked)


def test_what_several_batches_left_unprocessed_is_read_in_order(
    step1: Any, wire: Wire, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("random.uniform", lambda *_: 0)
    _make(step1, clock, 700)
    found = step1.query_by_status(10, limit=None, auto_refresh=True)
    taken = _numbers(found.many(200))
    wire.inject("BatchGetItem", *(unprocessed, partly_unprocessed) * 4)
    assert taken + _numbers(found) == list(range(700))
    assert not wire.pending("BatchGetItem")


def test_nothing_is_read_ahead_while_dynamodb_leaves_keys_unprocessed(
    step1: Any, wire: Wire, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("random.uniform", lambda *_: 0)
    _make(step1, clock, 500)
    wire.inject("BatchGetItem", *(partly_unprocessed, passed) * 3)
    found = step1.query_by_status(10, limit=None, auto_refresh=True)
    taken: list[int] = []
    for n in (100, 100, 100):
        with wire.counting() as requests:
            taken += _numbers(found.many(n))
        assert requests["BatchGetItem"] == 2
    assert taken + _numbers(found) == list(range(500))


def test_error_of_a_later_batch_comes_after_the_tasks_before_it(step1: Any, wire: Wire, clock: Clock) -> None:
    _make(step1, clock, 300)
    wire.inject("BatchGetItem", passed)
    wire.inject("BatchGetItem", access_denied, times=ALWAYS)
    found = step1.query_by_status(10, limit=None, auto_refresh=True)
    assert _numbers(found.many(100)) == list(range(100))
    with pytest.raises(GetError, match="AccessDenied"):
        found.one()


def test_who_stops_does_not_wait_for_what_is_read_ahead(step1: Any, wire: Wire, clock: Clock) -> None:
    _make(step1, clock, 400)
    hanging, stopped, answered = threading.Event(), threading.Event(), threading.Event()

    def third_hangs(request: AWSPreparedRequest) -> None:
        if b"t-0200" in request.body:
            hanging.set()
            if stopped.wait(timeout=30):
                answered.set()

    wire.inject("BatchGetItem", third_hangs, times=ALWAYS)
    found = step1.query_by_status(10, limit=None, auto_refresh=True)
    assert _numbers(found.many(200)) == list(range(200))
    assert hanging.wait(timeout=30)
    del found
    stopped.set()
    assert answered.wait(timeout=30)


def test_one_client_serves_all_threads(engine: Any, step1: Any, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    _make(step1, clock, 3)
    fresh = make_step(make_base(engine.host, step1.Meta.table_name), STEP1_CODES, clock)
    fresh.Meta.extra_headers = {"x-test": "fresh"}
    create, made = Session.create_client, []
    monkeypatch.setattr(Session, "create_client", lambda *args, **kwargs: made.append(args) or create(*args, **kwargs))
    try:
        assert _numbers(fresh.query_by_status(10, auto_refresh=True)) == [0, 1, 2]
        assert len(made) == 1
    finally:
        fresh._get_connection().connection.client.close()
