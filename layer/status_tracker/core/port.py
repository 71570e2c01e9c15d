"""The port: what a backend gives, for one task, to be run by `execution`."""

from __future__ import annotations

import enum
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Generic, Protocol, TypeAlias, TypeVar

from .errors import TaskExecutionError
from .state import TaskState

TaskT = TypeVar("TaskT")
StoredT = TypeVar("StoredT")


class Special(enum.Enum):
    """Values of a change that are no values."""

    REMOVE = enum.auto()
    INCREMENT = enum.auto()


@dataclass(frozen=True, slots=True)
class Startable:
    """Guard: the task may be acquired (by the list in `lifecycle`), or, with `or_absent`, does not exist.

    Attributes:
        lock: the token that acquires; it must not be one whose attempt has ended already.
        unknown_lease_since: a lock without lock_expire_time is over when it was taken at or before this moment.
    """

    lock: str
    statuses: tuple[int, ...]
    now: datetime
    unknown_lease_since: datetime
    or_absent: bool


@dataclass(frozen=True, slots=True)
class Unchanged:
    """Guard: the task is still as it was read."""

    state: TaskState


@dataclass(frozen=True, slots=True)
class HeldBy:
    """Guard: this token holds the task, its lease over or not, since nobody has taken it over.

    Attributes:
        fence: that of the acquire; a late repetition of the acquire would have raised it.
        growing: the name of a field that this write may only raise: it is absent, or smaller than what is written.
    """

    lock: str
    fence: int
    growing: str | None = None


Guard: TypeAlias = Startable | Unchanged | HeldBy


@dataclass(frozen=True, slots=True)
class Write:
    """What to store in one atomic step if the guard holds.

    Attributes:
        changes: the new value of each named field, or a `Special`.
        defaults: values for fields that the stored task does not have.
    """

    guard: Guard
    changes: Mapping[str, Any]
    defaults: Mapping[str, Any] = field(default_factory=dict)


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


class ConvertingStore(Generic[StoredT, TaskT]):
    """A store whose tasks are shown in another form.

    Args:
        inner: carries everything out.
        shown: makes the form that is shown from what `inner` stores.
        stored: the reverse.
    """

    def __init__(
        self, inner: Store[StoredT], shown: Callable[[StoredT], TaskT], stored: Callable[[TaskT], StoredT]
    ) -> None:
        self._inner = inner
        self._shown = shown
        self._stored = stored

    def read(self) -> TaskT | None:
        return self._converted(self._inner.read())

    def create(self, task: TaskT) -> Answer[TaskT]:
        return self._answer(self._inner.create(self._stored(task)))

    def write(self, write: Write) -> Answer[TaskT]:
        return self._answer(self._inner.write(write))

    def succeed(self, write: Write) -> Answer[TaskT]:
        return self._answer(self._inner.succeed(write))

    def state(self, task: TaskT) -> TaskState:
        return self._inner.state(self._stored(task))

    def _answer(self, answer: Answer[StoredT]) -> Answer[TaskT]:
        return Answer(applied=answer.applied, task=self._converted(answer.task))

    def _converted(self, task: StoredT | None) -> TaskT | None:
        return None if task is None else self._shown(task)
