"""The changes and guards of the lifecycle, as values and conditions of SQL."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, assert_never

import sqlalchemy as sa

from ..core.history import with_last_failure
from ..core.port import HeldBy, Special, Startable, Unchanged, Write
from ..core.state import TaskState
from .column_types import stored_errors
from .columns import JobColumns
from .database_errors import unreadable
from .times import SameMoment

Condition = sa.ColumnElement[bool]
JobClass = type[JobColumns]

_COLUMNS = {
    "create_time": "create_at",
    "update_time": "update_at",
    "lock_time": "lock_at",
    "lock_expire_time": "lock_expire_at",
    "run": "run_number",  # `run` is what many a job has as a method
}
_NO_COLUMN = "expire_at"  # no database deletes rows by itself; see `settings`


def state_of(job: JobColumns) -> TaskState:
    """The state of a job for the rules, also if an older library wrote it.

    Raises:
        TaskUnreadableError: the row is not that of a job.
    """
    _require_readable(job)
    return TaskState(
        status=job.status,
        update_time=job.update_at,
        retry=job.retry,
        lock=job.lock,
        lock_time=job.lock_at,
        lock_expire_time=job.lock_expire_at,
        fence=job.fence or 0,
        run=job.run_number or 0,
        not_before=job.not_before,
        finished_locks=_tokens(job.finished_locks),
        vanished_locks=_tokens(job.vanished_locks),
        errors=job.errors or {},
    )


def _require_readable(job: JobColumns) -> None:
    """Refuse what a hand has written that the rules would trip over only when the attempt is to be recorded."""
    for name in ("retry", "fence", "run_number"):
        value = getattr(job, name)
        if not isinstance(value, int | None):
            raise unreadable(type(job), job.id, f"{name} is {value!r}, and no number")
    errors = job.errors
    if errors is not None and not isinstance(errors, Mapping):
        raise unreadable(type(job), job.id, f"errors is {errors!r}, and no JSON object")
    history = (errors or {}).get("history")
    if history is not None and not (isinstance(history, list) and all(isinstance(each, Mapping) for each in history)):
        raise unreadable(type(job), job.id, f"the history in errors is {history!r}, and no list of failures")


def columns_of(job: JobClass, fields: Mapping[str, Any]) -> dict[str, Any]:
    """The fields as values of their columns."""
    stored = {name: value for name, value in fields.items() if name != _NO_COLUMN}
    return {column_of(name): _column_value(job, name, value) for name, value in stored.items()}


def column_of(field: str) -> str:
    """The column of a field."""
    return _COLUMNS.get(field, field)


def condition(job: JobClass, write: Write) -> Condition:
    """The condition of the write."""
    guard = write.guard
    if isinstance(guard, Startable):
        as_then = sa.or_(job.update_at.is_(None), job.update_at <= guard.now)
        return sa.and_(startable(job, guard), as_then)
    if isinstance(guard, Unchanged):
        return _unchanged(job, guard.state)
    if isinstance(guard, HeldBy):
        return _held(job, guard, write.changes)
    assert_never(guard)


def removable(job: JobClass, state: TaskState) -> Condition:
    """The job is still as it was read, and no other of its id that was made since."""
    since = state.update_time
    return sa.and_(
        _unchanged(job, state), job.update_at.is_(None) if since is None else SameMoment(job.update_at, since)
    )


def startable(job: Any, guard: Startable) -> Condition:
    """The job may be acquired; whether the request comes late is not asked."""
    return sa.and_(is_of(job, *guard.statuses), waits(job, guard))


def is_of(job: Any, *statuses: int) -> Condition:
    """The job's status is one of these. They stand in the text, where the database plans with them."""
    is_one: Condition = job.status.in_([sa.literal_column(str(int(code))) for code in statuses])
    return is_one


def waits(job: Any, guard: Startable) -> Condition:
    """The job may be acquired if its status allows it."""
    due = sa.or_(job.not_before.is_(None), job.not_before <= guard.now)
    first_time = sa.and_(_is_not_among(guard.lock, job.finished_locks), _is_not_among(guard.lock, job.vanished_locks))
    return sa.and_(first_time, is_free(job, guard.now, guard.unknown_lease_since), due)


def is_free(job: Any, now: datetime, unknown_lease_since: datetime) -> Condition:
    """Nobody holds the job, or the lease is over."""
    lease_is_over = job.lock_expire_at <= now
    unknown_lease_is_over = sa.and_(job.lock_expire_at.is_(None), job.lock_at <= unknown_lease_since)
    return sa.or_(job.lock.is_(None), lease_is_over, unknown_lease_is_over)


def _column_value(job: JobClass, name: str, value: Any) -> Any:
    if value is Special.REMOVE:
        return None
    if value is Special.INCREMENT:
        return sa.func.coalesce(getattr(job, name), 0) + 1
    if name in {"finished_locks", "vanished_locks"}:
        return ",".join(value)
    return stored_errors(with_last_failure(value)) if name == "errors" else value


def _tokens(joined: str | None) -> tuple[str, ...]:
    return tuple(joined.split(",")) if joined else ()


def _is_not_among(token: str, tokens: Any) -> Condition:
    return sa.or_(tokens.is_(None), sa.not_(tokens.contains(token)))


def _unchanged(job: JobClass, state: TaskState) -> Condition:
    expires = state.lock_expire_time
    return sa.and_(
        job.status == state.status,
        job.retry == state.retry,  # for update_at, which SQLite compares as text, as others have written it
        job.lock.is_(None) if state.lock is None else job.lock == state.lock,
        job.lock_expire_at.is_(None) if expires is None else SameMoment(job.lock_expire_at, expires),
        sa.func.coalesce(job.fence, 0) == state.fence,
        sa.func.coalesce(job.run_number, 0) == state.run,
    )


def _held(job: JobClass, guard: HeldBy, changes: Mapping[str, Any]) -> Condition:
    held = sa.and_(job.lock == guard.lock, job.fence == guard.fence)
    if guard.growing is None:
        return held
    column = getattr(job, column_of(guard.growing))
    return sa.and_(held, sa.or_(column.is_(None), column < changes[guard.growing]))
