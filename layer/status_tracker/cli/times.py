"""Times as people give them."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from .errors import WrongUsageError

_AGE = re.compile(r"(\d{1,6}(?:\.\d{1,3})?)\s*(s|m|min|h|d|w)")
_UNITS = {"s": 1, "m": 60, "min": 60, "h": 3_600, "d": 86_400, "w": 604_800}


def parse_moment(text: str | None, option: str, now: datetime) -> datetime | None:
    """The moment of an ISO time, or of an age such as ``2h``.

    A time without a zone is taken to be in this machine's zone.

    Raises:
        WrongUsageError: it is neither.
    """
    if text is None:
        return None
    given = text.strip()
    try:
        if (age := parse_age(given)) is not None:
            return now - age
        return datetime.fromisoformat(given).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise WrongUsageError(
            f"{option} is {text!r}: give an age such as 30s, 15m, 2h, 3d or 1w, or a time such as "
            "2026-01-31T18:00:00Z (without a zone: this machine's)."
        ) from error


def parse_age(text: str) -> timedelta | None:
    """How long an age such as ``2h`` is; None for anything else."""
    match = _AGE.fullmatch(text.strip().lower())
    return timedelta(seconds=float(match[1]) * _UNITS[match[2]]) if match else None
