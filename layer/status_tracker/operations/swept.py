"""The result of a sweep."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Noted:
    """A task, and the reason for its treatment.

    Attributes:
        case: the reason without what is the task's own, to count by; "" where there is none.
    """

    task_id: str
    why: str
    case: str = ""


@dataclass(frozen=True, slots=True)
class Swept:
    """The result of a sweep.

    Attributes:
        examined: how many tasks were checked; the state of the run was queried for those that could be read.
        restarted: the restarted tasks, or those that would be. Two sweeps at once may both name a task, but it is
            started only once.
        running: how many were left alone because their run is under way.
        left_alone: the tasks that were deleted, or taken by somebody else, during the check.
        failed: the tasks that could not be read, checked or started; the next round examines them again.
        stuck: how many of the examined tasks were in progress with their lease over.
        cursor: where the next sweep continues; None for a new round from the oldest.
        complete: whether the round is finished. A round covers the tasks that had their status when it began, so it
            ends however many tasks arrive meanwhile.
        error: why the listing stopped, the backend's own error; the other fields cover what ran before the error.
        dry_run: whether nothing was changed.
    """

    examined: int
    restarted: tuple[Noted, ...]
    running: int
    left_alone: tuple[Noted, ...]
    failed: tuple[Noted, ...]
    stuck: int
    cursor: str | None
    complete: bool
    error: Exception | None = None
    dry_run: bool = False

    @property
    def by_case(self) -> Mapping[str, int]:
        """How many tasks were restarted, or would be, by the reason; the most frequent first."""
        return dict(Counter(each.case for each in self.restarted).most_common())
