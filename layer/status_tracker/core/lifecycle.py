"""The rules of a task's life, and nothing else: no I/O, no clock, no environment.

A rule takes the stored state and the present time, and returns a `Write`: the changes, and the `Guard` under which they
are made. A store makes the write in one atomic step, and returns the task as it is then stored.

A start may acquire a task if all of these hold:

- its status is pending, failed or one of `more_pending_status`;
- no lease is live on it: now >= lock_expire_time (an item without one was locked by an older library, and
  its lease ends `lock_expire_seconds` after its lock_time);
- it is due: now >= not_before, where a failure has set one;
- it has not changed since the start was made, so that a request that comes late acquires for nobody. Where a clock is
  ahead of this one, the start reads the task and requires that it is still as it was read.

A task in progress whose lease is over, or that has none, is taken over: its vanished attempt counts as failed. If
the lease is this very start's, whose answer was lost until it was over, the start goes on with it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TypeAlias, TypeGuard

from .config import TrackerConfig, is_number
from .errors import LONGEST_PAUSE, NoMoreRetryError, Postponed, TaskAlreadyExistsError, TaskIsNotReadyToStartError
from .history import (
    data_size,
    described,
    failure,
    last_failure,
    postponed_since,
    traced,
    with_action,
    with_failure,
    with_only,
    with_postponement,
    without_postponements,
)
from .port import HeldBy, Special, Startable, Unchanged, Write
from .refusals import Refusals
from .state import (
    EDIT_MARK,
    END_MARK,
    LEASE_EXPIRED,
    TaskState,
    is_finished_by,
    is_live,
    is_unlocked,
    lease_end,
    lingers_until,
    waits_for_its_run,
)

KEPT_LOCKS = 8
"""How many tokens of finished and of vanished attempts a task keeps, to recognize their late requests."""

_USUAL_PAUSE_SECONDS = 60
_VANISHED = (
    "never reported back: it was stopped, crashed, or ran out of time or memory. If that comes again, give the step"
    " more of both, or split what the task is about"
)
_UNLOCKED: Mapping[str, Any] = {"lock": None, "lock_expire_time": Special.REMOVE}
# The expiry goes with the lock: an older library that locks the task next would not replace it.


@dataclass(frozen=True, slots=True)
class AlreadyOurs:
    """Verdict on a refused start: this token holds the task; the answer to an earlier request was lost."""


@dataclass(frozen=True, slots=True)
class Refused:
    """Verdict on a refused start: it stays refused, with this error."""

    error: TaskIsNotReadyToStartError


@dataclass(frozen=True, slots=True)
class TryWrite:
    """Verdict on a refused start: try this write; if it is applied the task is acquired, or `error` is raised.

    Attributes:
        brief: the write to try if the item has no room for `write`.
    """

    write: Write
    error: TaskIsNotReadyToStartError | None = None
    brief: Write | None = None


Verdict: TypeAlias = AlreadyOurs | Refused | TryWrite


@dataclass(frozen=True, slots=True)
class Lifecycle:
    """The rules for one task of one step.

    Attributes:
        startable: the status codes from which this start may acquire.
        initial_data: the data of the task that `create` or `reset` makes.
        max_data_bytes: the most data that the store accepts for a task; None for no limit.
        force: also start a task that is finished or whose attempts are used up.
        ignore_lock: also take a task from a worker whose lease is live; that worker can store nothing any more.
        known_lock: a lock this start may take over even while live.
    """

    config: TrackerConfig
    use_case_id: str
    task_id: str
    startable: tuple[int, ...] = ()
    create: bool = False
    initial_data: Mapping[str, Any] | None = None
    max_data_bytes: int | None = None
    force: bool = False
    ignore_lock: bool = False
    known_lock: str | None = None

    def __str__(self) -> str:
        return f"Task(use_case_id={self.use_case_id!r}, task_id={self.task_id!r})"

    @property
    def _refuse(self) -> Refusals:
        return Refusals(self.config, str(self), self.use_case_id, self.task_id)

    def check_data(self, data: Mapping[str, Any]) -> None:
        """Refuse data that the store cannot accept (R10).

        Raises:
            TypeError, ValueError: JSON cannot hold it.
            TaskDataTooLargeError: it is longer than `max_data_bytes`.
        """
        size = data_size(data)
        if self.max_data_bytes is not None and size > self.max_data_bytes:
            raise self._refuse.too_large(size, self.max_data_bytes)

    def exists(self, state: TaskState) -> TaskAlreadyExistsError:
        """The error for creating a task that exists (R11)."""
        return self._refuse.exists(state)

    def acquire(self, token: str, now: datetime, lease: timedelta) -> Write:
        """The first write of a start, made without reading the task (R1)."""
        guard = Startable(
            lock=token,
            statuses=self._admitted,
            now=now,
            unknown_lease_since=now - timedelta(seconds=self.config.lock_expire_seconds),
            or_absent=self.create,
        )
        return Write(guard, self._locking(token, now, lease), self._creation(now) if self.create else {})

    def judge(
        self, state: TaskState | None, token: str, now: datetime, lease: timedelta, *, held_here: bool = False
    ) -> Verdict:
        """What follows from a refused start, given the stored state (R2).

        Args:
            held_here: a block of this process holds it, which the refusal then says.
        """
        if state is None:
            return TryWrite(self.acquire(token, now, lease)) if self.create else Refused(self._refuse.not_initialized())
        live = is_live(state, self.config, now)
        if live and state.lock == token and state.status == self.config.in_progress_status:
            return AlreadyOurs()
        if live and not (self.ignore_lock or state.lock == self.known_lock):
            return Refused(self._refuse.locked(state, lease_end(state, self.config), held_here=held_here))
        if state.status == self.config.in_progress_status:
            ours = state.lock == token
            return self._renew(state, now, lease) if ours else self._take_over(state, token, now, lease)
        refusal = self._not_now(state, token, now)
        if refusal is not None:
            return Refused(refusal)
        return TryWrite(self._acquire_as_found(state, token, now, lease))

    @property
    def _admitted(self) -> tuple[int, ...]:
        """The status codes from which this start acquires."""
        config = self.config
        finished = (config.succeeded_status, config.ignored_status, config.exhausted_status)
        return (*self.startable, *finished) if self.force else self.startable

    def _acquire_as_found(self, state: TaskState, token: str, now: datetime, lease: timedelta) -> Write:
        changes = {**self._locking(token, now, lease), **_forgotten(state)}
        return Write(Unchanged(state), changes, self._creation(now) if self.create else {})

    def _not_now(self, state: TaskState, token: str, now: datetime) -> TaskIsNotReadyToStartError | None:
        """Why a task that no worker holds cannot be started now."""
        if state.status not in self._admitted:
            wrong = self._refuse.wrong_status(state, self.startable)
            if isinstance(wrong, NoMoreRetryError):
                wrong.given_up_now = is_finished_by(state, token)
            return wrong
        if is_finished_by(state, token) or token in state.vanished_locks:
            return self._refuse.unfit(state, "has seen the end of this very attempt already")
        if state.not_before is not None and now < state.not_before:
            return self._refuse.not_due(state)
        return None

    def succeed(
        self, state: TaskState, token: str, now: datetime, data: Mapping[str, Any] | None, *, end: str | None = None
    ) -> Write:
        """The end of an attempt that succeeded, with the data to store, or None to leave it (R7).

        Args:
            end: marks this end, so that its repetition is told from another end of the same attempt (R5).
        """
        changes = {
            **self._releasing(state, token, end),
            **self._status(self.config.succeeded_status, now),
            "retry": 0,
            "not_before": Special.REMOVE,
        }
        if "postponed" in state.errors:
            changes["errors"] = without_postponements(state.errors)
        return Write(HeldBy(token, state.fence), changes if data is None else {**changes, "data": data})

    def fail(
        self,
        state: TaskState,
        token: str,
        now: datetime,
        error: BaseException,
        *,
        briefly: bool = False,
        end: str | None = None,
    ) -> Write:
        """The end of an attempt that raised (R8, R9, R19).

        Args:
            briefly: for an item that has no room for more (R10).
            end: as for `succeed`.
        """
        pause = self._pause(error, now)
        if pause is not None and self._may_be_postponed(state, now):
            changes = self._postponed(state, now, pause, described(error), briefly=briefly)
        else:
            changes = self._failed(state, now, error, pause, briefly=briefly)
        return Write(HeldBy(token, state.fence), {**self._releasing(state, token, end), **changes})

    def _failed(
        self, state: TaskState, now: datetime, error: BaseException, pause: timedelta | None, *, briefly: bool
    ) -> dict[str, Any]:
        newest_frames = -self.config.traceback_stack_limit
        entry = failure(state.retry + 1, now.isoformat(), described(error), traced(error, newest_frames))
        # After one postponement too many the row goes on: the next one is too many, too.
        errors = without_postponements(state.errors) if pause is None else state.errors
        wait = _asked_for(error, now) if pause is None else pause
        return {
            **self._attempt_counted(state, now, hopeless=_is_of(self.config.non_retryable, error)),
            "errors": with_only(errors, entry) if briefly else with_failure(errors, entry),
            "not_before": Special.REMOVE if wait is None else now + wait,
        }

    def _postponed(
        self, state: TaskState, now: datetime, pause: timedelta, reason: str, *, briefly: bool
    ) -> dict[str, Any]:
        """The task is as it was before the attempt, and waits."""
        status = self.config.failed_status if state.retry else self.config.pending_status
        newest = last_failure(state.errors)
        errors = with_only(state.errors, newest) if briefly and newest else state.errors
        return {
            **self._status(status, now),
            "retry": state.retry,
            "not_before": now + pause,
            "errors": with_postponement(errors, now.isoformat(), reason),
        }

    def _may_be_postponed(self, state: TaskState, now: datetime) -> bool:
        since = postponed_since(state.errors)
        return now - (since or now) < timedelta(seconds=self.config.postpone_at_most)

    def _pause(self, error: BaseException, now: datetime) -> timedelta | None:
        """How long to wait where the attempt was only hindered; None where it failed.

        A group waits for the longest of its exceptions, unless one of them is a failure.
        """
        if _is_of(self.config.non_retryable, error):
            return None
        pauses = [self._pause_for_one(each, now) for each in _parts(error) if not _is_group(each)]
        known = [each for each in pauses if each is not None]
        return max(known) if known and len(known) == len(pauses) else None

    def _pause_for_one(self, error: BaseException, now: datetime) -> timedelta | None:
        kinds = {**self.config.postponing, Postponed: _USUAL_PAUSE_SECONDS}.items()
        seconds = next((each for kind, each in kinds if issubclass(type(error), kind)), None)
        if seconds is None:
            return None
        asked_for = _asked_for(error, now)
        sensible = asked_for is not None and asked_for.total_seconds() <= LONGEST_PAUSE
        return asked_for if sensible else timedelta(seconds=seconds)

    def extend(self, state: TaskState, token: str, now: datetime, lease: timedelta) -> Write:
        """Renew the lease: it then ends `lease` after `now`, or later if it does already (R12)."""
        return Write(HeldBy(token, state.fence, growing="lock_expire_time"), {"lock_expire_time": now + lease})

    def update(self, state: TaskState, token: str, nth: int, data: Mapping[str, Any] | None) -> Write:
        """Store data, or only the store's own further values (None), before the attempt ends; the nth time.

        A late repetition cannot undo a later update (R4).
        """
        changes: dict[str, Any] = {"update_count": nth}
        return Write(
            HeldBy(token, state.fence, growing="update_count"), changes if data is None else {**changes, "data": data}
        )

    def rerun(self, state: TaskState | None, now: datetime, record: Mapping[str, Any]) -> Write:
        """Make the task pending again whatever its status, and record who asked and why (R11).

        Its `run` grows, unless it still waits for the run that it was given so: asked for twice, it runs once.

        Raises:
            TaskIsNotInitializedError: there is no such task.
            TaskLockedError: a worker holds it.
            TaskIsNotReadyToStartError: it has not reached this step: its code is none of this step's, and below
                this step's succeeded.
        """
        state = self._at_rest(state, now)
        if state.status not in self.config.status_shards and state.status < self.config.succeeded_status:
            raise self._refuse.wrong_status(state, self.startable)
        run = state.run if waits_for_its_run(state, self.config) else state.run + 1
        return self._acted(state, now, record, {"run": run, **self._anew(now)})

    def reset(self, state: TaskState | None, now: datetime, record: Mapping[str, Any]) -> Write:
        """Make a task of any step pending again, its data replaced by `initial_data`, and record who asked and why.

        Its history is kept.

        Raises:
            TaskIsNotInitializedError, TaskLockedError: as for `rerun`.
        """
        state = self._at_rest(state, now)
        changes = {"run": state.run + 1, **self._anew(now), "data": self.initial_data or {}}
        return self._acted(state, now, record, changes)

    def unignore(self, state: TaskState | None, now: datetime, record: Mapping[str, Any]) -> Write:
        """Make a task pending again that was ignored or is exhausted, and record who asked and why.

        Raises:
            TaskIsNotInitializedError, TaskLockedError: as for `rerun`.
            TaskIsNotReadyToStartError: it is not ignored in this step.
        """
        state = self._at_rest(state, now)
        if state.status not in {self.config.ignored_status, self.config.exhausted_status}:
            raise self._refuse.unfit(state, "is not ignored in this step, so there is nothing to take back")
        return self._acted(state, now, record, {"run": state.run + 1, **self._anew(now)})

    def ignore(self, state: TaskState | None, now: datetime, record: Mapping[str, Any]) -> Write:
        """Set aside a task that waits in this step or is stuck in it, and record who asked and why.

        Raises:
            TaskIsNotInitializedError, TaskLockedError: as for `rerun`.
            TaskAlreadySucceedError, TaskIgnoredError, TaskIsNotReadyToStartError: it does not wait in this step.
        """
        state = self._at_rest(state, now)
        if state.status not in self._waiting:
            raise self._refuse.wrong_status(state, self.startable)
        return self._set_aside(state, now, record)

    def cancel(self, state: TaskState | None, now: datetime, record: Mapping[str, Any]) -> Write:
        """Set aside a task of this step even while a worker holds it, and record who asked and why (R18).

        The worker loses the task and stores nothing any more; its attempt does not count as a failure.

        Raises:
            TaskIsNotInitializedError: there is no such task.
            TaskAlreadySucceedError, TaskIgnoredError, TaskIsNotReadyToStartError: as for `ignore`.
        """
        if state is None:
            raise self._refuse.not_initialized()
        if state.status not in self._waiting:
            raise self._refuse.wrong_status(state, self.startable)
        end = lease_end(state, self.config)
        if end is not None and now < end:
            record = {**record, "held_until": end.isoformat()}
        return self._set_aside(state, now, record)

    def delete(self, state: TaskState | None, now: datetime, record: Mapping[str, Any]) -> Write:
        """Set a task of any status aside, so that it can be deleted, and record who asked and why (R21).

        From then on nothing begins to work on it, and a worker that has lost it stores nothing.

        Raises:
            TaskIsNotInitializedError: there is no such task.
            TaskLockedError: a worker holds it, or was cancelled and may still be at work.
        """
        state = self._at_rest(state, now)
        lingering = lingers_until(state)
        if lingering is not None and now < lingering:
            raise self._refuse.lingering(state, lingering)
        return self._set_aside(state, now, record)

    def restart(self, state: TaskState | None, now: datetime, record: Mapping[str, Any], *, run: int) -> Write:
        """Give a task that waits or is stuck a new run, after run `run`'s driver stopped without finishing the task.

        Only `run` changes: status, attempts and place in the listing stay, so a task that always fails is given up.
        A worker whose lease is over loses the task, so that its late end does not replace this record.

        Raises:
            TaskIsNotInitializedError, TaskLockedError: as for `rerun`.
            TaskAlreadySucceedError, TaskIgnoredError, TaskIsNotReadyToStartError: it neither waits in this step nor is
                stuck in it, or it is in a later run already.
            TaskNotDueError: its last failure asked to wait.
        """
        state = self._at_rest(state, now)
        if state.status not in self._waiting:
            raise self._refuse.wrong_status(state, self.startable)
        if state.not_before is not None and now < state.not_before:
            raise self._refuse.not_due(state)
        if state.run != run:
            raise self._refuse.unfit(state, f"is in run {state.run} already, and run {run} was to be followed")
        if state.lock is not None or is_unlocked(state):
            record = {**record, "unlocked": True}
        return self._acted(state, now, record, {"run": run + 1, **({} if state.lock is None else _UNLOCKED)})

    def unlock(self, state: TaskState | None, now: datetime, record: Mapping[str, Any]) -> Write:
        """Release the lock of a worker that is known to be gone, before its lease ends, and record who asked and why.

        The next start takes the task over at once. If the worker is alive, it can store nothing any more.

        Raises:
            TaskIsNotInitializedError: there is no such task.
            TaskIsNotReadyToStartError: nobody has locked it.
        """
        if state is None:
            raise self._refuse.not_initialized()
        if state.lock is None:
            raise self._refuse.unfit(state, "is not locked, so there is nothing to unlock")
        return self._acted(state, now, record, _UNLOCKED)

    def edit(self, state: TaskState | None, now: datetime, changes: Mapping[str, Any], edit: str) -> Write:
        """Change fields by hand, unless a worker holds the task; a live `known_lock` does not count.

        Args:
            edit: names this change, see `is_edited_by`.

        Raises:
            TaskIsNotInitializedError, TaskLockedError: as for `rerun`.
        """
        if state is None or state.lock != self.known_lock:
            state = self._at_rest(state, now)
        forgotten = _forgotten(state) if "lock" in changes else {}
        return Write(Unchanged(state), {**changes, **forgotten, "finished_locks": _edited(state, edit)})

    @property
    def _waiting(self) -> tuple[int, ...]:
        """The status codes of a task that is not finished in this step."""
        return (*self.config.startable_statuses(None), self.config.in_progress_status)

    def _at_rest(self, state: TaskState | None, now: datetime) -> TaskState:
        if state is None:
            raise self._refuse.not_initialized()
        if is_live(state, self.config, now):
            raise self._refuse.locked(state, lease_end(state, self.config))
        return state

    def _anew(self, now: datetime) -> dict[str, Any]:
        pending = self._status(self.config.pending_status, now)
        return {**pending, **_UNLOCKED, "retry": 0, "not_before": Special.REMOVE}

    def _set_aside(self, state: TaskState, now: datetime, record: Mapping[str, Any]) -> Write:
        retry = state.retry + 1 if self._is_stuck(state, now) else state.retry
        changes = {**self._status(self.config.ignored_status, now), **_UNLOCKED, "retry": retry}
        return self._acted(state, now, record, changes)

    def _acted(self, state: TaskState, now: datetime, record: Mapping[str, Any], changes: Mapping[str, Any]) -> Write:
        errors: Mapping[str, Any] = state.errors
        if "status" in changes and self._is_stuck(state, now):
            errors = with_failure(without_postponements(errors), self._vanished(state, now))
        elif changes.get("retry") == 0:
            errors = without_postponements(errors)
        entry = {**record, "update_time": now.isoformat(), "status": state.status, "fence": state.fence}
        return Write(Unchanged(state), {**changes, **_forgotten(state), "errors": with_action(errors, entry)})

    def _is_stuck(self, state: TaskState, now: datetime) -> bool:
        """Whether the task's worker has vanished, in this step or in one with unknown codes."""
        if is_live(state, self.config, now):
            return False
        in_another_step = state.status not in self.config.status_shards
        return state.status == self.config.in_progress_status or (
            in_another_step and (state.lock is not None or is_unlocked(state))
        )

    def _creation(self, now: datetime) -> dict[str, Any]:
        return {"create_time": now, "retry": 0, "data": self.initial_data or {}, "errors": {"history": []}}

    def _locking(self, token: str, now: datetime, lease: timedelta) -> dict[str, Any]:
        return {
            "status": self.config.in_progress_status,
            "lock": token,
            "lock_time": now,
            "lock_expire_time": now + lease,
            "update_time": now,
            "expire_at": Special.REMOVE,
            "update_count": Special.REMOVE,
            "fence": Special.INCREMENT,
        }

    def _status(self, status: int, now: datetime) -> dict[str, Any]:
        lifetime = self.config.ttl.get(status)
        return {
            "status": status,
            "update_time": now,
            "expire_at": Special.REMOVE if lifetime is None else now + lifetime,
        }

    def _releasing(self, state: TaskState, token: str, end: str | None = None) -> dict[str, Any]:
        ended = (token,) if end is None else (token, f"{END_MARK}{end}")
        locks = (*state.finished_locks, *ended)
        tokens = [place for place, each in enumerate(locks) if not each.startswith(END_MARK)]
        first = tokens[-KEPT_LOCKS] if len(tokens) > KEPT_LOCKS else 0
        return {**_UNLOCKED, "finished_locks": locks[first:]}

    def _attempt_counted(self, state: TaskState, now: datetime, *, hopeless: bool = False) -> dict[str, Any]:
        """Status and count after one more attempt without success."""
        retry = state.retry + 1
        status = self.config.failed_status
        if hopeless:
            status = self.config.ignored_status
        elif retry >= self.config.max_retry:
            status = self.config.exhausted_status
        return {**self._status(status, now), "retry": retry}

    def _renew(self, state: TaskState, now: datetime, lease: timedelta) -> TryWrite:
        """Continue our own acquire, whose answer was lost for longer than its lease: no attempt has vanished (R5)."""
        return TryWrite(Write(Unchanged(state), {"lock_expire_time": now + lease}))

    def _take_over(self, state: TaskState, token: str, now: datetime, lease: timedelta) -> TryWrite:
        errors, entry = without_postponements(state.errors), self._vanished(state, now)
        vanished = {**self._attempt_counted(state, now), "errors": with_failure(errors, entry)}
        error = None
        if vanished["status"] == self.config.failed_status or self.force:
            changes = {**vanished, **self._locking(token, now, lease), **_forgotten(state)}
        else:
            changes = {**self._releasing(state, token), **vanished, **_forgotten(state)}
            error = self._refuse.given_up(state, vanished["retry"])
        briefly = {**changes, "errors": with_only(errors, entry)}
        return TryWrite(Write(Unchanged(state), changes), error, brief=Write(Unchanged(state), briefly))

    def _vanished(self, state: TaskState, now: datetime) -> dict[str, Any]:
        """The history's entry for an attempt whose worker never reported back."""
        end = lease_end(state, self.config)
        if end is None:
            over = f"had no lease, and {_VANISHED}"
        elif now < end:
            over = f"held a lease until {end.isoformat()}, which another start was told to ignore"
        else:
            over = f"held a lease that ended at {end.isoformat()}, and {_VANISHED}"
        error = f"{LEASE_EXPIRED}('the worker {over}')"
        return failure(state.retry + 1, now.isoformat(), error, "")


def _edited(state: TaskState, edit: str) -> tuple[str, ...]:
    """The finished locks with the mark of a change by hand; of such marks the newest are kept."""
    marks = [each for each in state.finished_locks if each.startswith(EDIT_MARK)]
    dropped = marks[: -(KEPT_LOCKS - 1)]
    return (*(each for each in state.finished_locks if each not in dropped), f"{EDIT_MARK}{edit}")


def _forgotten(state: TaskState) -> dict[str, Any]:
    """Keep the token of a worker that never reported back, so that a late repetition of its acquire is refused."""
    if state.lock is None:
        return {}
    return {"vanished_locks": (*state.vanished_locks, state.lock)[-KEPT_LOCKS:]}


_members: Callable[[BaseExceptionGroup[BaseException]], Iterable[BaseException]]
_members = vars(BaseExceptionGroup)["exceptions"].__get__  # a subclass may say anything


def _is_of(kinds: tuple[type[BaseException], ...], error: BaseException) -> bool:
    """Whether the error, or one in its group, is of one of these kinds."""
    return any(issubclass(type(each), kinds) for each in _parts(error))


def _parts(error: BaseException) -> Iterator[BaseException]:
    """The error and all in its group, however deep."""
    waiting = [error]
    while waiting:
        each = waiting.pop()
        yield each
        if _is_group(each):
            waiting.extend(_members(each))


def _is_group(error: BaseException) -> TypeGuard[BaseExceptionGroup[BaseException]]:
    return issubclass(type(error), BaseExceptionGroup)  # its ``__class__`` may raise


def _asked_for(error: BaseException, now: datetime) -> timedelta | None:
    """How long the task shall wait by the error's `retry_after`, if that makes sense."""
    try:
        seconds = error.retry_after  # type: ignore[attr-defined]
        wait = timedelta(seconds=seconds) if is_number(seconds) and seconds > 0 else None
        return None if wait is None else (now + wait) - now
    except BaseException:  # noqa: BLE001  # the user's own attribute: absent, no number, endless, or raising anything
        return None
