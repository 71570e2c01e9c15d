"""Which state of a task a page was drawn of, so that its buttons do nothing to a task that has changed since."""

from __future__ import annotations

import hashlib
from datetime import UTC

import status_tracker as st
from status_tracker.core.state import TaskState


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

    def unchanged(state: TaskState) -> None:
        if mark(state) != drawn and model.allows(state, action):  # else the rule says why not
            raise ChangedError(state)

    return model.act_if(task_id, action, unchanged, reason=reason, by=by, request_id=request_id).task
