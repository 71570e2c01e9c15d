"""The words in which the rules tell a store what to do: states, guards, writes, verdicts. They decide nothing."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeAlias

from .errors import TaskIsNotReadyToStartError


@dataclass(frozen=True, slots=True)
class TaskState:
    """What is stored of a task, as far as the rules ask.

    Attributes:
        lock: the token of the worker that holds the task; None when nobody does.
        fence: how often the task has been acquired.
        run: how often it was deliberately run again.
        not_before: the first moment at which it may be started again.
        finished_locks: the newest tokens that finished it, the oldest first.
        vanished_locks: the newest tokens whose workers never reported back, the oldest first.
    """

    status: int
    update_time: datetime | None = None
    retry: int = 0
    lock: str | None = None
    lock_time: datetime | None = None
    lock_expire_time: datetime | None = None
    fence: int = 0
    run: int = 0
    not_before: datetime | None = None
    finished_locks: tuple[str, ...] = ()
    vanished_locks: tuple[str, ...] = ()
    errors: Mapping[str, Any] = field(default_factory=dict)


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
class AlreadyOurs:
    """Verdict on a refused start: this token holds the task; the answer to the first request was lost."""


@dataclass(frozen=True, slots=True)
class Refused:
    """Verdict on a refused start: it stays refused, for that reason."""

    error: TaskIsNotReadyToStartError


@dataclass(frozen=True, slots=True)
class Attempt:
    """Verdict on a refused start: try this write; when it is applied the task is acquired, or `error` is raised.

    Attributes:
        brief: what to write instead where the item has no room for `write`.
    """

    write: Write
    error: TaskIsNotReadyToStartError | None = None
    brief: Write | None = None


Verdict: TypeAlias = AlreadyOurs | Refused | Attempt
