"""The port between the rules and a backend: the writes that the rules ask for, and the store that makes them."""

from __future__ import annotations

import enum
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Generic, Protocol, TypeAlias, TypeVar, assert_never

from .errors import TaskExecutionError, TaskUnreadableError
from .history import text_of
from .state import TaskState

TaskT = TypeVar("TaskT")
StoredT = TypeVar("StoredT")


class Special(enum.Enum):
    """Change markers instead of a value."""

    REMOVE = enum.auto()
    INCREMENT = enum.auto()


@dataclass(frozen=True, slots=True)
class Startable:
    """Guard: the task may be acquired (see the list in `lifecycle`) or, with `or_absent`, does not exist.

    Attributes:
        lock: the token that acquires; its attempt must not have ended already.
        now: when the start was made; the task must not have changed since (its update_time is not later).
        unknown_lease_since: a lock without lock_expire_time has expired if it was taken at or before this moment.
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
    """Guard: this token still holds the task; its lease may have ended, but nobody has taken it over.

    Attributes:
        fence: the fence of the acquire; a late repetition of the acquire would have raised it.
        growing: a field that this write may only raise: it must be absent, or smaller than the new value.
    """

    lock: str
    fence: int
    growing: str | None = None


Guard: TypeAlias = Startable | Unchanged | HeldBy


@dataclass(frozen=True, slots=True)
class Write:
    """The changes to make in one atomic step if the guard holds.

    Attributes:
        changes: the new value of each named field, or a `Special`.
        defaults: values for fields that the stored task lacks.
    """

    guard: Guard
    changes: Mapping[str, Any]
    defaults: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class WriteResult(Generic[TaskT]):
    """A store's answer to a write.

    Attributes:
        applied: whether the guard held and the changes were stored.
        task: the task as it stands: after the write, or as it was when the write was refused; None if there is none.
    """

    applied: bool
    task: TaskT | None


class StoreError(Exception):
    """A store could not make a write, or does not know whether it did.

    Attributes:
        cause: the backend's own exception; raised to the caller unless a method documents otherwise.
        transient: whether the same write may succeed later.
    """

    def __init__(self, cause: Exception, *, transient: bool) -> None:
        super().__init__(text_of(cause))
        self.cause = cause
        self.transient = transient


class WriteRejectedError(StoreError):
    """A store will never accept this write, whoever sends it.

    Attributes:
        cause: the error raised to the worker and recorded for its attempt.
    """

    def __init__(self, cause: TaskExecutionError) -> None:
        super().__init__(cause, transient=False)


class UnreadableError(StoreError):
    """A store answered a write, and what is stored is no task that can be read.

    Attributes:
        cause: the `TaskUnreadableError` that is raised to the caller.
        acquired: the state as far as it can be read, if the write's token holds the task; otherwise None.
        broken: the fields of the state that cannot be read; they stay as they are stored.
    """

    def __init__(
        self, cause: TaskUnreadableError, acquired: TaskState | None = None, broken: Collection[str] = ()
    ) -> None:
        super().__init__(cause, transient=False)
        self.acquired = acquired
        self.broken = broken


class Store(Protocol[TaskT]):
    """What a backend provides for one task: it knows no rule, and makes each write in one atomic step.

    A store that can store more together with a success has an attribute `also`; the block uses it as `ctx.also`.
    """

    def read(self) -> TaskT | None:
        """The task as it is stored now, with every write that was answered before; None if there is none.

        Raises the backend's own exceptions.
        """
        ...

    def create(self, task: TaskT) -> WriteResult[TaskT]:
        """Store a new task unless one with its id exists. Raises `StoreError`, `WriteRejectedError`."""
        ...

    def write(self, write: Write) -> WriteResult[TaskT]:
        """Store the changes if the guard holds.

        Raises:
            StoreError, WriteRejectedError: they were not stored, or that is not known.
            UnreadableError: what is stored cannot be read; a write under `HeldBy` is answered all the same.
        """
        ...

    def succeed(self, write: Write) -> WriteResult[TaskT]:
        """As `write`, for the success: together with the block's further writes."""
        ...

    def remove(self, guard: Unchanged) -> WriteResult[TaskT]:
        """Delete the task if it is still as it was read (R21); the answer has no task where there is none any more.

        Raises:
            StoreError: it was not deleted, or that is not known.
            UnreadableError: it has changed, and cannot be read.
            TypeError: this backend cannot delete.
        """
        ...

    def state(self, task: TaskT) -> TaskState:
        """What the rules need to know of a task that this store answered."""
        ...


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

    def probe(self) -> None:
        """Write what has to be read by whatever counts the changes. Raises `CountsNotKeptError` if nothing could."""
        ...

    def is_read_since(self, moment: datetime) -> bool:
        """Whether anything of the table's changes has been counted at or after that moment.

        Raises `CountsNotKeptError` if nothing could be.
        """
        ...

    def disown(self) -> None:
        """Store that nothing keeps the counts any more: they are as before the first time that tasks were counted."""
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

    def create(self, task: TaskT) -> WriteResult[TaskT]:
        return self._answer(self._inner.create(self._stored(task)))

    def write(self, write: Write) -> WriteResult[TaskT]:
        return self._answer(self._inner.write(write))

    def succeed(self, write: Write) -> WriteResult[TaskT]:
        return self._answer(self._inner.succeed(write))

    def remove(self, guard: Unchanged) -> WriteResult[TaskT]:
        return self._answer(self._inner.remove(guard))

    def state(self, task: TaskT) -> TaskState:
        return self._inner.state(self._stored(task))

    def _answer(self, answer: WriteResult[StoredT]) -> WriteResult[TaskT]:
        return WriteResult(applied=answer.applied, task=self._converted(answer.task))

    def _converted(self, task: StoredT | None) -> TaskT | None:
        return None if task is None else self._shown(task)


# For stores whose backend cannot compare: they read a record, evaluate the guard and the changes here, and write the
# result unless somebody else has written in the meantime. Missing keys mean unset.


def state_of(record: Mapping[str, Any]) -> TaskState:
    """The state of a record, for the rules."""
    return TaskState(
        status=record["status"],
        update_time=record.get("update_time"),
        retry=record.get("retry") or 0,
        lock=record.get("lock"),
        lock_time=record.get("lock_time"),
        lock_expire_time=record.get("lock_expire_time"),
        fence=record.get("fence") or 0,
        run=record.get("run") or 0,
        not_before=record.get("not_before"),
        finished_locks=tuple(record.get("finished_locks") or ()),
        vanished_locks=tuple(record.get("vanished_locks") or ()),
        errors=record.get("errors") or {},
    )


def admits(record: Mapping[str, Any] | None, write: Write) -> bool:
    """Whether the guard of the write holds."""
    guard = write.guard
    if record is None:
        return isinstance(guard, Startable) and guard.or_absent
    if isinstance(guard, Startable):
        return _may_be_acquired(state_of(record), guard)
    if isinstance(guard, Unchanged):
        return state_of(record) == guard.state
    if isinstance(guard, HeldBy):
        held = (record.get("lock"), record.get("fence") or 0) == (guard.lock, guard.fence)
        return held and (guard.growing is None or _grows(record, guard.growing, write.changes))
    assert_never(guard)


def changed(record: Mapping[str, Any] | None, write: Write) -> dict[str, Any]:
    """The record after the write."""
    new = dict(record or {})
    for name, value in write.changes.items():
        if value is Special.REMOVE:
            new.pop(name, None)
        else:
            new[name] = (new.get(name) or 0) + 1 if value is Special.INCREMENT else value
    missing = {name: value for name, value in write.defaults.items() if new.get(name) is None}
    return {**new, **missing}


def _may_be_acquired(state: TaskState, guard: Startable) -> bool:
    first_time = guard.lock not in (*state.finished_locks, *state.vanished_locks)
    due = state.not_before is None or state.not_before <= guard.now
    as_then = state.update_time is None or state.update_time <= guard.now
    return first_time and due and as_then and state.status in guard.statuses and _is_free(state, guard)


def _is_free(state: TaskState, guard: Startable) -> bool:
    if state.lock is None:
        return True
    if state.lock_expire_time is not None:
        return state.lock_expire_time <= guard.now
    return state.lock_time is None or state.lock_time <= guard.unknown_lease_since


def _grows(record: Mapping[str, Any], name: str, changes: Mapping[str, Any]) -> bool:
    before = record.get(name)
    return before is None or bool(before < changes[name])
