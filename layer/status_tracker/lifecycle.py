"""The rules of a task's life, and nothing else: no I/O, no clock of its own, no environment.

A rule is asked with what is stored and what time it is, and answers with a `Write`: what to store, and under
which `Guard`. A store carries that out in one atomic step, and answers with the task as it then stands.

When a start may acquire a task, all of it must hold:

- its status is pending, failed or one of `more_pending_status`;
- no lease is live on it: now >= lock_expire_time (an item without one was locked by an older library, and
  its lease ends `lock_expire_seconds` after its lock_time);
- it is due: now >= not_before, where a failure has set one.

A task in progress whose lease is over, or that has none, is taken over: its vanished attempt counts as failed.
"""

from __future__ import annotations

import math
import traceback
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from .config import TrackerConfig
from .errors import (
    TaskAlreadySucceedError,
    TaskIgnoredError,
    TaskIsNotInitializedError,
    TaskIsNotReadyToStartError,
    TaskLockedError,
    TaskNotDueError,
)
from .writes import (
    AlreadyOurs,
    Attempt,
    HeldBy,
    Refused,
    Special,
    Startable,
    TaskState,
    Unchanged,
    Verdict,
    Write,
)

KEPT_FINISHED_LOCKS = 8
"""How many finishing tokens a task remembers, to know a repeated finish again."""


def lease_end(state: TaskState, config: TrackerConfig) -> datetime | None:
    """When the lease on the task ends or ended; None when nobody holds it."""
    if state.lock is None:
        return None
    if state.lock_expire_time is None and state.lock_time is not None:
        return state.lock_time + timedelta(seconds=config.lock_expire_seconds)
    return state.lock_expire_time


def is_live(state: TaskState, config: TrackerConfig, now: datetime) -> bool:
    """Whether a worker's lease holds at `now`; at its very end it does not any more (R3)."""
    end = lease_end(state, config)
    return end is not None and now < end


@dataclass(frozen=True, slots=True)
class Lifecycle:
    """The rules for one task of one step.

    Attributes:
        startable: the status codes from which this start may acquire.
        initial_data: with `create`, the data of the task that is made if there is none.
    """

    config: TrackerConfig
    use_case_id: str
    task_id: str
    startable: tuple[int, ...] = ()
    create: bool = False
    initial_data: Mapping[str, Any] | None = None

    def __str__(self) -> str:
        return f"Task(use_case_id={self.use_case_id!r}, task_id={self.task_id!r})"

    def acquire(self, token: str, now: datetime, lease: timedelta) -> Write:
        """The first write of a start, made without knowing what is stored (R1)."""
        guard = Startable(
            statuses=self.startable,
            now=now,
            unknown_lease_since=now - timedelta(seconds=self.config.lock_expire_seconds),
            or_absent=self.create,
        )
        return Write(guard, self._locking(token, now, lease), self._creation(now) if self.create else {})

    def judge(self, state: TaskState | None, token: str, now: datetime, lease: timedelta) -> Verdict:
        """What follows from a start that was refused, by what is stored (R2)."""
        if state is None:
            return Attempt(self.acquire(token, now, lease)) if self.create else Refused(self._not_initialized())
        if is_live(state, self.config, now):
            ours = state.lock == token and state.status == self.config.in_progress_status
            return AlreadyOurs() if ours else Refused(self._locked(state))
        if state.status in self.startable:
            if state.not_before is not None and now < state.not_before:
                return Refused(self._not_due(state, state.not_before))
            return Attempt(self.acquire(token, now, lease))
        if state.status == self.config.in_progress_status:
            return self._take_over(state, token, now, lease)
        return Refused(self._wrong_status(state))

    def succeed(self, state: TaskState, token: str, now: datetime, data: Mapping[str, Any] | None) -> Write:
        """The end of an attempt that succeeded, with the data to store, or None to leave it (R7)."""
        changes = {
            **self._releasing(state, token, now),
            "status": self.config.succeeded_status,
            "retry": 0,
            "not_before": Special.REMOVE,
        }
        return Write(HeldBy(token), changes if data is None else {**changes, "data": data})

    def fail(self, state: TaskState, token: str, now: datetime, error: BaseException) -> Write:
        """The end of an attempt that raised (R8, R9)."""
        newest_frames = -self.config.traceback_stack_limit
        trace = "".join(traceback.format_exception(error, limit=newest_frames))
        hopeless = isinstance(error, self.config.non_retryable)
        wait = _retry_after(error)
        changes = {
            **self._releasing(state, token, now),
            **self._failed_attempt(state, now, _describe(error), trace, hopeless=hopeless),
            "not_before": Special.REMOVE if wait is None else now + wait,
        }
        return Write(HeldBy(token), changes)

    def extend(self, token: str, now: datetime, lease: timedelta) -> Write:
        """Renew the lease: it then ends `lease` after `now` (R12)."""
        return Write(HeldBy(token), {"lock_expire_time": now + lease})

    def update(self, token: str, data: Mapping[str, Any]) -> Write:
        """Store data before the attempt ends (R4)."""
        return Write(HeldBy(token), {"data": data})

    def rerun(self, state: TaskState | None, now: datetime, record: Mapping[str, Any]) -> Write:
        """Make the task pending again, whatever became of it, and record who and why (R11).

        Raises:
            TaskIsNotInitializedError: there is no such task.
            TaskLockedError: a worker holds it.
            TaskIsNotReadyToStartError: it has not come as far as this step (its code is below this step's).
        """
        if state is None:
            raise self._not_initialized()
        if is_live(state, self.config, now):
            raise self._locked(state)
        if state.status not in self.config.status_shards and state.status < self.config.pending_status:
            raise self._wrong_status(state)
        errors = dict(state.errors)
        entry = {**record, "update_time": now.isoformat(), "status": state.status}
        errors["actions"] = [*(errors.get("actions") or []), entry]
        changes = {
            "status": self.config.pending_status,
            "update_time": now,
            "retry": 0,
            "run": state.run + 1,
            "lock": None,
            "lock_expire_time": Special.REMOVE,
            "not_before": Special.REMOVE,
            "errors": errors,
        }
        return Write(Unchanged(state), changes)

    def _creation(self, now: datetime) -> dict[str, Any]:
        return {"create_time": now, "retry": 0, "data": self.initial_data or {}, "errors": {"history": []}}

    def _locking(self, token: str, now: datetime, lease: timedelta) -> dict[str, Any]:
        return {
            "status": self.config.in_progress_status,
            "lock": token,
            "lock_time": now,
            "lock_expire_time": now + lease,
            "update_time": now,
            "fence": Special.INCREMENT,
        }

    def _releasing(self, state: TaskState, token: str, now: datetime) -> dict[str, Any]:
        # The expiry goes with the lock: an older library that locks the task next would not replace it.
        return {
            "update_time": now,
            "lock": None,
            "lock_expire_time": Special.REMOVE,
            "finished_locks": (*state.finished_locks, token)[-KEPT_FINISHED_LOCKS:],
        }

    def _failed_attempt(
        self, state: TaskState, now: datetime, error: str, trace: str, *, hopeless: bool = False
    ) -> dict[str, Any]:
        retry = state.retry + 1
        entry = {"nth_retry": retry, "update_time": now.isoformat(), "error": error, "traceback": trace}
        errors = {**state.errors, "history": [*(state.errors.get("history") or []), entry]}
        given_up = hopeless or retry >= self.config.max_retry
        status = self.config.ignored_status if given_up else self.config.failed_status
        return {"status": status, "retry": retry, "errors": errors}

    def _take_over(self, state: TaskState, token: str, now: datetime, lease: timedelta) -> Attempt:
        end = lease_end(state, self.config)
        over = "had no lease" if end is None else f"held a lease that ended at {end.isoformat()}"
        vanished = self._failed_attempt(state, now, f"LeaseExpired('the worker {over}, and never reported back')", "")
        if vanished["status"] == self.config.failed_status:
            changes = {**vanished, **self._locking(token, now, lease)}
            return Attempt(Write(Unchanged(state), changes))
        changes = {**vanished, "update_time": now, "lock": None, "lock_expire_time": Special.REMOVE}
        error = TaskIgnoredError(
            f"{self} is ignored: its last allowed attempt ({vanished['retry']} of {self.config.max_retry}) vanished; "
            "its worker was killed or lost. See errors['history'], then use rerun() to try again.",
            **self._about(state),
        )
        error.given_up_now = True
        return Attempt(Write(Unchanged(state), changes), error)

    def _about(self, state: TaskState | None) -> dict[str, Any]:
        status = None if state is None else state.status
        return {"use_case_id": self.use_case_id, "task_id": self.task_id, "status": status}

    def _not_initialized(self) -> TaskIsNotInitializedError:
        return TaskIsNotInitializedError(
            f"{self} is not found: create it with make_and_save(task_id=...), or start it with create=True.",
            **self._about(None),
        )

    def _locked(self, state: TaskState) -> TaskLockedError:
        until = lease_end(state, self.config)
        error = TaskLockedError(
            f"{self} is locked by another worker until {until and until.isoformat()}, unless it renews its lease.",
            **self._about(state),
        )
        error.until = until
        return error

    def _not_due(self, state: TaskState, not_before: datetime) -> TaskNotDueError:
        error = TaskNotDueError(
            f"{self} is not due: its last failure asked to wait until {not_before.isoformat()}.",
            **self._about(state),
        )
        error.not_before = not_before
        return error

    def _wrong_status(self, state: TaskState) -> TaskIsNotReadyToStartError:
        if state.status == self.config.succeeded_status:
            return TaskAlreadySucceedError(
                f"{self} is already succeeded; use rerun() to run it again.", **self._about(state)
            )
        if state.status == self.config.ignored_status:
            return TaskIgnoredError(
                f"{self} is ignored. See errors['history'] for the reason, then use rerun() to try again.",
                **self._about(state),
            )
        names = ", ".join(f"{code} ({self.config.status_name(code)})" for code in self.startable)
        return TaskIsNotReadyToStartError(
            f"{self} is not ready to start: its status {state.status} belongs to another step; "
            f"this one starts from {names or self.config.pending_status}.",
            **self._about(state),
        )


def is_finished_by(state: TaskState | None, token: str) -> bool:
    """Whether that token has finished the task already, so that a refused finish is but a repeated one (R5)."""
    return state is not None and token in state.finished_locks


def is_recorded(state: TaskState, record: Mapping[str, Any]) -> bool:
    """Whether that deliberate action is on record already, so that its refused write is but a repeated one."""
    return any(entry.get("id") == record["id"] for entry in state.errors.get("actions") or ())


def _describe(error: BaseException) -> str:
    try:
        return repr(error)
    except Exception as broken:  # noqa: BLE001  # the user's own __repr__ may raise anything
        return f"{type(error).__name__}(<its repr raised {type(broken).__name__}>)"


def _retry_after(error: BaseException) -> timedelta | None:
    seconds = getattr(error, "retry_after", None)
    if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not math.isfinite(seconds):
        return None
    return timedelta(seconds=seconds) if seconds > 0 else None
