"""Broken variants, each of which the exploration has to find."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from status_tracker.core.lifecycle import Lifecycle, TryWrite
from status_tracker.core.port import HeldBy, Startable, Write, admits
from status_tracker.core.state import TaskState

Record = dict[str, Any] | None


def without_fence(record: Record, write: Write) -> bool:
    """A store that takes what a worker writes, whoever holds the task by now."""
    return isinstance(write.guard, HeldBy) or admits(record, write)


def without_lease(record: Record, write: Write) -> bool:
    """A store that admits a start whether or not another worker's lease is live."""
    if record and isinstance(write.guard, Startable):
        return admits({**record, "lock": None, "status": write.guard.statuses[0]}, write)
    return admits(record, write)


def without_memory(record: Record, write: Write) -> bool:
    """A store that does not know late requests of attempts that have ended."""
    forgetful = {**record, "finished_locks": (), "vanished_locks": ()} if record else record
    if isinstance(write.guard, Startable):
        return admits(forgetful, write)
    return admits(record, write)


class Uncounted(Lifecycle):
    """Rules by which an attempt that vanished does not count."""

    def _take_over(self, state: TaskState, token: str, now: datetime, lease: timedelta) -> TryWrite:
        verdict = super()._take_over(state, token, now, lease)
        write = replace(verdict.write, changes={**verdict.write.changes, "retry": state.retry})
        return replace(verdict, write=write)


class Strict(Lifecycle):
    """Rules by which a postponement counts as a failure."""

    def fail(self, state: TaskState, *attempt: Any, **how: Any) -> Write:
        write = super().fail(state, *attempt, **how)
        return replace(write, changes={**write.changes, "retry": state.retry + 1})


class Unrecorded(Lifecycle):
    """Rules by which a rerun forgets what was done to the task before."""

    def rerun(self, state: TaskState | None, now: datetime, record: Mapping[str, Any]) -> Write:
        write = super().rerun(state, now, record)
        return replace(write, changes={**write.changes, "run": (state.run if state else 0)})


class Eager(Lifecycle):
    """Rules by which a start goes on with a task whose lease has just begun."""

    def acquire(self, token: str, now: datetime, lease: timedelta) -> Write:
        write = super().acquire(token, now, lease)
        return replace(write, changes={name: value for name, value in write.changes.items() if name != "fence"})
