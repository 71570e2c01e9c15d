"""Every exception of the library; the root is `TaskExecutionError`."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import datetime
from typing import Any, ClassVar, Self

LONGEST_PAUSE = 366 * 24 * 3600
"""The longest postponement, in seconds."""


class TaskExecutionError(Exception):
    """Root of all the library's errors.

    Attributes:
        use_case_id, task_id: the task concerned, or None if it is no single task.
    """

    _in_general: ClassVar[str] = "cannot be worked on"

    def __init__(self, message: str = "", *, use_case_id: str | None = None, task_id: str | None = None) -> None:
        super().__init__(message)
        self.use_case_id = use_case_id
        self.task_id = task_id

    @staticmethod
    def to_task(use_case_id: str | None, task_id: str | None) -> str:
        """How the messages name a task."""
        return f"Task(use_case_id={use_case_id!r}, task_id={task_id!r})"

    @classmethod
    def make(cls, use_case_id: str, task_id: str) -> Self:
        """This error for a task, with a general text: for code of your own that raises it."""
        task = cls.to_task(use_case_id, task_id)
        return cls(f"{task} {cls._in_general}.", use_case_id=use_case_id, task_id=task_id)


class TaskIsNotReadyToStartError(TaskExecutionError):
    """The task cannot be started now. Its subclasses say why; itself: the task has a status of another step.

    Attributes:
        status: the stored status code, None where the task does not exist.
    """

    _in_general = "is not ready to start"

    def __init__(
        self,
        message: str = "",
        *,
        use_case_id: str | None = None,
        task_id: str | None = None,
        status: int | None = None,
    ) -> None:
        super().__init__(message, use_case_id=use_case_id, task_id=task_id)
        self.status = status


class TaskIsNotInitializedError(TaskIsNotReadyToStartError):
    """The task does not exist."""

    _in_general = "is not found: it has to be created before it is started"


class TaskLockedError(TaskIsNotReadyToStartError):
    """Another worker holds the task.

    Attributes:
        until: when its lease ends (UTC), unless it is renewed; None if unknown.
    """

    _in_general = "is locked by another worker"

    until: datetime | None = None


class TaskAlreadySucceedError(TaskIsNotReadyToStartError):
    """The task has succeeded already; use `rerun` to run it again deliberately."""

    _in_general = "is already succeeded"


class NoMoreRetryError(TaskIsNotReadyToStartError):
    """The task was given up, and is tried again only if somebody asks for it.

    Attributes:
        given_up_now: True if this very start found that the last allowed attempt had vanished, and set the task aside.
    """

    given_up_now: bool = False


class TaskIgnoredError(NoMoreRetryError):
    """The task was set aside: too many failures, or one that no retry can fix."""

    _in_general = "is ignored"


class TaskExhaustedError(NoMoreRetryError):
    """The task has used up its attempts, in a step with a separate status for that."""

    _in_general = "is exhausted"


class TaskNotDueError(TaskIsNotReadyToStartError):
    """The last attempt failed or was postponed, asked to wait (`retry_after`), and that time has not passed.

    Attributes:
        not_before: the first moment (UTC) at which the task may be started.
    """

    _in_general = "is not due"

    not_before: datetime | None = None


class TaskPausedError(TaskIsNotReadyToStartError):
    """Work on the step, or on the whole pipeline, is paused; nothing was begun, and nothing counts.

    Attributes:
        until: when it goes on by itself (UTC); None for when somebody resumes it.
        reason, by: why it is paused, and who asked for it.
    """

    _in_general = "is not begun, since its step is paused"

    until: datetime | None = None
    reason: str | None = None
    by: str | None = None


class TaskAlreadyExistsError(TaskExecutionError):
    """A task with that id exists; creating never resets it."""

    _in_general = "exists already"


class TasksNotCreatedError(TaskExecutionError):
    """A `create_many` could not create all tasks, or not dispatch all; those that it does not name are there.

    Attributes:
        result: what it has done, a `status_tracker.creating.CreateResult`.
    """

    _in_general = "was not created"

    def __init__(
        self,
        message: str = "",
        *,
        use_case_id: str | None = None,
        task_id: str | None = None,
        result: Any = None,
    ) -> None:
        super().__init__(message, use_case_id=use_case_id, task_id=task_id)
        self.result = result


class TaskLockLostError(TaskExecutionError):
    """The lease ran out and another worker took the task over, or it was cancelled; nothing of this worker was stored.

    Attributes:
        cancelled: the record of the cancellation (R18); None if the task was lost in another way.
    """

    _in_general = "is not held by this worker any more"

    cancelled: Mapping[str, Any] | None = None


class StatusNotSavedError(TaskExecutionError):
    """The end of the attempt could not be stored while the lease lasted; the task will be taken over."""


class TaskDataTooLargeError(TaskExecutionError):
    """The data does not fit into the task's item."""


class TaskTransactionError(TaskExecutionError):
    """A write to be stored together with the success was refused, so neither was stored."""


class TaskUnreadableError(TaskExecutionError):
    """What is stored is not a task, perhaps edited by hand. No start holds it, and no action changes it.

    A listing can continue: the next call to it returns the next task.
    """


class StoreUnansweredError(TaskExecutionError):
    """The store was too slow each time: a listing, a count, or what changes many tasks has ended before its end.

    Attributes:
        cursor: where a listing goes on, as the `cursor` of its query; None if it has given nothing, and of all else,
            where the same call begins again, and leaves what was changed.
    """

    cursor: str | None = None


class NonRetryableError(Exception):
    """Raise it (or a subclass) in the block if no retry can help: the task is ignored at once."""


class Postponed(Exception):  # noqa: N818  # no error: something outside has to recover, or to become ready
    """Raise it (or a subclass) in the block if the work cannot be done now through no fault of the task (R19).

    The attempt ends without counting as a failure, and the task waits. Once its postponements in a row have lasted
    `TrackerConfig.postpone_at_most`, the next one counts as a failure.

    Args:
        message: what has to recover, for people.
        retry_after: how long to wait, in seconds.

    Raises:
        ValueError: `retry_after` is no number above 0, or is more than 366 days.
    """

    def __init__(self, message: str = "", *, retry_after: float) -> None:
        is_number = isinstance(retry_after, int | float) and not isinstance(retry_after, bool)
        if not is_number or not math.isfinite(retry_after) or not 0 < retry_after <= LONGEST_PAUSE:
            raise ValueError(f"retry_after is {retry_after!r}: give seconds, above 0 and at most {LONGEST_PAUSE:,}.")
        super().__init__(message)
        self.retry_after = retry_after

    def __reduce__(self) -> tuple[Any, ...]:
        return _remade, (type(self), self.args), self.__dict__


def _remade(kind: type[BaseException], args: tuple[object, ...]) -> BaseException:
    """The exception that another process has pickled, whatever arguments its class takes."""
    return kind.__new__(kind, *args)
