"""Reads an index page by page; a page that is not answered in time is asked for again, and in smaller parts."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

from botocore.exceptions import ReadTimeoutError
from pynamodb.exceptions import PynamoDBException

from ..core.retries import jittered

AnswerT = TypeVar("AnswerT")

TRIES = 4
"""How often a page is asked for; each time botocore tries as often as the client's settings say."""

_SMALLER = 1000
"""Entries of a page that is asked for again, where it had no limit; a quarter of them the next time."""

_SMALLEST = 25
_FIRST_PAUSE_SECONDS = 0.2


def pages(task_class: Any, value: str, *, limit: int | None = None, **query: Any) -> Iterator[dict[str, Any]]:
    """The pages of an index partition, as DynamoDB answers them.

    Args:
        task_class: the model; the table is its.
        value: the partition's key.
        limit: at most so many entries a page; None for as many as are in a megabyte.
        query: further arguments of PynamoDB's ``TableConnection.query``.
    """
    place, size = None, limit

    def ask(slow: int) -> dict[str, Any]:
        nonlocal size
        if slow:
            size = max(_SMALLEST, min(size or 4 * _SMALLER, 4 * _SMALLER) // 4)
        answer: dict[str, Any] = task_class._get_connection().query(
            value, exclusive_start_key=place, limit=size, **query
        )
        return answer

    while True:
        page = patiently(ask)
        yield page
        place = page.get("LastEvaluatedKey")
        if place is None:
            return
        size = _grown(size, limit)


def patiently(ask: Callable[[int], AnswerT]) -> AnswerT:
    """The answer of `ask`, which is told how often it was not answered in time, and is asked again a few times."""
    for slow in range(TRIES - 1):
        try:
            return ask(slow)
        except PynamoDBException as error:
            if not isinstance(error.cause, ReadTimeoutError):
                raise
        time.sleep(jittered(_FIRST_PAUSE_SECONDS * 2**slow))
    return ask(TRIES - 1)


def _grown(size: int | None, limit: int | None) -> int | None:
    """The size of the page after one that was answered."""
    if size == limit or size is None:
        return limit
    grown = 2 * size
    return limit if grown > (4 * _SMALLER if limit is None else limit) else grown
