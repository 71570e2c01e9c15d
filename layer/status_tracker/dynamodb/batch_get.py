"""Reads listed tasks whole: a hundred in a request, and several requests ahead of who takes them."""

from __future__ import annotations

import sys
import time
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future
from datetime import datetime
from itertools import islice
from typing import Any, NamedTuple, TypeAlias

from ..core.errors import TaskUnreadableError
from ..core.retries import jittered
from .item import TaskItem

BATCH_SIZE = 100
PARALLEL_READS = 8

_FIRST_PAUSE = 0.05
_LONGEST_PAUSE = 5.0

_JSON = {"errors": dict, "finished_locks": list, "vanished_locks": list}
"""What the rules read of a task's JSON, and what it is."""

_Page: TypeAlias = dict[str, Any]


class Listed(NamedTuple):
    """A task, and where it stood in the index when it was listed.

    Attributes:
        task: as the index tells it, or whole; the raw item as long as only the whole one is of use. What is no task is
            the error that says so.
    """

    moment: datetime
    key: str
    status: int
    task: Any


def task_of(task_class: type[TaskItem], key: str, item: dict[str, Any]) -> TaskItem | TaskUnreadableError:
    """The task that an item holds, or why it holds none."""
    try:
        task_class.split_key(key)
        task = task_class.from_raw_data(item)
        _check_json(task.attribute_values)
    except Exception as error:  # noqa: BLE001  # whatever an attribute raises, of the user's own too
        return unreadable(task_class, key, error)
    return task


def _check_json(values: dict[str, Any]) -> None:
    for name, kind in _JSON.items():
        if values.get(name) is not None and not isinstance(values[name], kind):
            raise TypeError(f"{name} is {str(values[name])[:80]!r}, and no {kind.__name__}")


def unreadable(task_class: type[TaskItem], key: str, error: Exception) -> TaskUnreadableError:
    """The error that names the item, caused by what was raised when it was read."""
    use_case_id, sep, task_id = key.partition(task_class.config.sep)
    told = TaskUnreadableError(
        f"The item {key!r} cannot be read: {type(error).__name__}: {error}. Mend it in the table, or delete it.",
        use_case_id=use_case_id if sep else None,
        task_id=task_id if sep else key,
    )
    told.__cause__ = error
    return told


class WholeReader:
    """Reads tasks of a class whole.

    Args:
        wanted: of the tasks that are listed, which to read; True for all.
        pool: in whose threads the requests are sent.
    """

    def __init__(self, task_class: type[TaskItem], wanted: Callable[[Any], bool] | bool, pool: Executor) -> None:
        self._class = task_class
        self._table, self._key = task_class.Meta.table_name, task_class.key.attr_name
        self._wanted = wanted
        self._pool = pool

    def read(self, listed: Iterator[Listed], limit: int | None, *, filtered: bool) -> Iterator[Listed]:
        """The same tasks, those that are wanted read whole; those that were deleted meanwhile are left out.

        At first one batch is read, and with each further one that is asked for, twice as much ahead of it: who takes
        few tasks does not pay for many, and who takes all seldom waits. Where DynamoDB leaves keys unprocessed, since
        it throttles or the tasks are large, that begins anew.

        Args:
            limit: at most so many will be given; None for all.
            filtered: some are dropped once they were read, so that more than `limit` may have to be.
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
        keys = dict.fromkeys(each.key for each in batch if self._is_wanted(each))
        return self._pool.submit(self._request, [{self._key: {"S": key}} for key in keys]) if keys else None

    def _answered(self, batch: list[Listed], answer: Future[_Page] | None) -> Iterator[Listed]:
        found = {} if answer is None else self._found(answer.result())
        for each in batch:
            if each.key in found:
                yield each._replace(task=task_of(self._class, each.key, found[each.key]))
            elif not self._is_wanted(each):
                yield each

    def _found(self, page: _Page) -> dict[str, Any]:
        """The items of an answer, by key; what DynamoDB left unprocessed is asked for again, with backoff.

        Who waits for the batch does that, so that what is left of several batches is not asked for in parallel.
        """
        found = {}
        longest = _FIRST_PAUSE
        while True:
            found.update({item[self._key]["S"]: item for item in page["Responses"].get(self._table, [])})
            unread = page["UnprocessedKeys"].get(self._table, {}).get("Keys", [])
            if not unread:
                return found
            time.sleep(jittered(longest))
            longest = min(2 * longest, _LONGEST_PAUSE)
            page = self._request(unread)

    def _request(self, keys: list[Any]) -> _Page:
        return self._class._get_connection().batch_get_item(keys)

    def _is_wanted(self, listed: Listed) -> bool:
        if isinstance(self._wanted, bool):
            return self._wanted
        return not isinstance(listed.task, TaskUnreadableError) and self._wanted(listed.task)
