"""A page that a slow table does not give is asked for again, in smaller parts: nothing is lost or doubled."""

from __future__ import annotations

import json
from typing import Any

import pytest
from botocore.awsrequest import AWSPreparedRequest
from botocore.exceptions import ReadTimeoutError
from pynamodb.exceptions import QueryError

import status_tracker as st
from tests.support.clock import Clock
from tests.support.wire import (
    ALWAYS,
    Fault,
    Wire,
    access_denied,
    answer_lost,
    cut,
    nothing_written,
    passed,
    server_error,
    throttled,
)

COUNT = 30


def unanswered(request: AWSPreparedRequest) -> None:
    raise ReadTimeoutError(endpoint_url=request.url)


@pytest.fixture
def tasks(step1: Any, clock: Clock) -> Any:
    with step1.batch_write() as batch:
        for number in range(COUNT):
            clock.advance(1)
            batch.save(step1.make(f"t-{number:02}"))
    return step1


def tries(wire: Wire) -> int:
    """How often botocore itself asks before it gives up."""
    return int(wire.client.meta.config.retries["total_max_attempts"])


def too_often(step: Any, wire: Wire) -> int:
    """So often that botocore gives up on a shard at least."""
    return tries(wire) * int(step.config.status_shards[10])


@pytest.mark.parametrize("whole", [False, True])
@pytest.mark.parametrize("slow", [unanswered, answer_lost, throttled, server_error])
def test_slow_listing_goes_on(tasks: Any, wire: Wire, slow: Fault, whole: bool) -> None:
    query = tasks.query_by_status(10, limit=None, auto_refresh=whole)
    wire.inject("Query", slow, times=too_often(tasks, wire))
    if whole:
        wire.inject("BatchGetItem", slow, times=tries(wire))
    assert sorted(task.task_id for task in query) == [f"t-{number:02}" for number in range(COUNT)]


def test_survey_of_a_slow_table_goes_on(tasks: Any, wire: Wire) -> None:
    tasks.start("t-00").__enter__()
    survey = tasks.survey()
    wire.inject("Query", throttled, times=2 * too_often(tasks, wire))
    survey.finish()
    assert (survey.complete, survey.counts[20]) == (True, 1)


def test_slow_count_goes_on(tasks: Any, wire: Wire) -> None:
    wire.inject("Query", unanswered, times=too_often(tasks, wire))
    told: list[int] = []
    assert tasks.count_by_status(progress=told.append)[10] == COUNT
    assert told[-1] == COUNT
    assert told == sorted(told)
    wire.inject("Query", unanswered, times=too_often(tasks, wire))
    assert tasks.count_within(10) == COUNT


@pytest.fixture
def small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    """After a page that was not given, the next ones have few tasks."""
    monkeypatch.setattr("status_tracker.dynamodb.paging._SMALLER", 4)
    monkeypatch.setattr("status_tracker.dynamodb.paging._SMALLEST", 2)


@pytest.mark.usefixtures("small_pages")
@pytest.mark.parametrize("slow", [unanswered, throttled])
def test_slow_table_is_read_whole_and_cleared(tasks: Any, wire: Wire, slow: Fault) -> None:
    wire.inject("Scan", slow, times=tries(wire))
    with wire.counting() as requests:
        assert tasks.count_tasks_by_use_case_id() == COUNT
    assert requests["Scan"] > tries(wire) + 1  # in several pages
    wire.inject("Scan", slow, times=tries(wire))
    wire.inject("BatchWriteItem", slow, times=tries(wire))
    wire.inject("BatchWriteItem", passed, nothing_written)
    assert tasks.delete_tasks_by_use_case_id() == COUNT
    assert tasks.delete_all() == 0


@pytest.mark.usefixtures("small_pages")
def test_slow_table_is_resharded(step1: Any, wire: Wire) -> None:
    hidden = int(step1.config.status_shards[10]) + 1
    for number in range(9):
        step1.make_and_save(f"t-{number}", _shard_id=hidden)
    wire.inject("Query", throttled, times=tries(wire))
    wire.inject("UpdateItem", throttled, times=tries(wire))
    with wire.counting() as requests:
        assert step1.reshard(10, from_shards=hidden) == 9
    assert requests["Query"] > tries(wire) + 1
    assert step1.reshard(10, from_shards=hidden) == 0


@pytest.mark.parametrize("whole", ["count_tasks_by_use_case_id", "delete_tasks_by_use_case_id"])
def test_table_that_stays_too_slow_is_not_read_whole(
    tasks: Any, wire: Wire, whole: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("random.uniform", lambda *_: 0)
    wire.inject("Scan", throttled, times=ALWAYS)
    with pytest.raises(st.StoreUnansweredError, match=r"A page of table .* was asked for 4 times"):
        getattr(tasks, whole)()


@pytest.mark.usefixtures("small_pages")
def test_page_that_was_not_answered_is_asked_for_in_smaller_parts(tasks: Any, wire: Wire) -> None:
    limits: list[int | None] = []

    def slow_if_large(request: Any) -> None:
        limits.append(json.loads(request.body).get("Limit"))
        if limits[-1] is None or limits[-1] > 2:
            raise ReadTimeoutError(endpoint_url=request.url)

    wire.inject("Query", slow_if_large, times=ALWAYS)
    listed = [task.task_id for task in tasks.query_by_status(10, limit=None)]
    assert (len(listed), len(set(listed))) == (COUNT, COUNT)
    assert {None, 4, 2} <= set(limits)


def test_page_that_is_asked_for_again_is_not_larger_than_it_was(tasks: Any, wire: Wire) -> None:
    wire.inject("Query", unanswered, times=too_often(tasks, wire))
    shards = tasks.config.status_shards[10]
    counted = tasks.count_up_to([10], per_shard=1)[10]
    assert counted.more
    assert counted.number <= shards


def test_table_that_stays_too_slow_ends_a_listing_which_says_how_it_goes_on(
    tasks: Any, wire: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("random.uniform", lambda *_: 0)
    monkeypatch.setattr("status_tracker.dynamodb.query._HELD", 0)
    monkeypatch.setattr("status_tracker.dynamodb.query._SMALLEST_PAGE", 2)
    query = tasks.query_by_status(10, limit=None)
    given = [task.task_id for task in query.many(3)]
    wire.inject("Query", unanswered, times=ALWAYS)
    with pytest.raises(st.StoreUnansweredError, match=r"asked for 4 times.*Read timeout.*cursor") as ended:
        given += [task.task_id for task in query]
    with pytest.raises(st.StoreUnansweredError):  # and not its end
        next(query)
    wire.heal()
    rest = tasks.query_by_status(10, limit=None, cursor=ended.value.cursor)
    assert ended.value.cursor == query.cursor
    assert isinstance(ended.value.__cause__, QueryError)
    assert sorted([*given, *(task.task_id for task in rest)]) == [f"t-{number:02}" for number in range(COUNT)]


def test_items_that_are_never_read_end_a_listing(tasks: Any, wire: Wire, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("random.uniform", lambda *_: 0)
    wire.inject("BatchGetItem", throttled, times=ALWAYS)
    with pytest.raises(st.StoreUnansweredError, match="30 items") as ended:
        tasks.query_by_status(10, limit=None, auto_refresh=True).all()
    assert ended.value.cursor is None


@pytest.mark.parametrize("slow", [throttled, answer_lost])
def test_table_that_stays_too_slow_is_not_counted_for_ever(
    tasks: Any, wire: Wire, slow: Fault, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("random.uniform", lambda *_: 0)
    wire.inject("Query", slow, times=ALWAYS)
    with pytest.raises(st.StoreUnansweredError, match="test____") as ended:
        tasks.count_up_to([10], per_shard=10)
    assert ended.value.cursor is None


@pytest.mark.parametrize(("lasting", "told"), [(cut, "Could not connect"), (access_denied, "AccessDenied")])
def test_table_that_cannot_be_asked_is_told_at_once(tasks: Any, wire: Wire, lasting: Fault, told: str) -> None:
    wire.inject("Query", lasting, times=ALWAYS)
    with pytest.raises(QueryError, match=told):
        tasks.count_by_status()


def test_count_ends_when_its_progress_raises(tasks: Any) -> None:
    def interrupt(_: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        tasks.count_by_status(progress=interrupt)
