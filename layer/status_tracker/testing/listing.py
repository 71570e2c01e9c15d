"""The results of queries in memory."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import TypeVar

from ..core.cursors import Cursor, FoundTasks, Progress
from .store import Record

TaskT = TypeVar("TaskT", bound=Record)

_EVER = datetime.min.replace(tzinfo=UTC)


def position(task: Record) -> tuple[datetime, str]:
    """The position of a task in a listing."""
    return task.update_time or _EVER, task.key


class MemoryQuery(FoundTasks[TaskT]):
    """The tasks that a query finds, each once."""

    def __init__(self, tasks: Iterable[TaskT], given: Cursor | None = None, *, older_first: bool = True) -> None:
        self._tasks = iter(tasks)
        super().__init__(Progress(given or {}, older_first=older_first))

    def _next(self) -> TaskT:
        task = next(self._tasks)
        self._progress.add(task.status, *position(task))
        return task
