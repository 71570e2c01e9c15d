"""The fingerprint of a task's state: the buttons of a page do nothing to a task that has changed since."""

from __future__ import annotations

import hashlib
from datetime import UTC

import status_tracker as st
from status_tracker.core.state import TaskState
from status_tracker_ops.widget.requests import ActionRequest


class ChangedError(Exception):
    """The task is no longer as its page showed it. `status`, `run`: what it has now."""

    def __init__(self, state: TaskState) -> None:
        super().__init__()
        self.status = state.status
        self.run = state.run


def fingerprint(state: TaskState) -> str:
    """The fingerprint of a task's state; updates by its worker and renewals of the lease do not change it.

    It is a hash, since nobody may see the token of the worker's lock.
    """
    when = state.update_time and state.update_time.astimezone(UTC).isoformat()
    told = repr((state.status, when, state.run, state.fence, state.lock))
    return hashlib.sha256(told.encode()).hexdigest()[:32]


def act_if_unchanged(task_class: type[st.BaseTask], asked: ActionRequest, *, reason: str, by: str) -> st.BaseTask:
    """Carry the request out if the task has the fingerprint of its page, by the very state that the write demands.

    A request that is on record already returns the task as it is now.

    Raises:
        ChangedError: the fingerprint is another one by now; nothing was changed.
        TaskExecutionError, ValueError: as the method of the action.
    """

    def unchanged(state: TaskState) -> None:
        # Where the rules do not allow it, they say why not.
        if fingerprint(state) != asked.fingerprint and task_class.allows(state, asked.action):
            raise ChangedError(state)

    acted = task_class.act_if(asked.task_id, asked.action, unchanged, reason=reason, by=by, request_id=asked.request_id)
    return acted.task
