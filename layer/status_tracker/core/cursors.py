"""Where a listing stopped, as a text that can be kept: the same listing goes on from there."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from itertools import islice
from typing import NamedTuple, TypeAlias, TypeVar

FoundT = TypeVar("FoundT")

KEPT_CHARACTERS = 4096
"""How long the keys of one moment are in a cursor together: then it tells up to which of them, in their order."""


class Position(NamedTuple):
    """How far the tasks of a status were given.

    Attributes:
        moment: to which `update_time`.
        keys: which tasks of that very moment.
        last: with them all tasks of that moment up to this key, in the order of the listing.
    """

    moment: datetime
    keys: list[str]
    last: str | None = None

    def includes(self, key: str, *, older_first: bool) -> bool:
        """Whether the task of that key was given, of those of the moment."""
        return key in self.keys or (self.last is not None and not _is_behind(key, self.last, older_first))


Cursor: TypeAlias = dict[int, Position]
"""Where a result stopped, by status; a status of which nothing was given is not in it."""


class Progress:
    """What a listing has given so far.

    Args:
        given: what was given before it, by the cursor it goes on from.
        older_first: its order.
        by_key: whether it gives the tasks of a status and a moment in the order of their keys, and leaves none out.
    """

    def __init__(self, given: Cursor, *, older_first: bool = True, by_key: bool = True) -> None:
        self._given = {status: each._replace(keys=list(each.keys)) for status, each in given.items()}
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
    def cursor(self) -> str | None:
        """Where it stands; None where nothing was given."""
        return format_cursor(self._given) if self._given else None


class FoundTasks(Iterator[FoundT]):
    """What a query finds; read as it is asked for, so each task is given once.

    Args:
        progress: notes what was given; a subclass tells it.
    """

    def __init__(self, progress: Progress) -> None:
        self._progress = progress

    @property
    def cursor(self) -> str | None:
        """Where it stands: the same query with ``cursor=`` goes on behind the last task given. None at the start."""
        return self._progress.cursor

    def all(self) -> list[FoundT]:
        """All that are left."""
        return list(self)

    def many(self, n: int) -> list[FoundT]:
        """The next `n`, or as many as are left."""
        return list(islice(self, n))

    def one_or_none(self) -> FoundT | None:
        """The next one, or None."""
        return next(self, None)

    def one(self) -> FoundT:
        """The next one. Raises `LookupError` if there is none."""
        task = self.one_or_none()
        if task is None:
            raise LookupError("The query found no task, or no further one.")
        return task


def each_once(listed: Iterable[FoundT], key: Callable[[FoundT], str]) -> Iterator[FoundT]:
    """Drop what was listed before: a task whose status changes during a listing can appear under both statuses."""
    given: set[str] = set()
    for each in listed:
        if key(each) not in given:
            given.add(key(each))
            yield each


def format_cursor(cursor: Cursor) -> str:
    """The cursor as a text that can be kept and passed on."""
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
    """Of what stands in a cursor: a list of the last key stands before the keys, where there is one."""
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
