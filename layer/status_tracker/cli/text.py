"""Text for terminals: values of tasks cannot colour it, move the cursor or hide anything."""

from __future__ import annotations

import sys
from datetime import datetime, timedelta

SHOWN = 10
"""So many tasks are named where there are many."""


def plain(text: object) -> str:
    """One line; unprintable characters are escaped, such as ``\\x1b``."""
    line = str(text)
    return line if line.isprintable() else "".join(each if each.isprintable() else _escaped(each) for each in line)


def say(line: str) -> None:
    """Show a person a message, apart from the output."""
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()


def tasks(count: int) -> str:
    """So many tasks."""
    return f"{count:,} task" if count == 1 else f"{count:,} tasks"


def can_ask() -> bool:
    """Whether somebody can answer a question."""
    return sys.stdin.isatty()


def age(moment: datetime | None, now: datetime) -> str:
    """How long ago, in one unit: ``5 min``."""
    if moment is None:
        return ""
    seconds = (now - moment) // timedelta(seconds=1)
    return f"in {lasting(timedelta(seconds=-seconds))}" if seconds < 0 else lasting(now - moment)


def iso(moment: datetime | None) -> str | None:
    """The moment for machines."""
    return None if moment is None else moment.isoformat()


def lasting(time: timedelta) -> str:
    """How long it is, in one unit: ``5 min``."""
    seconds = time // timedelta(seconds=1)
    for unit, size in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= 2 * size:
            return f"{seconds // size:,} {unit}"
    return f"{seconds} s"


def _escaped(character: str) -> str:
    return character.encode("unicode_escape").decode("ascii")
