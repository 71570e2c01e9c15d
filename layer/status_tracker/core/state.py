"""The stored state of a task, and the questions that it answers by itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from .config import TrackerConfig

LEASE_EXPIRED = "LeaseExpired"
END_MARK = "="
"""Begins the mark of an end, which stands after its token in `finished_locks`."""
EDIT_MARK = f"{END_MARK}edit-"
"""Begins the mark of a change by hand, which stands there too."""

_ANEW = frozenset({"rerun", "unignore", "reset"})


@dataclass(frozen=True, slots=True)
class TaskState:
    """The part of a stored task that the rules use.

    Attributes:
        lock: the token of the worker that holds the task; None when nobody does.
        fence: how often the task has been acquired.
        run: how often it was run again deliberately.
        not_before: the first moment at which it may be started again.
        finished_locks: the newest tokens that finished it, the oldest first, each with the mark of its end.
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


def lease_end(state: TaskState, config: TrackerConfig) -> datetime | None:
    """When the lease on the task ends or ended; None when nobody holds it."""
    if state.lock is None:
        return None
    if state.lock_expire_time is None and state.lock_time is not None:
        return state.lock_time + timedelta(seconds=config.lock_expire_seconds)
    return state.lock_expire_time


def is_live(state: TaskState, config: TrackerConfig, now: datetime) -> bool:
    """Whether a worker's lease holds at `now`; at its very end it no longer does (R3)."""
    end = lease_end(state, config)
    return end is not None and now < end


def pending_as_found(state: TaskState, config: TrackerConfig) -> tuple[int, ...]:
    """The status that was found, as a further code to start from, for callers that name no pending status.

    Nothing if the code is one of this step's own, or a worker of another step has left its lock. Older libraries
    allow such calls.
    """
    own = state.status in config.status_shards
    return () if own or state.lock is not None else (state.status,)


def holds(state: TaskState | None, token: str, fence: int) -> bool:
    """Whether that acquire still holds the task: a refused renewal or update is then only repeated or late (R5)."""
    return state is not None and state.lock == token and state.fence == fence


def is_stuck(state: TaskState, config: TrackerConfig, now: datetime) -> bool:
    """Whether the task is in progress and its worker has vanished: its lease is over, or it has none."""
    return state.status == config.in_progress_status and not is_live(state, config, now)


def waits(state: TaskState, config: TrackerConfig) -> bool:
    """Whether nobody has worked on the task since it was made pending or unlocked."""
    return state.lock is None and state.status in {config.pending_status, config.in_progress_status}


def may_be_unattended(state: TaskState, config: TrackerConfig, now: datetime, pending_after: timedelta) -> bool:
    """Whether nothing may be working on the task any more, so that its driver should be checked. One of these holds:

    - it is stuck: in progress, and its lease is over;
    - it has failed, and is due;
    - it is pending, due, and no worker holds it, for `pending_after` or longer.
    """
    if state.status == config.in_progress_status:
        return is_stuck(state, config, now)
    due = state.not_before is None or state.not_before <= now
    if not due or is_live(state, config, now):
        return False
    if state.status == config.pending_status:
        return state.update_time is None or state.update_time <= now - pending_after
    return state.status == config.failed_status


def asked_for_again(errors: Mapping[str, Any]) -> datetime | None:
    """When a task with these errors was last made pending by a rerun, unignore or reset; None if it never was."""
    moments = [each["update_time"] for each in errors.get("actions") or () if each.get("action") in _ANEW]
    return datetime.fromisoformat(moments[-1]) if moments else None


def taken_over(state: TaskState) -> Mapping[str, Any] | None:
    """The history entry of the vanished attempt that the latest acquire took over from; None if there is none.

    The entry and the lock are written at once, so they have the same time.
    """
    history = state.errors.get("history") or ()
    if not history or state.lock_time is None or history[-1].get("update_time") != state.lock_time.isoformat():
        return None
    newest: Mapping[str, Any] = history[-1]
    return newest if str(newest.get("error")).startswith(f"{LEASE_EXPIRED}(") else None


def is_finished_by(state: TaskState | None, token: str) -> bool:
    """Whether that token has finished the task already."""
    return state is not None and token in state.finished_locks


def is_ended_by(state: TaskState | None, end: str) -> bool:
    """Whether that very end is stored: a refused finish is then only a repeated one (R5)."""
    return state is not None and f"{END_MARK}{end}" in state.finished_locks


def is_edited_by(state: TaskState | None, edit: str) -> bool:
    """Whether that very change by hand is stored: a refused one is then only a repeated one (R5)."""
    return state is not None and f"{EDIT_MARK}{edit}" in state.finished_locks


def is_unlocked(state: TaskState) -> bool:
    """Whether somebody has unlocked the attempt that the task was in, and nothing has happened to it since."""
    if state.lock is not None or state.lock_time is None:
        return False
    newest = (state.errors.get("actions") or [{}])[-1]
    if not isinstance(newest, Mapping) or not (newest.get("action") == "unlock" or newest.get("unlocked")):
        return False
    if "fence" in newest:
        none_since = newest["fence"] == state.fence
    else:  # recorded by an earlier version
        none_since = datetime.fromisoformat(newest["update_time"]) >= state.lock_time
    return none_since and newest.get("status") == state.status


def cancelled(state: TaskState | None, before: TaskState) -> Mapping[str, Any] | None:
    """The record of the newest cancellation that was not there `before`; None if there is none (R18)."""
    known = [each.get("id") for each in before.errors.get("actions") or ()]
    records = () if state is None else state.errors.get("actions") or ()
    new = [each for each in records if each.get("action") == "cancel" and each.get("id") not in known]
    newest: Mapping[str, Any] | None = new[-1] if new else None
    return newest


def lingers_until(state: TaskState) -> datetime | None:
    """Until when a worker whose task was cancelled may still be at work, not knowing it; None if there was none."""
    records = [each for each in state.errors.get("actions") or () if isinstance(each, Mapping)]
    ends = [end for each in records if (end := _moment(each.get("held_until"))) is not None]
    return max(ends, default=None)


def _moment(text: object) -> datetime | None:
    """The time; None for what is none, as where somebody has edited it."""
    try:
        moment = datetime.fromisoformat(text)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return None
    return None if moment.tzinfo is None else moment


def is_newest(state: TaskState, record: Mapping[str, Any]) -> bool:
    """Whether that deliberate action is the last that was done to the task."""
    newest = (state.errors.get("actions") or [{}])[-1]
    return (newest.get("action"), newest.get("id")) == (record["action"], record["id"])


def waits_for_its_run(state: TaskState, config: TrackerConfig) -> bool:
    """Whether somebody has made the task pending, and nothing has been done to it since.

    The fence says so, since workers and operators have clocks of their own. Earlier versions recorded none with an
    action: whether a worker has begun is then unknown, and the answer is no.
    """
    if state.status != config.pending_status or state.lock is not None:
        return False
    newest = (state.errors.get("actions") or [{}])[-1]
    return isinstance(newest, Mapping) and newest.get("action") in _ANEW and newest.get("fence") == state.fence


def is_recorded(state: TaskState, record: Mapping[str, Any]) -> bool:
    """Whether that deliberate action is recorded already: its refused write is then only a repeated one."""
    known = (record["action"], record["id"])
    return any((entry.get("action"), entry.get("id")) == known for entry in state.errors.get("actions") or ())
