"""What stands in the event of a custom widget, read with care: whoever may invoke the function may send anything."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, timedelta, timezone, tzinfo

NARROW_PIXELS = 640
_LONGEST = {
    "task_id": 2_048,
    "prefix": 2_048,
    "cursor": 100_000,
    "reason": 2_000,
    "why": 2_000,
    "kind": 500,
    "drawn": 4_000,
}
_LONGEST_OTHER = 200
_OFFSET = re.compile(r"([+-])(\d\d):([0-5]\d)")


class BadEventError(ValueError):
    """The event asks for something that does not exist; the message says what was found, and what to do."""


@dataclass(frozen=True)
class Surroundings:
    """Where the widget is shown, as CloudWatch describes it, with defaults for the rest.

    Attributes:
        dark, narrow: the theme, and the layout.
        zone: the time zone of all times.
        dashboard, account: as the event claims; empty where it says nothing.
        fields: what was typed, by the name of the field.
    """

    dark: bool = False
    narrow: bool = False
    zone: tzinfo = UTC
    dashboard: str = ""
    account: str = ""
    fields: Mapping[str, object] = field(default_factory=dict)

    def typed(self, name: str) -> str:
        """What was typed into that field, to be shown in it again; empty for anything that is no text."""
        return _claimed(self.fields.get(name), _LONGEST.get(name, _LONGEST_OTHER))


def surroundings_of(event: object) -> Surroundings:
    """Where the widget is shown; never fails, since the answer has to be drawn somehow."""
    context = mapping(mapping(event).get("widgetContext"))
    width = context.get("width")
    return Surroundings(
        dark=context.get("theme") == "dark",
        narrow=isinstance(width, int | float) and 0 < width < NARROW_PIXELS,
        zone=_zone(mapping(context.get("timezone")).get("offsetISO")),
        dashboard=_claimed(context.get("dashboardName")),
        account=_claimed(context.get("accountId")),
        fields=mapping(mapping(context.get("forms")).get("all")),
    )


def is_question_for_documentation(event: object) -> bool:
    return mapping(event).get("describe") is True


def asked_of(event: object) -> Mapping[str, object]:
    """The event, which has to be an object. Raises `BadEventError`."""
    if not isinstance(event, Mapping):
        raise BadEventError(f"The event is a {type(event).__name__}; expected an object, as CloudWatch sends it.")
    return event


def text(source: Mapping[str, object], name: str) -> str:
    """The text of that name; empty where there is none. Raises `BadEventError` for anything else, or a long one."""
    value, longest = source.get(name, ""), _LONGEST.get(name, _LONGEST_OTHER)
    if not isinstance(value, str):
        raise BadEventError(f"{name} is a {type(value).__name__} ({_short(value)}); expected a text.")
    if len(value) > longest:
        raise BadEventError(f"{name} has {len(value):,} characters ({_short(value)}); at most {longest:,} are taken.")
    return value


def choice(source: Mapping[str, object], name: str, choices: Sequence[str], default: str = "") -> str:
    """The text of that name, which has to be one of these. Raises `BadEventError`."""
    value = text(source, name) or default
    if value not in choices:
        raise BadEventError(f"There is no {name} {_short(value)}; there is {', '.join(choices)}.")
    return value


def number(source: Mapping[str, object], name: str, default: int) -> int:
    """The whole number of that name, at least 0. Raises `BadEventError`."""
    value = source.get(name, default)
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= 10**12:
        raise BadEventError(f"{name} is {_short(value)}; expected a whole number.")
    return value


def mapping(value: object) -> Mapping[str, object]:
    """The value, or an empty one where it is no object."""
    return value if isinstance(value, Mapping) else {}


def _short(value: object) -> str:
    try:
        told = repr(value)
    except RecursionError:
        told = "deeply nested"
    return told if len(told) <= 80 else f"{told[:80]}…"  # noqa: PLR2004 - enough to know it again


def _claimed(value: object, longest: int = _LONGEST_OTHER) -> str:
    return value[:longest] if isinstance(value, str) else ""


def _zone(offset: object) -> tzinfo:
    found = _OFFSET.fullmatch(offset) if isinstance(offset, str) else None
    if found is None or int(found[2]) > 14:  # noqa: PLR2004 - no place on earth is further from UTC
        return UTC
    distance = timedelta(hours=int(found[2]), minutes=int(found[3]))
    return timezone(-distance if found[1] == "-" else distance)
