"""What queries return, and their cursors: texts from which the same listing continues."""

from __future__ import annotations

import base64
import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from hashlib import blake2b
from itertools import islice
from typing import NamedTuple, Self, TypeAlias, TypeVar

from .errors import StoreUnansweredError, TaskUnreadableError

FoundT = TypeVar("FoundT")

KEPT_CHARACTERS = 4096
"""Beyond this many characters of keys of one moment, a cursor stores only the last key."""


class Position(NamedTuple):
    """Up to which task a status was listed.

    Attributes:
        moment: to which `update_time`.
        keys: the tasks of exactly that moment.
        last: also all tasks of that moment up to this key, in the order of the listing.
    """

    moment: datetime
    keys: list[str]
    last: str | None = None

    def includes(self, key: str, *, older_first: bool) -> bool:
        """Whether the task with that key, of this moment, was given."""
        return key in self.keys or (self.last is not None and not _is_behind(key, self.last, older_first))


Cursor: TypeAlias = dict[int, Position]
"""Where a listing stopped, by status; a status with no task given is absent."""


class Progress:
    """Keeps track of the tasks that a listing has given.

    Args:
        given: the cursor that the listing continues from.
        older_first: its order.
        by_key: whether it gives all tasks of a status and a moment in the order of their keys.
    """

    def __init__(self, given: Cursor, *, older_first: bool = True, by_key: bool = True) -> None:
        self._given = _copied(given)
        self._older_first = older_first
        self._by_key = by_key

    def add(self, status: int, moment: datetime, key: str) -> None:
        """That task was given."""
        position = self._given.get(status)
        if position is None or position.moment != moment:
            position = self._given[status] = Position(moment, [])
        position.keys.append(key)
        if self._by_key and sum(map(len, position.keys)) > KEPT_CHARACTERS:
            behind = [each for each in position.keys if _is_behind(each, key, self._older_first)]
            self._given[status] = Position(moment, behind, key)

    @property
    def place(self) -> Cursor:
        """Where the listing is now; it does not move on with it."""
        return _copied(self._given)

    @property
    def cursor(self) -> str | None:
        """The cursor of the listing; None if nothing was given."""
        return format_cursor(self._given) if self._given else None


class NoTaskFoundError(StopIteration, LookupError):
    """A query has no task to give, or no further one."""


class FoundTasks(Iterator[FoundT]):
    """The tasks that a query finds; an iterator that reads them on demand and gives each task once.

    An error other than `TaskUnreadableError` ends it: it raises the same one from then on, and never looks complete.

    Args:
        progress: a subclass adds every task it gives to it.
    """

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._filters: list[Callable[[FoundT], object]] = []
        self._ended_by: Exception | None = None

    def _next(self) -> FoundT:
        """The next task; `StopIteration` at the end. A backend implements it."""
        raise NotImplementedError

    def __next__(self) -> FoundT:
        if self._ended_by is not None:  # what is left was not read
            raise self._ended_by
        while True:
            try:
                task = self._next()
            except (StopIteration, TaskUnreadableError):
                raise
            except Exception as error:
                self._ended_by = error
                if isinstance(error, StoreUnansweredError):
                    error.cursor = self.cursor
                raise
            if all(keeps(task) for keeps in self._filters):
                return task

    @property
    def cursor(self) -> str | None:
        """The position: the same query with ``cursor=`` continues after the last task given. None at the start."""
        return self._progress.cursor

    @property
    def place(self) -> Cursor:
        """The position as `parse_cursor` would give it."""
        return self._progress.place

    def filter(self, *keep: Callable[[FoundT], object]) -> Self:
        """From now on, leave out the tasks for which one of the functions returns something false.

        They are read all the same, and count for the `limit` of the query.
        """
        self._filters.extend(keep)
        return self

    def skip(self, n: int) -> Self:
        """Leave out the next `n`, or as many as are left."""
        for _ in islice(self, n):
            pass
        return self

    def all(self) -> list[FoundT]:
        """All that are left."""
        return list(self)

    def many(self, n: int) -> list[FoundT]:
        """The next `n`, or as many as are left. Raises `StopIteration` if none is left."""
        found = list(islice(self, n))
        if not found and n:
            raise NoTaskFoundError("The query found no task, or no further one.")
        return found

    def iter_chunks(self, n: int) -> Iterator[list[FoundT]]:
        """All that are left, in lists of `n`; the last one may be shorter."""
        while chunk := list(islice(self, n)):
            yield chunk

    def one_or_none(self) -> FoundT | None:
        """The next one, or None."""
        return next(self, None)

    def one(self) -> FoundT:
        """The next one. Raises an error that is both `StopIteration` and `LookupError` if there is none."""
        return self.many(1)[0]


_MARK_BYTES = 12


def each_once(listed: Iterable[FoundT], key: Callable[[FoundT], str]) -> Iterator[FoundT]:
    """Drop what was listed before: a task whose status changes during a listing can appear under both statuses.

    Of each a hash of twelve bytes is kept, so that a million take twelve megabytes. That two of 10⁹ have the same has a
    probability of 10⁻¹¹.
    """
    given: defaultdict[int, bytearray] = defaultdict(bytearray)
    for each in listed:
        mark = blake2b(key(each).encode(errors="surrogatepass"), digest_size=_MARK_BYTES).digest()
        beside = given[int.from_bytes(mark[:2], "big") >> 4]
        if mark not in beside:
            beside += mark
            yield each


def _copied(cursor: Cursor) -> Cursor:
    return {status: each._replace(keys=list(each.keys)) for status, each in cursor.items()}


def format_cursor(cursor: Cursor) -> str:
    """The cursor as a text."""
    content = {
        str(status): [moment.isoformat(), *([] if last is None else [[last]]), *keys]
        for status, (moment, keys, last) in cursor.items()
    }
    return base64.urlsafe_b64encode(json.dumps(content).encode()).decode()


def parse_cursor(text: str) -> Cursor:
    """The cursor of such a text. Raises `ValueError` for any other text."""
    try:
        content = json.loads(base64.urlsafe_b64decode(text))
        cursor = {int(status): _position(*place) for status, place in content.items()}
    except (ValueError, TypeError, AttributeError) as error:
        found = text[:80]
        raise ValueError(f"The cursor {found!r} is not one that a result gave: pass on its `cursor`.") from error
    return cursor


def _position(moment: str, *keys: str | list[str]) -> Position:
    """Parse one entry of a cursor: a list with the last key, if there is one, comes before the keys."""
    single = [key for key in keys if isinstance(key, str)]
    [last] = next((key for key in keys if isinstance(key, list)), [None])
    if not isinstance(last, str | None):
        raise TypeError("no key")
    return Position(_aware(moment), single, last)


def _is_behind(key: str, other: str, older_first: bool) -> bool:
    return key > other if older_first else key < other


def _aware(moment: str) -> datetime:
    parsed = datetime.fromisoformat(moment)
    if parsed.tzinfo is None:
        raise ValueError("no time zone")
    return parsed
