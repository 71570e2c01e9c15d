"""Reads listed tasks in full: a hundred per request, and several requests ahead of the consumer."""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Executor, Future
from datetime import datetime
from itertools import islice
from typing import Any, NamedTuple, TypeAlias

from ..core.errors import TaskUnreadableError
from .item import TaskItem
from .paging import patiently, pauses
from .unreadable import task_of

BATCH_SIZE = 100
PARALLEL_READS = 8

_Page: TypeAlias = dict[str, Any]


class Listed(NamedTuple):
    """A task, and its place in the index when it was listed.

    Attributes:
        task: as listed in the index, or in full; the raw item until it has been read in full; for an item that is not a
            task, the error.
    """

    moment: datetime
    key: str
    status: int
    task: Any


def read_items(
    task_class: type[TaskItem],
    keys: Iterable[str],
    attributes: Sequence[str] | None = None,
    *,
    consistent: bool = False,
) -> dict[str, dict[str, Any]]:
    """The stored items of at most a hundred keys that exist, by key: whole, or those attributes of them.

    Args:
        consistent: see every write that was answered before.
    """
    name = task_class.key.attr_name
    wanted = [{name: {"S": key}} for key in keys]
    if not wanted:
        return {}
    page = _request(task_class, wanted, attributes, consistent=consistent)
    return _found(task_class, page, attributes, consistent=consistent)


def _request(
    task_class: type[TaskItem], keys: list[Any], attributes: Sequence[str] | None = None, *, consistent: bool = False
) -> _Page:
    connection = task_class._get_connection()
    return patiently(
        lambda _: connection.batch_get_item(keys, consistent_read=consistent, attributes_to_get=attributes),
        f"{len(keys)} items of table {task_class.Meta.table_name!r}",
    )


def _found(
    task_class: type[TaskItem], page: _Page, attributes: Sequence[str] | None = None, *, consistent: bool = False
) -> dict[str, Any]:
    """The items of an answer, by key; unprocessed keys are requested again, with backoff.

    This runs in the consumer's thread, so that leftovers of several batches are not requested in parallel.
    """
    table, name = task_class.Meta.table_name, task_class.key.attr_name
    found: dict[str, Any] = {}
    waits = pauses()
    while True:
        found.update({item[name]["S"]: item for item in page["Responses"].get(table, [])})
        unread = page["UnprocessedKeys"].get(table, {}).get("Keys", [])
        if not unread:
            return found
        next(waits)
        page = _request(task_class, unread, attributes, consistent=consistent)


class WholeReader:
    """Reads tasks of a class in full.

    Args:
        wanted: which of the listed tasks to read; True for all.
        pool: sends the requests.
        consistent: see every write that was answered before.
    """

    def __init__(
        self,
        task_class: type[TaskItem],
        wanted: Callable[[Any], bool] | bool,
        pool: Executor,
        *,
        consistent: bool = False,
    ) -> None:
        self._class = task_class
        self._key = task_class.key.attr_name
        self._wanted = wanted
        self._pool = pool
        self._consistent = consistent

    def read(self, listed: Iterator[Listed], limit: int | None, *, filtered: bool) -> Iterator[Listed]:
        """Replace the wanted tasks by full ones; tasks deleted in the meantime are left out.

        It first reads one batch, and doubles the read-ahead with each further batch: taking few tasks does not cost
        many reads, and taking all seldom waits. If DynamoDB leaves keys unprocessed, because it throttles or the tasks
        are large, the read-ahead starts again from one batch.

        Args:
            limit: at most so many are needed; None for all.
            filtered: some are dropped after reading, so more than `limit` may have to be read.
        """
        needed = sys.maxsize if limit is None or filtered else limit
        first = ahead = min(limit or BATCH_SIZE, BATCH_SIZE)
        batches: deque[tuple[list[Listed], Future[_Page] | None]] = deque()
        unread = 0
        while True:
            while batch := list(islice(listed, max(0, min(BATCH_SIZE, ahead - unread, needed - unread)))):
                batches.append((batch, self._asked(batch)))
                unread += len(batch)
            if not batches:
                return
            batch, answer = batches.popleft()
            unread -= len(batch)
            for each in self._answered(batch, answer):
                needed -= 1
                yield each
            too_much = answer is not None and answer.result()["UnprocessedKeys"]
            ahead = first if too_much else min(2 * ahead, PARALLEL_READS * BATCH_SIZE)

    def _asked(self, batch: list[Listed]) -> Future[_Page] | None:
        keys = [{self._key: {"S": key}} for key in dict.fromkeys(each.key for each in batch if self._is_wanted(each))]
        return self._pool.submit(_request, self._class, keys, consistent=self._consistent) if keys else None

    def _answered(self, batch: list[Listed], answer: Future[_Page] | None) -> Iterator[Listed]:
        found = {} if answer is None else _found(self._class, answer.result(), consistent=self._consistent)
        for each in batch:
            if each.key in found:
                yield each._replace(task=task_of(self._class, each.key, found[each.key]))
            elif not self._is_wanted(each):
                yield each

    def _is_wanted(self, listed: Listed) -> bool:
        if isinstance(self._wanted, bool):
            return self._wanted
        return not isinstance(listed.task, TaskUnreadableError) and self._wanted(listed.task)
