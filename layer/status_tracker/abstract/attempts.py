"""One `start` of a tracker, as its methods `mark_as_…` see it: they begin and end it when `start` calls them."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any, Generic, TypeVar

from ..core.errors import TaskLockedError
from ..core.execution import Execution, ExecutionContext
from ..core.lifecycle import Lifecycle
from ..core.trace import tell
from .clock import ClockFrom
from .model import TrackerModel
from .store import TrackerStore
from .trace import TrackerTrace

TrackerT = TypeVar("TrackerT", bound=TrackerModel)


class TrackerExecution(Execution[TrackerT]):
    """An execution that tells in abstract_tracker's words, and asks `is_locked` where a subclass has its own."""

    def __init__(
        self,
        tracker: TrackerT,
        store: TrackerStore[TrackerT],
        rules: Lifecycle,
        lease: timedelta,
        *,
        heartbeat: float | None,
        debug: bool,
    ) -> None:
        super().__init__(store, rules, lease, heartbeat=heartbeat, debug=debug)
        self._tracker = tracker
        self._trace = TrackerTrace(rules.config, rules, tracker.id, tracker.status, tracker.attempts, debug=debug)

    def _acquire(self) -> TrackerT:
        if type(self._tracker).is_locked is not TrackerModel.is_locked:
            self._ask_is_locked()
        return super()._acquire()

    def _ask_is_locked(self) -> None:
        """Whether the stored lock keeps this worker out is for the user's own method to say."""
        found, rules = self._store.read(), self._rules
        if found is None:
            return
        if not found.is_locked(lock=rules.known_lock, now=rules.config.now()):
            self._rules = replace(rules, known_lock=found.lock)
        elif not rules.ignore_lock:
            raise TaskLockedError(
                f"{rules} is locked, as {type(found).__name__}.is_locked says.",
                use_case_id=rules.use_case_id,
                task_id=rules.task_id,
                status=found.status,
            )


class Attempt(Generic[TrackerT]):
    """What `start` and the methods that it calls share.

    Args:
        execution: makes the execution, given the lease in seconds or None for the class's own.
        clock: the clock that a given `now` has stopped until the attempt begins.
    """

    def __init__(self, execution: Callable[[float | None], Execution[TrackerT]], clock: ClockFrom | None) -> None:
        self._make = execution
        self._clock = clock
        self._process = os.getpid()
        self._execution: Execution[TrackerT]
        self.context: ExecutionContext[TrackerT] | None = None
        self.token: str | None = None
        self.is_open = False
        self.takes_marks = True
        """Whether `start` is calling the tracker's methods; what the block calls itself is for another attempt."""

    @property
    def is_ours(self) -> bool:
        """Whether this is the process that started; a forked child has no attempt to tell of."""
        return os.getpid() == self._process

    @property
    def is_stored(self) -> bool:
        return self.context is not None and self._execution.is_stored

    def begin(self, expire: float | None) -> ExecutionContext[TrackerT]:
        """Acquire the task, unless that is done."""
        if self.context is None:
            self._execution = self._make(expire)
            self.context = self._execution.__enter__()
            self.is_open = True
            self.token = self.context.task.lock
            if self._clock is not None:
                self._clock.go()
        return self.context

    def end(self, error: BaseException | None = None) -> None:
        """Store the end, unless that is done."""
        if self.is_open:
            self.is_open = False
            kind = None if error is None else type(error)
            self._execution.__exit__(kind, error, None if error is None else error.__traceback__)

    @contextmanager
    def taking_marks(self) -> Iterator[None]:
        self.takes_marks = True
        try:
            yield
        finally:
            self.takes_marks = False


def told_of_its_failure(attempt: Attempt[Any], mark: Callable[[BaseException], None], error: BaseException) -> None:
    """Have the tracker mark the failure; what its own method raises does not replace the error (R8)."""
    try:
        if attempt.is_ours:
            with attempt.taking_marks():
                mark(error)
    except Exception as raised:  # noqa: BLE001  # the user's own method
        tell(logging.ERROR, "mark_as_failed_or_exhausted raised", raised)
    finally:
        attempt.end(error)
