"""What is given: ids, pairs of an id and data, or tasks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any


def split(given: Any) -> tuple[Any, Any]:
    """The id and the data of what is given; the data is None where there is only an id."""
    return given if isinstance(given, tuple) and len(given) == 2 else (given, None)  # noqa: PLR2004  # a pair


def checked(given: Any) -> tuple[Any, Any]:
    """As `split`. Raises `TypeError` for data that is no dict, as the second field of a row is."""
    task_id, data = split(given)
    if not (data is None or isinstance(data, Mapping)):
        raise TypeError(f"The data is {data!r:.80}: give a dict, or None.")
    return task_id, data


def entries(given: Iterable[Any] | Mapping[Any, Any]) -> Iterable[Any]:
    """Each of them. Raises `TypeError` for a text."""
    if isinstance(given, str | bytes):
        raise TypeError(f"A text is given, {given[:80]!r}: give a list of ids, or of pairs of an id and data.")
    return given.items() if isinstance(given, Mapping) else given


def named(given: Any) -> str:
    """The id of what is given, as text, whatever it is."""
    task_id, _ = split(given)
    own = getattr(task_id, "task_id", None) or getattr(task_id, "id", None)
    return str(task_id if own is None else own)
