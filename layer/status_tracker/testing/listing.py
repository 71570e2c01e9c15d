"""What a query in memory finds."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from itertools import islice
from typing import Generic, TypeVar

from ..core.cursors import Cursor, Progress
from .store import Record

TaskT = TypeVar("TaskT", bound=Record)

_EVER = datetime.min.replace(tzinfo=UTC)


def position(task: Record) -> tuple[datetime, str]:
    """Where a task stands in a listing."""
    return task.update_time or _EVER, task.key


class MemoryQuery(Generic[TaskT]):
    """The tasks that a query finds, each once."""

    def __init__(self, tasks: Iterable[TaskT], given: Cursor | None = None, *, older_first: bool = True) -> None:
        self._tasks = iter(tasks)
        self._progress = Progress(given or {}, older_first=older_first)

    @property
    def cursor(self) -> str | None:
        """Where it stands: the same query with ``cursor=`` goes on behind the last task given. None at the start."""
        return self._progress.cursor

    def __iter__(self) -> Iterator[TaskT]:
        return self

    def __next__(self) -> TaskT:
        task = next(self._tasks)
        self._progress.add(task.status, *position(task))
        return task

    def all(self) -> list[TaskT]:
        """All that are left."""
        return list(self)

    def many(self, n: int) -> list[TaskT]:
        """The next `n`, or as many as are left."""
        return list(islice(self, n))

    def one_or_none(self) -> TaskT | None:
        """The next one, or None."""
        return next(self, None)

    def one(self) -> TaskT:
        """The next one. Raises `LookupError` if there is none."""
        for task in self:
            return task
        raise LookupError("The query found no task, or no further one.")
