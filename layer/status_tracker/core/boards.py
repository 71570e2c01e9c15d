"""What a backend keeps of a whole use case, apart from its tasks: what is paused, and how many tasks there are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol


class PauseBoard(Protocol):
    """Where a backend keeps what is paused of one use case: one text, apart from its tasks (R20)."""

    def read(self) -> str | None:
        """The text as it is stored now; None if there is none. Raises the backend's own exceptions."""
        ...

    def replace(self, before: str | None, after: str) -> bool:
        """Store `after` if `before` is still what is stored; whether it was. Raises the backend's own exceptions."""
        ...


@dataclass(frozen=True, slots=True)
class Look:
    """What a sweep saw when it went through the unfinished tasks.

    Attributes:
        at: when it began (UTC).
        ended: `KeptCounts.ended` as of then.
        oldest: since when the oldest task of a status had had it, by the code; of the statuses in which tasks waited.
            Empty in all looks but the newest.
    """

    at: datetime
    ended: Mapping[int, int]
    oldest: Mapping[int, datetime] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class KeptCounts:
    """How many tasks of a use case have each status, as it is kept with every change.

    Attributes:
        by_code: the number of tasks by the code of the status; without the codes that no task has had. While
            `recounted_at` is None, only the changes since counting began, which may be negative.
        exact: whether the numbers are those of the tasks, but for changes of the last seconds. False until the first
            count is complete, and from when a drift is known: count by the index then.
        recounted_at: when the tasks themselves were last counted (UTC); None before the first time.
        error: by how much each number is wrong at most; None where that is not known, 0 where they are exact.
        ended: how many tasks have ever come to a status that a step ends with, by its code, since counting began: from
            one with which the step had still to do. What was done twice counts twice, and what has moved on still
            counts.
        looks: what the last sweeps have seen, the newest last.
        changes: how many changes each of the places has taken; the same twice, nothing was counted in between.
    """

    by_code: Mapping[int, int]
    exact: bool
    recounted_at: datetime | None
    changes: tuple[int, ...] = ()
    error: int | None = None
    ended: Mapping[int, int] = field(default_factory=dict)
    looks: Sequence[Look] = ()


class CountsNotKeptError(ValueError):
    """Nothing can keep the counts: the table has no stream."""


class CountBoard(Protocol):
    """Where a backend keeps the counts of one use case, apart from its tasks."""

    def read(self) -> KeptCounts | None:
        """The counts as they are stored now; None if none are kept. Raises the backend's own exceptions."""
        ...

    def correct(self, kept: KeptCounts, differences: Mapping[int, int], recounted_at: datetime, *, error: int) -> bool:
        """Add the differences, unless somebody has corrected them since `kept` was read; returns whether it did.

        Args:
            error: by how much each number is wrong then at most. With 0 it is done only if nothing at all was counted
                since `kept` was read; the counts are exact then.
        """
        ...

    def doubt(self, kept: KeptCounts) -> None:
        """Store that the counts are wrong, unless somebody has corrected them since `kept` was read."""
        ...

    def mark(self) -> str:
        """Write a mark after all that was written to the tasks so far; returns its name."""
        ...

    def is_reached(self, mark: str) -> bool:
        """Whether every change that was made before the mark is counted."""
        ...

    def remember(self, looks: Sequence[Look]) -> None:
        """Store what sweeps have seen, the newest last, instead of what is stored."""
        ...

    def is_read_since(self, moment: datetime) -> bool:
        """Whether anything of the table's changes has been counted at or after that moment."""
        ...

    def disown(self) -> None:
        """Store that nothing keeps the counts any more: they are as before the first time that tasks were counted."""
        ...
