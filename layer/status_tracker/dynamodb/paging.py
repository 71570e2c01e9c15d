"""Reads an index or a table page by page; what a slow table does not give is asked for again, in smaller parts."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, TypeVar

from botocore.exceptions import BotoCoreError, ClientError
from pynamodb.exceptions import PynamoDBException
from pynamodb.expressions.condition import Condition

from ..core.errors import StoreUnansweredError
from ..core.retries import jittered
from .failures import is_slow, raw_error

AnswerT = TypeVar("AnswerT")

TRIES = 4
"""How often a page is asked for; each time botocore tries as often as the client's settings say."""

_SMALLER = 1000
"""Entries of a page that is asked for again, where it had no limit; a quarter of them the next time."""

_SMALLEST = 25
_FIRST_PAUSE_SECONDS = 0.2

_FIRST_PAUSE_BEFORE_THE_REST_SECONDS = 0.05
_LONGEST_PAUSE_SECONDS = 5.0


def pages(task_class: Any, value: str, *, limit: int | None = None, **query: Any) -> Iterator[dict[str, Any]]:
    """The pages of an index partition, as DynamoDB answers them.

    Args:
        task_class: the model; the table is its.
        value: the partition's key.
        limit: at most so many entries a page; None for as many as are in a megabyte.
        query: further arguments of PynamoDB's ``TableConnection.query``.

    Raises:
        StoreUnansweredError: as for `patiently`.
    """
    read = partial(task_class._get_connection().query, value, **query)
    return _read(read, f"A page of {value!r} in the index of table {task_class.Meta.table_name!r}", limit)


def table_pages(task_class: Any, condition: Condition | None) -> Iterator[dict[str, Any]]:
    """The pages of the whole table: the keys of the items that meet the condition, or of all.

    Raises:
        StoreUnansweredError: as for `patiently`.
    """
    keys = [task_class.key.attr_name]
    read = partial(task_class._get_connection().scan, filter_condition=condition, attributes_to_get=keys)
    return _read(read, f"A page of table {task_class.Meta.table_name!r}", None)


def _read(read: Callable[..., dict[str, Any]], what: str, limit: int | None) -> Iterator[dict[str, Any]]:
    place, size = None, limit

    def ask(slow: int) -> dict[str, Any]:
        nonlocal size
        if slow:
            smaller = max(_SMALLEST, min(size or 4 * _SMALLER, 4 * _SMALLER) // 4)
            size = smaller if limit is None else min(smaller, limit)
        return read(exclusive_start_key=place, limit=size)

    while True:
        page = patiently(ask, what)
        yield page
        place = page.get("LastEvaluatedKey")
        if place is None:
            return
        size = _grown(size, limit)


def patiently(ask: Callable[[int], AnswerT], what: str) -> AnswerT:
    """The answer of `ask`, which is told how often the table was too slow, and is asked again a few times.

    Args:
        what: is asked for, at the beginning of a sentence.

    Raises:
        StoreUnansweredError: the table was too slow each time.
        PynamoDBException, BotoCoreError, ClientError: any other failure, as `ask` has raised it.
    """
    for slow in range(TRIES):
        if slow:
            time.sleep(jittered(_FIRST_PAUSE_SECONDS * 2 ** (slow - 1)))
        try:
            return ask(slow)
        except (PynamoDBException, BotoCoreError, ClientError) as error:
            if not is_slow(raw_error(error)):
                raise
            last = error
    raise StoreUnansweredError(
        f"{what} was asked for {TRIES} times in vain, each time with the client's own repetitions: {last}. Try again "
        "when the table is less busy, a listing from its cursor. A table that is always slow needs more capacity, or a "
        "longer read_timeout_seconds in the Meta of its model."
    ) from last


def pauses() -> Iterator[None]:
    """Waits before each further request for what DynamoDB has left undone of one, longer and longer."""
    longest = _FIRST_PAUSE_BEFORE_THE_REST_SECONDS
    while True:
        time.sleep(jittered(longest))
        yield
        longest = min(2 * longest, _LONGEST_PAUSE_SECONDS)


def _grown(size: int | None, limit: int | None) -> int | None:
    """The size of the page after one that was answered."""
    if size == limit or size is None:
        return limit
    grown = 2 * size
    return limit if grown > (4 * _SMALLER if limit is None else limit) else grown
