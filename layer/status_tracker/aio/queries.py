"""What a query finds, for `async for`: read in threads, a little ahead of the loop."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import Generic, Self, TypeVar

from ..core.cursors import Cursor, FoundTasks, format_cursor
from .threads import in_thread

FoundT = TypeVar("FoundT")

_MOST_AHEAD = 128


class AsyncQuery(Generic[FoundT]):
    """The tasks that a query finds, each once; for one ``async for`` at a time.

    An item that cannot be read raises `TaskUnreadableError` in its place, as without asyncio.

    Args:
        find: makes the query; called in a thread when the first task is asked for.
    """

    def __init__(self, find: Callable[[], Iterable[FoundT]]) -> None:
        self._find = find
        self._query: Iterator[FoundT] | None = None
        self._ahead: deque[tuple[FoundT | Exception, Cursor | None]] = deque()
        self._read_next = 1
        self._cursor: Cursor | None = None
        self._filters: list[Callable[[FoundT], object]] = []

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> FoundT:
        while True:
            if not self._ahead:
                await in_thread(self._read)
            if not self._ahead:
                raise StopAsyncIteration
            found, self._cursor = self._ahead.popleft()
            if isinstance(found, Exception):
                raise found
            if all(keeps(found) for keeps in self._filters):
                return found

    @property
    def cursor(self) -> str | None:
        """The position: the same query with ``cursor=`` continues after the last task given. None at the start."""
        return format_cursor(self._cursor) if self._cursor else None

    def filter(self, *keep: Callable[[FoundT], object]) -> Self:
        """From now on, leave out the tasks for which one of the functions returns something false."""
        self._filters.extend(keep)
        return self

    async def all(self) -> list[FoundT]:
        """All that are left."""
        return [each async for each in self]

    async def many(self, n: int) -> list[FoundT]:
        """The next `n`, or as many as are left."""
        found: list[FoundT] = []
        while len(found) < n and (each := await anext(self, None)) is not None:
            found.append(each)
        return found

    async def one_or_none(self) -> FoundT | None:
        """The next one, or None."""
        return await anext(self, None)

    async def one(self) -> FoundT:
        """The next one. Raises `LookupError` if there is none."""
        found = await self.one_or_none()
        if found is None:
            raise LookupError("The query found no task, or no further one.")
        return found

    def _read(self) -> None:
        """Read some further ones, more each time, so that few are read for whoever wants few."""
        if self._query is None:
            self._query = iter(self._find())
        wanted, self._read_next = self._read_next, min(2 * self._read_next, _MOST_AHEAD)
        while len(self._ahead) < wanted:
            try:
                found: FoundT | Exception = next(self._query)
            except StopIteration:
                return
            except Exception as error:  # noqa: BLE001  # it is raised in its place
                found = error
            self._ahead.append((found, self._place()))
            if isinstance(found, Exception):
                return

    def _place(self) -> Cursor | None:
        return self._query.place if isinstance(self._query, FoundTasks) else None
