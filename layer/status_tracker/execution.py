"""The one `start` context manager, over a small store port; every backend runs through it."""

from __future__ import annotations

import json
import random
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import TracebackType
from typing import Any, Generic, Protocol, TypeVar

from .errors import StatusNotSavedError, TaskIsNotReadyToStartError, TaskLockedError, TaskLockLostError
from .lifecycle import Lifecycle, is_finished_by, lease_end
from .trace import Trace
from .writes import AlreadyOurs, Attempt, Refused, TaskState, Write

TaskT = TypeVar("TaskT")

_CONTENDED_ROUNDS = 10
_FIRST_PAUSE = 0.1
_LONGEST_PAUSE = 5.0


@dataclass(frozen=True, slots=True)
class Answer(Generic[TaskT]):
    """A store's answer to a write.

    Attributes:
        applied: whether the guard held and the changes were stored.
        task: the task as it stands: after the write, or as it was when the write was refused; None if there is none.
    """

    applied: bool
    task: TaskT | None


class StoreError(Exception):
    """A store could not carry a write out, or cannot tell whether it did.

    Attributes:
        cause: the backend's own exception.
        transient: whether the same write may go through later.
    """

    def __init__(self, cause: Exception, *, transient: bool) -> None:
        super().__init__(str(cause))
        self.cause = cause
        self.transient = transient


class Store(Protocol[TaskT]):
    """What a backend gives for one task: it holds no rule, and carries out each write in one atomic step."""

    def write(self, write: Write) -> Answer[TaskT]:
        """Store the changes if the guard holds. Raises `StoreError`."""
        ...

    def state(self, task: TaskT) -> TaskState:
        """What the rules need to know of a task that this store answered."""
        ...


class ExecutionContext(Generic[TaskT]):
    """What the block of a `with ….start(…) as ctx` works with.

    Attributes:
        task: the task as it was stored last; after the block, as the block's end stored it.
        pending_data: what `set_data` was given and is not stored yet; None if nothing.
    """

    def __init__(self, task: TaskT, execution: Execution[TaskT]) -> None:
        self.task = task
        self._execution = execution
        self.pending_data: dict[str, Any] | None = None

    @property
    def fence(self) -> int:
        """A number that grows with every acquire of this task: downstream, refuse what comes with a smaller one."""
        return self._execution.fence

    def set_data(self, data: dict[str, Any] | None) -> ExecutionContext[TaskT]:
        """Set the data that is stored with the success; dropped if the block fails.

        Args:
            data: anything JSON can hold; it replaces the stored data. None stands for no data, ``{}``.

        Raises:
            TypeError, ValueError: JSON cannot hold it.
        """
        json.dumps(data)
        self.pending_data = {} if data is None else data
        return self

    def update(self) -> None:
        """Store what was set with `set_data` now, before the block ends.

        Raises:
            TaskLockLostError: another worker has taken the task over; nothing was stored.
            StatusNotSavedError: the store did not answer while the lease lasted.
        """
        if self.pending_data is not None:
            self._execution.update(self.pending_data)
            self.pending_data = None

    def extend_lock(self, seconds: float | None = None) -> None:
        """Renew the lease: it then ends `seconds` from now (by default the lease this attempt started with).

        Raises:
            TaskLockLostError, StatusNotSavedError: as of `update`.
        """
        self._execution.extend(seconds)


class Execution(Generic[TaskT]):
    """One attempt at a task: acquires on entering, finishes on leaving."""

    def __init__(
        self,
        store: Store[TaskT],
        rules: Lifecycle,
        lease: timedelta,
        *,
        debug: bool = False,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._store = store
        self._rules = rules
        self._lease = lease
        self._sleep = sleep
        self._token = uuid.uuid4().hex
        self._trace = Trace(rules.config, rules, debug=debug)
        self._lock_lost = False
        self._lease_end: datetime
        self._state: TaskState
        self._context: ExecutionContext[TaskT]

    @property
    def fence(self) -> int:
        return self._state.fence

    def __enter__(self) -> ExecutionContext[TaskT]:
        self._trace.starting()
        try:
            task = self._acquire()
        except TaskIsNotReadyToStartError as refusal:
            self._trace.refused(refusal)
            raise
        self._state = self._store.state(task)
        self._lease_end = lease_end(self._state, self._rules.config) or self._now()
        self._context = ExecutionContext(task, self)
        self._trace.acquired()
        return self._context

    def __exit__(
        self, _kind: type[BaseException] | None, error: BaseException | None, _traceback: TracebackType | None
    ) -> None:
        if error is None:
            self._finish(self._rules.succeed(self._state, self._token, self._now(), self._context.pending_data))
        else:
            self._finish_failed(error)

    def update(self, data: Mapping[str, Any]) -> None:
        self._context.task = self._write_held(self._rules.update(self._token, data))

    def extend(self, seconds: float | None) -> None:
        now = self._now()
        lease = self._lease if seconds is None else self._rules.config.lease(seconds)
        self._context.task = self._write_held(self._rules.extend(self._token, now, lease))
        self._lease_end = now + lease

    def _now(self) -> datetime:
        return self._rules.config.now()

    def _acquire(self) -> TaskT:
        attempt = Attempt(self._rules.acquire(self._token, self._now(), self._lease))
        for _ in range(_CONTENDED_ROUNDS):
            try:
                answer = self._store.write(attempt.write)
            except StoreError as error:
                raise error.cause from error
            if answer.applied and attempt.error is not None:
                raise attempt.error
            if answer.applied and answer.task is not None:
                return answer.task
            state = None if answer.task is None else self._store.state(answer.task)
            verdict = self._rules.judge(state, self._token, self._now(), self._lease)
            if isinstance(verdict, Refused):
                raise verdict.error
            if isinstance(verdict, AlreadyOurs) and answer.task is not None:
                return answer.task
            if isinstance(verdict, Attempt):
                attempt = verdict
        raise TaskLockedError(
            f"{self._rules} changed hands {_CONTENDED_ROUNDS} times while this worker tried to start it: try later.",
            use_case_id=self._rules.use_case_id,
            task_id=self._rules.task_id,
        )

    def _finish(self, write: Write) -> None:
        self._context.task = self._write_held(write, finishing=True)
        self._trace.finished(write.changes["status"], write.changes["retry"])

    def _finish_failed(self, error: BaseException) -> None:
        if self._lock_lost:
            return
        try:
            self._finish(self._rules.fail(self._state, self._token, self._now(), error))
        except (TaskLockLostError, StatusNotSavedError) as unsaved:
            error.add_note(str(unsaved))

    def _write_held(self, write: Write, *, finishing: bool = False) -> TaskT:
        answer = self._persist(write)
        if answer.task is not None and (answer.applied or (finishing and self._has_finished(answer.task))):
            return answer.task
        self._lock_lost = True
        self._trace.lost()
        raise TaskLockLostError(
            f"{self._rules} is not held by this worker any more: its lease ended at {self._lease_end.isoformat()} and "
            "another worker took the task over. Nothing was stored; whoever holds it now decides its status.",
            use_case_id=self._rules.use_case_id,
            task_id=self._rules.task_id,
        )

    def _has_finished(self, task: TaskT) -> bool:
        return is_finished_by(self._store.state(task), self._token)

    def _persist(self, write: Write) -> Answer[TaskT]:
        """Repeat a write that got no answer, as long as the lease lasts (R6)."""
        longest = _FIRST_PAUSE
        while True:
            try:
                return self._store.write(write)
            except StoreError as error:
                pause = random.uniform(0, longest)  # noqa: S311  # jitter, no secret
                if not error.transient or self._now() + timedelta(seconds=pause) >= self._lease_end:
                    self._trace.not_saved()
                    raise self._not_saved(error) from error.cause
            self._sleep(pause)
            longest = min(2 * longest, _LONGEST_PAUSE)

    def _not_saved(self, error: StoreError) -> StatusNotSavedError:
        return StatusNotSavedError(
            f"What became of {self._rules} could not be stored ({error}). "
            f"It stays in progress until {self._lease_end.isoformat()}, and is then taken over as a vanished attempt.",
            use_case_id=self._rules.use_case_id,
            task_id=self._rules.task_id,
        )
