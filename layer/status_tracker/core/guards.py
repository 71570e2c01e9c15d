"""Evaluate guards on a dict; missing keys mean unset.

For stores whose backend cannot compare: they read a record, evaluate the guard and the changes here, and write the
result unless somebody else has written in the meantime.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, assert_never

from .port import HeldBy, Special, Startable, Unchanged, Write
from .state import TaskState


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
