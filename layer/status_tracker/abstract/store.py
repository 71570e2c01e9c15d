"""Carries the writes of the lifecycle out with nothing but `load` and `dump`.

Each write is atomic if `dump` raises `TrackerChangedError` when the stored state has changed since the object was
loaded. With a `dump` that only writes, two workers can both enter.
"""

from __future__ import annotations

import logging
import weakref
from collections.abc import Callable, Mapping
from typing import Any, Generic, TypeVar

from ..core.config import TrackerConfig
from ..core.port import StoreError, Unchanged, Write, WriteRejectedError, WriteResult, admits, changed, state_of
from ..core.retries import CONTENDED_ROUNDS
from ..core.state import TaskState
from ..core.trace import tell
from .declared import T_ID
from .errors import TrackerChangedError, TrackerNotStorableError, TrackerUnreadableError
from .fields import record_of, show
from .known import carry_changes, carry_unstored, exposed, is_known, loaded, note_values
from .model import TrackerModel

TrackerT = TypeVar("TrackerT", bound=TrackerModel)
ResultT = TypeVar("ResultT")

_OURS = __name__.rpartition(".")[0]
_read_anew: weakref.WeakSet[type[TrackerModel]] = weakref.WeakSet()
# The classes whose `load` has been seen to make a new object each time.


class TrackerStore(Generic[TrackerT]):
    """The store of one tracker.

    Args:
        worked_on: the object that a block works on. What was changed in it before the start is stored with that, and
            what the block changes with the success.
    """

    def __init__(
        self, tracker_class: type[TrackerT], task_id: T_ID, config: TrackerConfig, worked_on: TrackerT | None = None
    ) -> None:
        self._class = tracker_class
        self._id = task_id
        self._config = config
        self._worked_on = worked_on

    def read(self) -> TrackerT | None:
        task = self._class.load(self._id)
        if task is None:
            return None
        if task is self._worked_on or not self._is_read_anew(task):
            raise RuntimeError(
                f"{self._class.__name__}.load({self._id!r}) returned an object that it had returned before, as a "
                "session with an identity map does: what other workers have written is hidden in it. Let load() read "
                "the task into a new object each time, with a session of its own for example."
            )
        if not is_known(task):
            loaded(task)
        return task

    def create(self, task: TrackerT) -> WriteResult[TrackerT]:
        """Dump the tracker if there is none of its id."""

        def once() -> WriteResult[TrackerT]:
            stored = self._asked(self.read)
            if stored is not None:
                return WriteResult(applied=False, task=stored)
            self._asked(lambda: self._dump_whole(task))
            note_values(task)
            return WriteResult(applied=True, task=task)

        return self._undisturbed(once)

    def write(self, write: Write) -> WriteResult[TrackerT]:
        takes_users_values = "data" in write.changes or self._is_acquire(write)
        return self._write(write, self._worked_on if takes_users_values else None)

    def succeed(self, write: Write) -> WriteResult[TrackerT]:
        """As `write`, together with the block's changes of the tracker."""
        return self._write(write, self._worked_on)

    def remove(self, guard: Unchanged) -> WriteResult[TrackerT]:
        """Raises `TypeError`: of a tracker only `load` and `dump` are known."""
        raise TypeError(
            f"{self._class.__name__} {self._id!r} cannot be deleted here, since only its load() and dump() are known: "
            f"delete where they keep it, when nobody works on it ({guard.state.status} is its status)."
        )

    def state(self, task: TrackerT) -> TaskState:
        return state_of(record_of(task, self._config))

    def _write(self, write: Write, work: TrackerT | None) -> WriteResult[TrackerT]:
        """Load, ask the guard, dump."""

        def once() -> WriteResult[TrackerT]:
            task = self._asked(self.read)
            record = self._record(task)
            if task is None or not admits(record, write):
                return WriteResult(applied=False, task=task)
            new = changed(record, write)
            if work is not None:
                self._carry(write, work, task)
                new["data"] = task.data
            self._call_hooks(task, record or {}, new)
            show(task, new, self._config)
            self._dump(task, takes_users_values=work is not None)
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

    def _is_read_anew(self, task: TrackerT) -> bool:
        """Whether `load` makes a new object each time; asked for once of each class."""
        if not (self._class in _read_anew or self._class.load.__module__.startswith(_OURS)):
            if self._class.load(self._id) is task:
                return False
            _read_anew.add(self._class)
        return True

    @staticmethod
    def _is_acquire(write: Write) -> bool:
        return write.changes.get("lock") is not None

    def _carry(self, write: Write, work: TrackerT, task: TrackerT) -> None:
        """Set the user's values in the object to be dumped."""
        conflicts: list[str] = []
        try:
            if self._is_acquire(write):
                conflicts = carry_unstored(work, task)
            else:
                carry_changes(work, task)
        except Exception as error:  # a class of the user's refuses a value
            raise WriteRejectedError(self._not_storable(error)) from error
        if conflicts:
            tell(
                logging.WARNING,
                f"{self._class.__name__} {self._id!r}: {', '.join(conflicts)} had been changed on this object "
                "before it was started, and stored by somebody else since the object was loaded. What is stored stays.",
            )

    def _call_hooks(self, task: TrackerT, before: Mapping[str, Any], after: Mapping[str, Any]) -> None:
        """Call what a subclass may override: it may set further fields; the bookkeeping is set after it."""
        if before.get("lock") == after.get("lock"):
            return
        if after.get("lock") is not None:
            if self._class.lock_it is not TrackerModel.lock_it:
                task.lock_it(now=after["lock_time"], expire_time=after["lock_expire_time"])
            return
        try:
            task.unlock_it()
        except Exception as raised:  # noqa: BLE001  # the end is stored all the same: nothing is left locked
            tell(logging.ERROR, f"unlock_it of {self._class.__name__} {self._id!r} raised", raised)

    def _record(self, task: TrackerT | None) -> dict[str, Any] | None:
        try:
            return None if task is None else record_of(task, self._config)
        except TrackerUnreadableError as error:
            raise StoreError(error, transient=False) from error

    def _dump(self, task: TrackerT, *, takes_users_values: bool) -> None:
        try:
            self._asked(lambda: self._dump_whole(task))
        except StoreError as error:
            if takes_users_values and isinstance(error.cause, TypeError | ValueError | RecursionError):
                raise WriteRejectedError(self._not_storable(error.cause)) from error.cause
            raise

    def _dump_whole(self, task: TrackerT) -> None:
        with exposed(task, self.read):
            task.dump()

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
