"""The port: what a backend gives, for one task, to be run by `execution`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from .errors import TaskExecutionError
from .writes import TaskState, Write

TaskT = TypeVar("TaskT")


@dataclass(frozen=True, slots=True)
class Answer(Generic[TaskT]):
    """A store's answer to a write.

    Attributes:
        applied: whether the guard held and the changes were stored.
        task: the task as it stands: after the write, or as it was when the write was refused; None if there is none.
    """

    applied: bool
    task: TaskT | None


class StoreError(Exception):
    """A store could not carry a write out, or cannot tell whether it did.

    Attributes:
        cause: the backend's own exception, which a user gets who is not promised better.
        transient: whether the same write may go through later.
    """

    def __init__(self, cause: Exception, *, transient: bool) -> None:
        super().__init__(str(cause))
        self.cause = cause
        self.transient = transient


class WriteRejectedError(StoreError):
    """A store will never take this write, whoever sends it and when.

    Attributes:
        cause: the error that the worker gets, and that its attempt is recorded with.
    """

    def __init__(self, cause: TaskExecutionError) -> None:
        super().__init__(cause, transient=False)


class Store(Protocol[TaskT]):
    """What a backend gives for one task: it holds no rule, and carries out each write in one atomic step.

    A store that can keep more together with a success has an attribute `also`, which the block finds as `ctx.also`.
    """

    def read(self) -> TaskT | None:
        """The task as it is stored now, with every write that was answered before; None if there is none.

        Raises the backend's own exceptions.
        """
        ...

    def create(self, task: TaskT) -> Answer[TaskT]:
        """Store a new task if there is none of its id. Raises `StoreError`, `WriteRejectedError`."""
        ...

    def write(self, write: Write) -> Answer[TaskT]:
        """Store the changes if the guard holds. Raises `StoreError`, `WriteRejectedError`."""
        ...

    def succeed(self, write: Write) -> Answer[TaskT]:
        """As `write`, for the success: together with what the block asked to be stored along with it."""
        ...

    def state(self, task: TaskT) -> TaskState:
        """What the rules need to know of a task that this store answered."""
        ...
