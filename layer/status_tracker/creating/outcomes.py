"""What became of an id, and of all of them."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from typing import Any, Generic, NamedTuple, TypeVar

from ..core.errors import TasksNotCreatedError
from ..core.history import told

FAILURES_TO_STOP = 20
"""After so many failures of the store one after the other, nothing more is sent."""

_KEPT = 100

TaskT = TypeVar("TaskT")


class Found(enum.StrEnum):
    """What became of an id."""

    CREATED = "created"
    EXISTED = "existed"
    FAILED = "failed"


class Answer(NamedTuple, Generic[TaskT]):
    """What became of one task; the attributes are those of `CreateOutcome`."""

    found: Found
    task: TaskT | None = None
    error: Exception | None = None

    @classmethod
    def of(cls, task: TaskT | None, created: bool) -> Answer[TaskT]:
        """The answer for a task that is there."""
        return Answer(Found.CREATED if created else Found.EXISTED, task)

    @classmethod
    def failed(cls, error: Exception) -> Answer[TaskT]:
        """The answer for a task that could not be created."""
        return Answer(Found.FAILED, error=error)


@dataclass(frozen=True, slots=True)
class CreateOutcome(Generic[TaskT]):
    """What became of one of the ids.

    Attributes:
        task_id: the id, as text.
        found: whether this call created the task, or it existed and was left as it was, or neither.
        task: the task as it is stored; None if it failed, and for a job in a SQL database that existed: it is not read.
        error: why it failed; of a task that is there, why it could not be dispatched.
    """

    task_id: str
    found: Found
    task: TaskT | None = None
    error: Exception | None = None


@dataclass(slots=True)
class CreateResult(Generic[TaskT]):
    """The result of a `create_many`. Each id is counted once, as created, existed or failed.

    Attributes:
        created, existed, failed: how many ids were.
        undispatched: how many of the tasks that are there could not be dispatched.
        troubles: the first 100 outcomes that failed or were not dispatched.
        stopped: whether it ended early, because task after task failed: nothing was sent of the ids that followed.
    """

    created: int = 0
    existed: int = 0
    failed: int = 0
    undispatched: int = 0
    troubles: list[CreateOutcome[TaskT]] = field(default_factory=list)
    stopped: bool = False

    def add(self, outcome: CreateOutcome[TaskT]) -> None:
        """Count one more."""
        self.created += outcome.found is Found.CREATED
        self.existed += outcome.found is Found.EXISTED
        self.failed += outcome.found is Found.FAILED
        self.undispatched += outcome.found is not Found.FAILED and outcome.error is not None
        if outcome.error is not None and len(self.troubles) < _KEPT:
            self.troubles.append(outcome)

    def raise_if_incomplete(self) -> None:
        """Raise `TasksNotCreatedError` unless every id has its task, and every dispatch was made."""
        if not self.troubles:
            return
        first = self.troubles[0]
        error: Any = first.error
        undispatched = f", {self.undispatched:,} were not dispatched" if self.undispatched else ""
        ended = f" It ended after {FAILURES_TO_STOP} failures in a row: what follows was not begun."
        taken = self.created + self.existed + self.failed
        raise TasksNotCreatedError(
            f"Of {taken:,} tasks {self.failed:,} were not created{undispatched}; the first is {first.task_id!r:.80}: "
            f"{told(error).rstrip('.')}.{ended if self.stopped else ''} The others are there: the same call again "
            "creates what is missing.",
            result=self,
        ) from error
