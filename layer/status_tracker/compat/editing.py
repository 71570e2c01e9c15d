"""`update_context`: changes that people make to a task by hand, in one write."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from copy import deepcopy
from datetime import datetime
from typing import Any, Self

from ..core.config import BaseStatusEnum, TrackerConfig, ensure_status_value
from ..core.errors import TaskLockedError
from ..core.history import MAX_DATA_BYTES, json_size
from ..core.lifecycle import Lifecycle
from ..core.port import Special
from ..core.retries import CONTENDED_ROUNDS, new_end, repeated, sleep_of
from ..core.state import is_edited_by
from .item import TrackerItem
from .store import EditStore


class EditableTracker(TrackerItem):
    """A tracker whose attributes can be set by hand, within `update_context`."""

    _edits: dict[str, Any] | None = None
    _own_lock: str | None = None

    @contextmanager
    def update_context(self) -> Iterator[Self]:
        """Store what the setters set in the block, in one write at its end; if it raises, nothing, and take it back.

        For work use `start`, which decides all of it by the rules. This is for people who mend a task.

        Raises:
            RuntimeError: the tracker is within a block of `start`, or of this.
            TaskIsNotInitializedError: the task is not stored.
            TaskLockedError: a worker holds it; a lock of this tracker's own `set_locked` does not count.
        """
        self._check_no_block()
        before, self._edits = deepcopy(self.attribute_values), {}
        try:
            yield self
            edits, self._edits = self._edits, None
            if edits:
                self._store_edits(edits)
        except BaseException:
            self.attribute_values = before
            raise
        finally:
            self._edits = None

    def set_status(self, status: int | BaseStatusEnum) -> Self:
        """Within `update_context`: set the status."""
        code = ensure_status_value(status)
        self._edit(status=code)
        self.value = self.make_value(code, self.job_id)
        return self

    def set_update_time(self, update_time: datetime | None = None) -> Self:
        """Within `update_context`: set the time by which the task is listed; by default the present."""
        moment = self._config(self.job_id).now() if update_time is None else update_time
        self._edit(update_time=moment)
        self.update_time = moment
        return self

    def set_retry_as_zero(self) -> Self:
        """Within `update_context`: forget the failures in a row."""
        self._edit(retry=0)
        self.retry = 0
        return self

    def set_retry_plus_one(self) -> Self:
        """Within `update_context`: count one more failure."""
        self._edit(retry=Special.INCREMENT)
        self.retry = (self.retry or 0) + 1
        return self

    def set_locked(self) -> Self:
        """Within `update_context`: keep workers out for LOCK_EXPIRE_SECONDS."""
        token, now = uuid.uuid4().hex, self._config(self.job_id).now()
        self._edit(lock=token, lock_time=now, lock_expire_time=Special.REMOVE)
        self._own_lock = self.lock = token
        self.lock_time, self.lock_expire_time = now, None
        return self

    def set_unlock(self) -> Self:
        """Within `update_context`: release the lock of this tracker's own `set_locked`, or of a vanished worker."""
        self._edit(lock=None, lock_expire_time=Special.REMOVE)
        self.lock = self.lock_expire_time = None
        return self

    def set_errors(self, errors: dict[str, Any] | None) -> Self:
        """Within `update_context`: replace the errors, with the history and the actions on record."""
        json_size(errors)
        self._edit(errors=errors or {})
        self.errors = errors or {}
        return self

    def _edit_data(self, data: dict[str, Any] | None) -> Self:
        self._rules(self._config(self.job_id), self).check_data(data or {})
        self._edit(data=data or {})
        self.data = data or {}
        return self

    def _edit(self, **changes: Any) -> None:
        if self._edits is None:
            raise RuntimeError(
                f"Task {self.key!r} is not being changed by hand: call this setter within update_context(). "
                "A block of start() stores status, lock, retry and errors by the rules."
            )
        self._edits.update(changes)

    def _check_no_block(self) -> None:
        if self._edits is not None:
            raise RuntimeError(f"Task {self.key!r} is being changed by hand already: one update_context at a time.")

    def _store_edits(self, edits: dict[str, Any]) -> None:
        config = self._config(self.job_id)
        rules = self._rules(config, self, known_lock=self._own_lock)
        edit = new_end()
        store = EditStore(type(self), self.key, edit)
        task = store.read()
        for _ in range(CONTENDED_ROUNDS):
            write = rules.edit(None if task is None else store.state(task), config.now(), edits, edit)
            answer = repeated(lambda write=write: store.write(write), sleep_of(config.clock))  # type: ignore[misc]
            task = answer.task
            stored = answer.applied or (task is not None and is_edited_by(store.state(task), edit))
            if stored and task is not None:
                self._show(task)
                return
        raise TaskLockedError(f"{rules} changed {CONTENDED_ROUNDS} times while it was to be changed: try again.")

    @classmethod
    def _rules(cls, config: TrackerConfig, task: Self, **settings: Any) -> Lifecycle:
        return Lifecycle(config, task.job_id, task.task_id, max_data_bytes=MAX_DATA_BYTES, **settings)

    def _show(self, task: Self) -> None:
        self.attribute_values = task.attribute_values
