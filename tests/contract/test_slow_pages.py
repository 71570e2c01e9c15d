"""A page of the index that is not answered in time is asked for again, in smaller parts: nothing is lost or doubled."""

from __future__ import annotations

import json
from typing import Any

import pytest
from botocore.awsrequest import AWSPreparedRequest
from botocore.exceptions import ReadTimeoutError
from pynamodb.exceptions import QueryError

from tests.support.wire import ALWAYS, Wire, cut

COUNT = 30


def unanswered(request: AWSPreparedRequest) -> None:
    raise ReadTimeoutError(endpoint_url=request.url)


@pytest.fixture
def tasks(step1: Any) -> Any:
    with step1.batch_write() as batch:
        for number in range(COUNT):
            batch.save(step1.make(f"t-{number:02}"))
    return step1


def tries(wire: Wire) -> int:
    """How often botocore itself asks before it gives up."""
    return int(wire.client.meta.config.retries["total_max_attempts"])


def too_often(step: Any, wire: Wire) -> int:
    """So often that botocore gives up on a shard at least."""
    return tries(wire) * int(step.config.status_shards[10])


@pytest.mark.parametrize("whole", [False, True])
def test_slow_listing_goes_on(tasks: Any, wire: Wire, whole: bool) -> None:
    query = tasks.query_by_status(10, limit=None, auto_refresh=whole)
    wire.inject("Query", unanswered, times=too_often(tasks, wire))
    if whole:
        wire.inject("BatchGetItem", unanswered, times=tries(wire))
    assert sorted(task.task_id for task in query) == [f"t-{number:02}" for number in range(COUNT)]


def test_slow_count_goes_on(tasks: Any, wire: Wire) -> None:
    wire.inject("Query", unanswered, times=too_often(tasks, wire))
    told: list[int] = []
    assert tasks.count_by_status(progress=told.append)[10] == COUNT
    assert told[-1] == COUNT
    assert told == sorted(told)
    wire.inject("Query", unanswered, times=too_often(tasks, wire))
    assert tasks.count_within(10) == COUNT


def test_page_that_was_not_answered_is_asked_for_in_smaller_parts(
    tasks: Any, wire: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("status_tracker.dynamodb.paging._SMALLER", 4)
    monkeypatch.setattr("status_tracker.dynamodb.paging._SMALLEST", 2)
    limits: list[int | None] = []

    def slow_if_large(request: Any) -> None:
        limits.append(json.loads(request.body).get("Limit"))
        if limits[-1] is None or limits[-1] > 2:
            raise ReadTimeoutError(endpoint_url=request.url)

    wire.inject("Query", slow_if_large, times=ALWAYS)
    listed = [task.task_id for task in tasks.query_by_status(10, limit=None)]
    assert (len(listed), len(set(listed))) == (COUNT, COUNT)
    assert {None, 4, 2} <= set(limits)


def test_table_that_never_answers_is_not_asked_for_ever(tasks: Any, wire: Wire) -> None:
    wire.inject("Query", unanswered, times=ALWAYS)
    with pytest.raises(QueryError, match="Read timeout"):
        next(tasks.query_by_status(10))


def test_table_that_cannot_be_reached_is_told_at_once(tasks: Any, wire: Wire) -> None:
    wire.inject("Query", cut, times=ALWAYS)
    with pytest.raises(QueryError, match="Could not connect"):
        tasks.count_by_status()


def test_count_ends_when_its_progress_raises(tasks: Any) -> None:
    def interrupt(_: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        tasks.count_by_status(progress=interrupt)
