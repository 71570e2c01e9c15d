"""What the sweep's looks at all unfinished tasks tell: since when the oldest wait, and how fast tasks end."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from ..core.port import Look

if TYPE_CHECKING:
    from ..core.port import KeptCounts
    from .pipeline import Pipeline

WINDOW = timedelta(minutes=10)
"""How far back the ends of tasks are looked at to tell how fast they come; by looks, a little farther."""
SHORTEST = timedelta(minutes=1)
"""What has happened within less tells no pace."""
RECENT = timedelta(hours=2)
"""An older look tells nothing of now. A deployed sweep comes once an hour at least."""


@dataclass(frozen=True)
class Ended:
    """`number`: how many tasks have come to an end within the time `over`."""

    number: int
    over: timedelta


def newest(kept: KeptCounts, now: datetime) -> Look | None:
    """The newest look; None where there is no recent one."""
    return kept.looks[-1] if kept.looks and now - kept.looks[-1].at <= RECENT else None


def ended_lately(kept: KeptCounts, codes: Collection[int], now: datetime) -> Ended | None:
    """How many tasks have come to one of these ends within the last ten minutes, or since the look before that.

    Where the first look is younger, since that one. None where no look is recent, or the only ones are of this minute.
    """
    looks = [look for look in _needed(kept.looks, now) if now - look.at >= SHORTEST]
    if not looks or not kept.ended:
        return None
    number = sum(ended_since(looks[0].ended, kept, codes).values())
    return Ended(number, now - looks[0].at) if number >= 0 else None


def ended_since(before: Mapping[int, int], kept: KeptCounts, codes: Collection[int]) -> dict[int, int]:
    """How many tasks have come to each of these ends since `KeptCounts.ended` was that."""
    return {code: kept.ended.get(code, 0) - before.get(code, 0) for code in codes}


def remember(pipeline: Pipeline, kept: KeptCounts, at: datetime, oldest: Mapping[int, datetime]) -> None:
    """Store what a sweep has seen, beside those of the looks before it that are still of use.

    Args:
        kept: the counts as they were at `at`, when the sweep began.
        oldest: since when the oldest task of each status has had it.
    """
    board = pipeline.first.task_class.count_board()
    before = [replace(look, oldest={}) for look in _needed(kept.looks, at)]
    if board is not None:
        board.remember([*before, Look(at, kept.ended, oldest)])


def _needed(looks: Sequence[Look], now: datetime) -> list[Look]:
    """The looks of the last ten minutes, and the one before; without those that are not recent."""
    recent = [look for look in looks if now - look.at <= RECENT]
    before = sum(now - look.at >= WINDOW for look in recent)
    return recent[max(before - 1, 0) :]
