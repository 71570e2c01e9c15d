"""The `Store` port in memory, with the faults of a network."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, fields, replace
from datetime import datetime
from typing import Any

from ..core.errors import TaskExecutionError
from ..core.port import Unchanged, Write, WriteResult, admits, changed, state_of
from ..core.state import TaskState
from .faults import Fault, Faults

_JSON_FIELDS = frozenset({"data", "errors"})


@dataclass
class Record:
    """One stored task; None means that a field is absent.

    Attributes:
        status: the status code.
        create_time, update_time: when it was made, and when its status was last set (UTC).
        retry: attempts that failed in a row; 0 after a success.
        lock: the token of the worker that holds it; None when nobody does.
        lock_time, lock_expire_time: when it was locked, and when that lease ends (UTC).
        fence: how often it was acquired.
        run: how often it was run again deliberately.
        not_before: the first moment at which it may be started again, if a failure asked to wait.
        finished_locks, vanished_locks: the newest tokens that finished it, and whose workers never reported back.
        data: the user's own data, anything that JSON holds.
        errors: ``{"history": [...]}``, one entry per failed attempt; ``"actions"`` if there were any.
        expire_at: when a backend with TTL may delete it; here it stays.
        update_count: how often the attempt under way has stored data.
        create_token: marks the request that created it.
        key: ``{use_case_id}{sep}{task_id}``.
    """

    status: int
    create_time: datetime | None = None
    update_time: datetime | None = None
    retry: int = 0
    lock: str | None = None
    lock_time: datetime | None = None
    lock_expire_time: datetime | None = None
    fence: int = 0
    run: int = 0
    not_before: datetime | None = None
    finished_locks: tuple[str, ...] | None = None
    vanished_locks: tuple[str, ...] | None = None
    data: Any = None
    errors: Any = None
    expire_at: datetime | None = None
    update_count: int | None = None
    create_token: str | None = None
    key: str = ""


def values_of(record: Record) -> dict[str, Any]:
    """The fields of a record, by name; JSON values are copied, so that callers cannot change what is stored."""
    return _copied({each.name: getattr(record, each.name) for each in fields(Record)})


@dataclass
class MemoryStore:
    """The store of one task.

    Attributes:
        task: what is stored now.
        faults: the faults of the next writes.
        key: the key of a task that a start creates.
        writes: every requested write, including those refused or lost.
        successes: those of them that were successes.
        before_write: called before each write, to let another worker come first.
    """

    task: Record | None = None
    faults: Faults = field(default_factory=Faults)
    key: str = ""
    writes: list[Write] = field(default_factory=list)
    successes: list[Write] = field(default_factory=list)
    before_write: Callable[[], None] | None = None
    _one_at_a_time: threading.Lock = field(default_factory=threading.Lock)

    def befall(self, fault: Fault, times: int = 1) -> None:
        """Make the next writes without a fault have this one."""
        self.faults.befall(fault, times)

    def reject(self, reason: TaskExecutionError, times: int = 1) -> None:
        """Reject the next writes without a fault, with this error."""
        self.faults.reject(reason, times)

    def forget_faults(self) -> None:
        """Remove all faults of the next writes."""
        self.faults.forget()

    def read(self) -> Record | None:
        with self._one_at_a_time:
            return self._copy()

    def create(self, task: Record) -> WriteResult[Record]:
        return self.faults.around(lambda: self._put(task))

    def write(self, write: Write) -> WriteResult[Record]:
        self.writes.append(write)
        if self.before_write is not None:
            self.before_write()
        return self.faults.around(lambda: self._carry_out(write))

    def succeed(self, write: Write) -> WriteResult[Record]:
        self.successes.append(write)
        return self.write(write)

    def state(self, task: Record) -> TaskState:
        return state_of(vars(task))

    def admits(self, write: Write) -> bool:
        """Whether the write's guard holds for what is stored."""
        return admits(None if self.task is None else vars(self.task), write)

    def remove(self, guard: Unchanged) -> WriteResult[Record]:
        return self.faults.around(lambda: self._remove(Write(guard, {})))

    def delete(self) -> bool:
        """Delete the task; returns whether there was one."""
        with self._one_at_a_time:
            existed, self.task = self.task is not None, None
            return existed

    def _put(self, task: Record) -> WriteResult[Record]:
        with self._one_at_a_time:
            absent = self.task is None
            if absent:
                self.task = Record(**values_of(task))
            return WriteResult(applied=absent, task=self._copy())

    def _carry_out(self, write: Write) -> WriteResult[Record]:
        with self._one_at_a_time:
            admitted = self.admits(write)
            if admitted:
                before = {"key": self.key} if self.task is None else vars(self.task)
                self.task = Record(**_copied(changed(before, write)))
            return WriteResult(applied=admitted, task=self._copy())

    def _remove(self, write: Write) -> WriteResult[Record]:
        with self._one_at_a_time:
            admitted = self.admits(write)
            if admitted:
                self.task = None
            return WriteResult(applied=admitted, task=self._copy())

    def _copy(self) -> Record | None:
        return None if self.task is None else replace(self.task, **_copied(vars(self.task)))


class MemoryPauseBoard:
    """What is paused of one use case."""

    def __init__(self) -> None:
        self._text: str | None = None
        self._one_at_a_time = threading.Lock()

    def read(self) -> str | None:
        with self._one_at_a_time:
            return self._text

    def replace(self, before: str | None, after: str) -> bool:
        with self._one_at_a_time:
            unchanged = self._text == before
            if unchanged:
                self._text = after
            return unchanged


class MemoryStorage:
    """The tasks of any number of steps, in memory, like a table.

    Attributes:
        faults: the faults of the next writes, of any task.
    """

    def __init__(self) -> None:
        self.faults = Faults()
        self._stores: dict[str, MemoryStore] = {}
        self._pauses: dict[str, MemoryPauseBoard] = {}
        self._one_at_a_time = threading.Lock()

    def store(self, key: str) -> MemoryStore:
        """The store of the task with that key, whether it exists or not."""
        with self._one_at_a_time:
            return self._stores.setdefault(key, MemoryStore(faults=self.faults, key=key))

    def pause_board(self, use_case_id: str) -> MemoryPauseBoard:
        """What is paused of that use case."""
        with self._one_at_a_time:
            return self._pauses.setdefault(use_case_id, MemoryPauseBoard())

    def befall(self, fault: Fault, times: int = 1) -> None:
        """Make the next writes without a fault have this one."""
        self.faults.befall(fault, times)

    def reject(self, reason: TaskExecutionError, times: int = 1) -> None:
        """Reject the next writes without a fault, with this error."""
        self.faults.reject(reason, times)

    def forget_faults(self) -> None:
        """Remove all faults of the next writes."""
        self.faults.forget()

    def tasks(self, prefix: str = "") -> Iterator[Record]:
        """The stored tasks whose keys begin with `prefix`."""
        for store in self._stores_of(prefix):
            task = store.read()
            if task is not None:
                yield task

    def clear(self, prefix: str = "") -> int:
        """Delete the tasks whose keys begin with `prefix`; returns how many."""
        return sum(store.delete() for store in self._stores_of(prefix))

    def _stores_of(self, prefix: str) -> list[MemoryStore]:
        with self._one_at_a_time:
            return [store for key, store in self._stores.items() if key.startswith(prefix)]


def _copied(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: json.loads(json.dumps(value)) if name in _JSON_FIELDS else value for name, value in values.items()}
