"""Carries the writes of the lifecycle out with nothing but `load` and `dump`.

Each write is atomic if `dump` raises `TrackerChangedError` when the stored state has changed since the object was
loaded. With a `dump` that only writes, two workers can both enter.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, TypeVar

from ..core.config import TrackerConfig
from ..core.guards import admits, changed, state_of
from ..core.port import StoreError, Write, WriteRejectedError, WriteResult
from ..core.retries import CONTENDED_ROUNDS
from ..core.state import TaskState
from .errors import TrackerChangedError, TrackerNotStorableError, TrackerUnreadableError
from .fields import T_ID, further_fields, record_of, show
from .model import TrackerModel

TrackerT = TypeVar("TrackerT", bound=TrackerModel)
ResultT = TypeVar("ResultT")


class TrackerStore(Generic[TrackerT]):
    """The store of one tracker.

    Args:
        worked_on: the object that a block works on; its data and further fields are stored with the success.
    """

    def __init__(
        self, tracker_class: type[TrackerT], task_id: T_ID, config: TrackerConfig, worked_on: TrackerT | None = None
    ) -> None:
        self._class = tracker_class
        self._id = task_id
        self._config = config
        self._worked_on = worked_on

    def read(self) -> TrackerT | None:
        return self._class.load(self._id)

    def create(self, task: TrackerT) -> WriteResult[TrackerT]:
        """Dump the tracker if there is none of its id."""

        def once() -> WriteResult[TrackerT]:
            stored = self._asked(self.read)
            if stored is not None:
                return WriteResult(applied=False, task=stored)
            self._asked(task.dump)
            return WriteResult(applied=True, task=task)

        return self._undisturbed(once)

    def write(self, write: Write) -> WriteResult[TrackerT]:
        return self._write(write, self._worked_on if "data" in write.changes else None)

    def succeed(self, write: Write) -> WriteResult[TrackerT]:
        """As `write`, together with the block's changes of the tracker."""
        return self._write(write, self._worked_on)

    def state(self, task: TrackerT) -> TaskState:
        return state_of(record_of(task, self._config))

    def _write(self, write: Write, work: TrackerT | None) -> WriteResult[TrackerT]:
        """Load, ask the guard, dump."""

        def once() -> WriteResult[TrackerT]:
            task = self._asked(self.read)
            record = self._record(task)
            if task is None or not admits(record, write):
                return WriteResult(applied=False, task=task)
            show(task, changed(record, write), self._config)
            self._dump(task, work)
            return WriteResult(applied=True, task=task)

        return self._undisturbed(once)

    def _undisturbed(self, once: Callable[[], WriteResult[TrackerT]]) -> WriteResult[TrackerT]:
        """Run it, and again whenever somebody else has written between its load and its dump."""
        for _ in range(CONTENDED_ROUNDS):
            try:
                return once()
            except TrackerChangedError as error:
                contended = error
        raise StoreError(contended, transient=True) from contended

    def _record(self, task: TrackerT | None) -> dict[str, Any] | None:
        try:
            return None if task is None else record_of(task, self._config)
        except TrackerUnreadableError as error:
            raise StoreError(error, transient=False) from error

    def _dump(self, task: TrackerT, work: TrackerT | None) -> None:
        if work is None:
            self._asked(task.dump)
            return
        task.data = work.data
        for name, value in further_fields(work).items():
            setattr(task, name, value)
        try:
            self._asked(task.dump)
        except StoreError as error:
            if isinstance(error.cause, TypeError | ValueError | RecursionError):
                raise WriteRejectedError(self._not_storable(error.cause)) from error.cause
            raise

    def _asked(self, call: Callable[[], ResultT]) -> ResultT:
        try:
            return call()
        except TrackerChangedError:
            raise
        except Exception as error:
            raise StoreError(error, transient=self._class.is_transient(error)) from error

    def _not_storable(self, error: Exception) -> TrackerNotStorableError:
        return TrackerNotStorableError(
            f"The data or a further field of {self._class.__name__} {self._id!r} cannot be stored: {error}. "
            "Keep there what dump() can write, JSON values for example.",
            use_case_id=self._config.use_case_id,
            task_id=str(self._id),
        )
