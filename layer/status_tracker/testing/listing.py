"""What a query in memory finds."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import Generic, TypeVar

TaskT = TypeVar("TaskT")


class MemoryQuery(Generic[TaskT]):
    """The tasks that a query finds, each once.

    Args:
        place: a text that says where a task stands; of a query that has no cursor, none.

    Attributes:
        cursor: where it stands: the same query with ``cursor=`` goes on behind the last task given.
    """

    def __init__(
        self, tasks: Iterable[TaskT], place: Callable[[TaskT], str] | None = None, cursor: str | None = None
    ) -> None:
        self._tasks = iter(tasks)
        self._place = place
        self.cursor = cursor

    def __iter__(self) -> Iterator[TaskT]:
        return self

    def __next__(self) -> TaskT:
        task = next(self._tasks)
        if self._place is not None:
            self.cursor = self._place(task)
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
