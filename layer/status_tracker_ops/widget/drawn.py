"""Which state of a task a page was drawn of, so that its buttons do nothing to a task that has changed since."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import status_tracker as st
from status_tracker.core.task import act
from status_tracker.core.writes import TaskState, Write


class ChangedError(Exception):
    """The task is not as it was drawn any more. `status`, `run`: what it has now."""

    def __init__(self, state: TaskState) -> None:
        super().__init__()
        self.status = state.status
        self.run = state.run


def mark(state: TaskState) -> str:
    """Tells a state of a task from those before and after it; its worker's updates and renewals of its lease are none.

    A hash, since the token of the worker's lock is for nobody to see.
    """
    when = state.update_time and state.update_time.astimezone(UTC).isoformat()
    told = repr((state.status, when, state.run, state.fence, state.lock))
    return hashlib.sha256(told.encode()).hexdigest()[:32]


def act_as_drawn(
    model: type[st.BaseTask], action: str, task_id: str, drawn: str, *, reason: str, by: str, request_id: str
) -> st.BaseTask:
    """As the method `action` of the model, but only to a task of that mark, by the very state that the write demands.

    A request that is on record already gives the task as it is, whatever became of it.

    Raises:
        ChangedError: it has another one by now; nothing was changed.
        TaskExecutionError, ValueError: as the method.
    """
    rules = model._rules(task_id)
    rule = getattr(rules, action)

    def guarded(state: TaskState | None, now: datetime, record: Mapping[str, Any]) -> Write:
        write: Write = rule(state, now, record)
        if state is not None and mark(state) != drawn:
            raise ChangedError(state)
        return write

    return act(model._store(task_id), rules, guarded, action, reason, by, request_id)
