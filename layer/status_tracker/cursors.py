"""Where a listing stopped, as a text that can be kept: the same listing goes on from there."""

from __future__ import annotations

import base64
import json
from datetime import datetime
from typing import NamedTuple, TypeAlias


class Position(NamedTuple):
    """How far the tasks of a status were given: to which `update_time`, and which tasks of that very moment."""

    moment: datetime
    keys: list[str]


Cursor: TypeAlias = dict[int, Position]
"""Where a result stopped, by status; a status of which nothing was given is not in it."""


class Progress:
    """What a listing has given so far.

    Args:
        given: what was given before it, by the cursor it goes on from.
    """

    def __init__(self, given: Cursor) -> None:
        self._given = {status: Position(moment, list(keys)) for status, (moment, keys) in given.items()}

    def add(self, status: int, moment: datetime, key: str) -> None:
        """That task was given."""
        position = self._given.get(status)
        if position is None or position.moment != moment:
            position = self._given[status] = Position(moment, [])
        position.keys.append(key)

    @property
    def cursor(self) -> str | None:
        """Where it stands; None where nothing was given."""
        return format_cursor(self._given) if self._given else None


def format_cursor(cursor: Cursor) -> str:
    """The cursor as a text that can be kept and passed on."""
    content = {str(status): [moment.isoformat(), *keys] for status, (moment, keys) in cursor.items()}
    return base64.urlsafe_b64encode(json.dumps(content).encode()).decode()


def parse_cursor(text: str) -> Cursor:
    """The cursor of such a text. Raises `ValueError` for any other text."""
    try:
        content = json.loads(base64.urlsafe_b64decode(text))
        cursor = {int(status): Position(_aware(moment), keys) for status, (moment, *keys) in content.items()}
    except (ValueError, TypeError, AttributeError) as error:
        found = text[:80]
        raise ValueError(f"The cursor {found!r} is not one that a result gave: pass on its `cursor`.") from error
    return cursor


def _aware(moment: str) -> datetime:
    parsed = datetime.fromisoformat(moment)
    if parsed.tzinfo is None:
        raise ValueError("no time zone")
    return parsed
