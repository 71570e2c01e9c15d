"""Reads the input of a bulk execution field by field, and refuses it with a clear cause."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from status_tracker.core.config import is_whole_number
from status_tracker_ops.bulk.runs import Limits

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from status_tracker_ops.settings import BulkSettings

MOST_TOLERATED = 10_000
MOST_ITEMS = 1_000_000_000
_SHOWN_CHARACTERS = 80


class BadInputError(ValueError):
    """The input cannot be used; the message says what was found, what was expected, and what to do."""


def checked_input(given: object, known: Collection[str], example: str) -> Mapping[str, Any]:
    """The input as an object that has known fields only; raises `BadInputError` for any other."""
    if not isinstance(given, dict):
        raise BadInputError(f"The input is {shown(given)}: expected an object such as {example}.")
    if unknown := sorted(set(given) - set(known)):
        found, fields = ", ".join(map(shown, unknown)), ", ".join(known)
        raise BadInputError(f"The input has the unknown {found}: the fields are {fields}. Correct the spelling.")
    return given


def text(given: Mapping[str, Any], name: str, longest: int, default: str | None = None) -> str:
    """A text of 1 to `longest` characters; `default` where the field is left out."""
    value = given.get(name, default)
    if not isinstance(value, str) or not value.strip() or len(value) > longest or not is_unicode(value):
        raise BadInputError(f"{name} is {shown(value)}: expected a text of 1 to {longest:,} characters.")
    return value


def truth(given: Mapping[str, Any], name: str) -> bool:
    """true or false; false where the field is left out."""
    value = given.get(name, False)
    if not isinstance(value, bool):
        raise BadInputError(f"{name} is {shown(value)}: expected true or false.")
    return value


def whole_number(given: Mapping[str, Any], name: str, least: int, most: int, default: int | None = None) -> int:
    """A whole number from `least` to `most`; `default` where the field is left out."""
    value = given.get(name, default)
    if not is_whole_number(value) or not least <= value <= most:
        raise BadInputError(f"{name} is {shown(value)}: expected a whole number from {least:,} to {most:,}.")
    return value


def limits(given: Mapping[str, Any], settings: BulkSettings) -> Limits:
    """The limits that every such input may set.

    Concurrency is at most the tasks per second: each function has at least one item a second, and none times out.
    """
    most, default = settings.bulk_tasks_per_second, settings.bulk_max_concurrency
    tolerated = settings.bulk_tolerated_failures
    return Limits(
        max_concurrency=whole_number(given, "max_concurrency", 1, most, default),
        tolerated_failures=whole_number(given, "tolerated_failures", 0, MOST_TOLERATED, tolerated),
        dry_run=truth(given, "dry_run"),
        limit=whole_number(given, "limit", 1, MOST_ITEMS) if "limit" in given else None,
    )


def is_unicode(value: str) -> bool:
    """Whether it can be sent anywhere: JSON can have half a character, which no key and no task id can."""
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def shown(value: object) -> str:
    """The value for a message, in ASCII and cut."""
    found = json.dumps(value)
    return found if len(found) <= _SHOWN_CHARACTERS else f"{found[:_SHOWN_CHARACTERS]}…"
