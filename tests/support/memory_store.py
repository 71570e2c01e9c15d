"""The `Store` port in memory, with the faults of a network: for tests only."""

from __future__ import annotations

import enum
import json
import threading
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from status_tracker.errors import TaskExecutionError
from status_tracker.port import Answer, StoreError, WriteRejectedError
from status_tracker.writes import HeldBy, Special, Startable, TaskState, Unchanged, Write

JSON_FIELDS = frozenset({"data", "errors"})


class BackendError(Exception):
    """Stands for what a real backend raises."""


class Fault(enum.Enum):
    """What may befall a write."""

    UNAVAILABLE = "nothing is stored, and the same write may go through later"
    BROKEN = "nothing is stored, and the same write will not go through later either"
    ANSWER_LOST = "the write is carried out, and the caller is told that it may have failed"
    SENT_TWICE = "the first answer is lost, the client library sends the same again, and the second answer comes"


@dataclass(frozen=True, slots=True)
class MemoryTask:
    """One stored task; None stands for a field that is not there."""

    status: int
    create_time: datetime | None = None
    update_time: datetime | None = None
    retry: int | None = None
    lock: str | None = None
    lock_time: datetime | None = None
    lock_expire_time: datetime | None = None
    fence: int | None = None
    run: int | None = None
    not_before: datetime | None = None
    finished_locks: tuple[str, ...] | None = None
    vanished_locks: tuple[str, ...] | None = None
    data: Any = None
    errors: Any = None
    expire_at: datetime | None = None
    update_count: int | None = None


@dataclass
class MemoryStore:
    """Holds one task.

    Attributes:
        task: what is stored now.
        writes: every write that was asked for, also those that were refused or lost.
        successes: those of them that were asked for as a success.
        before_write: called before each write; there another worker may come first.
    """

    task: MemoryTask | None = None
    writes: list[Write] = field(default_factory=list)
    successes: list[Write] = field(default_factory=list)
    before_write: Callable[[], None] | None = None
    _faults: deque[Fault | WriteRejectedError] = field(default_factory=deque)
    _one_at_a_time: threading.Lock = field(default_factory=threading.Lock)

    def befall(self, fault: Fault, times: int = 1) -> None:
        """The next writes that nothing befalls yet meet this fault."""
        self._faults.extend([fault] * times)

    def reject(self, reason: TaskExecutionError, times: int = 1) -> None:
        """The next writes that nothing befalls yet are rejected for that reason."""
        self._faults.extend([WriteRejectedError(reason)] * times)

    def forget_faults(self) -> None:
        """Nothing befalls the next writes."""
        self._faults.clear()

    def write(self, write: Write) -> Answer[MemoryTask]:
        self.writes.append(write)
        if self.before_write is not None:
            self.before_write()
        fault = self._faults.popleft() if self._faults else None
        if isinstance(fault, WriteRejectedError):
            raise fault
        if fault in {Fault.UNAVAILABLE, Fault.BROKEN}:
            raise StoreError(BackendError(fault.value), transient=fault is Fault.UNAVAILABLE)
        answer = self._carry_out(write)
        if fault is Fault.ANSWER_LOST:
            raise StoreError(BackendError(fault.value), transient=True)
        return self._carry_out(write) if fault is Fault.SENT_TWICE else answer

    def succeed(self, write: Write) -> Answer[MemoryTask]:
        self.successes.append(write)
        return self.write(write)

    def state(self, task: MemoryTask) -> TaskState:
        return TaskState(
            status=task.status,
            update_time=task.update_time,
            retry=task.retry or 0,
            lock=task.lock,
            lock_time=task.lock_time,
            lock_expire_time=task.lock_expire_time,
            fence=task.fence or 0,
            run=task.run or 0,
            not_before=task.not_before,
            finished_locks=task.finished_locks or (),
            vanished_locks=task.vanished_locks or (),
            errors=task.errors or {},
        )

    def admits(self, write: Write) -> bool:
        """Whether the write's guard holds for what is stored, by the guard's own documentation."""
        if self.task is None:
            return isinstance(write.guard, Startable) and write.guard.or_absent
        match write.guard:
            case Startable() as guard:
                return _may_be_acquired(self.task, guard)
            case Unchanged(state):
                return self.state(self.task) == state
            case HeldBy(lock, fence, growing):
                held = (self.task.lock, self.task.fence) == (lock, fence)
                return held and (growing is None or _grows(self.task, growing, write.changes))

    def _carry_out(self, write: Write) -> Answer[MemoryTask]:
        with self._one_at_a_time:
            if not self.admits(write):
                return Answer(applied=False, task=self.task)
            self.task = _changed(self.task, write)
            return Answer(applied=True, task=self.task)


def _grows(task: MemoryTask, name: str, changes: Mapping[str, Any]) -> bool:
    before = getattr(task, name)
    return before is None or before < changes[name]


def _may_be_acquired(task: MemoryTask, guard: Startable) -> bool:
    if guard.lock in (*(task.finished_locks or ()), *(task.vanished_locks or ())):
        return False
    if task.status not in guard.statuses:
        return False
    if task.not_before is not None and guard.now < task.not_before:
        return False
    if task.lock is None:
        return True
    if task.lock_expire_time is not None:
        return guard.now >= task.lock_expire_time
    return task.lock_time is None or task.lock_time <= guard.unknown_lease_since


def _changed(task: MemoryTask | None, write: Write) -> MemoryTask:
    changes = {name: _new_value(task, name, value) for name, value in write.changes.items()}
    missing = {name: value for name, value in write.defaults.items() if getattr(task, name, None) is None}
    new = {**_storable(missing), **_storable(changes)}
    return MemoryTask(**new) if task is None else replace(task, **new)


def _new_value(task: MemoryTask | None, name: str, value: Any) -> Any:
    if value is Special.REMOVE:
        return None
    if value is Special.INCREMENT:
        return (getattr(task, name, None) or 0) + 1
    return value


def _storable(values: Mapping[str, Any]) -> dict[str, Any]:
    """What comes back is JSON's copy, so that nobody keeps a hand on what is stored."""
    return {name: json.loads(json.dumps(value)) if name in JSON_FIELDS else value for name, value in values.items()}
