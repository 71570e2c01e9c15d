"""What people do to tasks deliberately; each is recorded on the task: what, why, by whom, when."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Self, TypeAlias

from ..errors import TaskLockedError
from ..history import MAX_DATA_BYTES
from ..lifecycle import Lifecycle, is_recorded
from ..port import StoreError
from ..writes import TaskState, Write
from .item import TaskItem
from .store import DynamoStore, state_of

_CONTENDED_ROUNDS = 10

_Rule: TypeAlias = Callable[[TaskState | None, datetime, Mapping[str, Any]], Write]


class TaskOperations(TaskItem):
    """Rerun, ignore, un-ignore and unlock.

    Each takes `reason`, in words, which must not be empty, and `by`, who asked for it. Both are appended to
    ``errors["actions"]``, of which the newest twenty are kept; the history of failures stays.

    Each raises `TaskIsNotInitializedError` where there is no such task, and changes nothing where it raises.
    """

    @classmethod
    def rerun(cls, task_id: str, *, reason: str, by: str | None = None) -> Self:
        """Make a task pending again, so that this step is deliberately run again, whatever became of it.

        `run` grows by one.

        Raises:
            TaskLockedError: a worker holds it; wait until its lease ends.
            TaskIsNotReadyToStartError: it has not come as far as this step.
        """
        return cls._act(cls._rules(task_id).rerun, task_id, "rerun", reason, by)

    @classmethod
    def ignore(cls, task_id: str, *, reason: str, by: str | None = None) -> Self:
        """Set a task aside that is pending, failed or stuck in this step.

        Raises:
            TaskLockedError: a worker holds it; wait until its lease ends.
            TaskAlreadySucceedError, TaskIgnoredError, TaskIsNotReadyToStartError: it does not wait in this step.
        """
        return cls._act(cls._rules(task_id).ignore, task_id, "ignore", reason, by)

    @classmethod
    def unignore(cls, task_id: str, *, reason: str, by: str | None = None) -> Self:
        """Make an ignored task pending again; `run` grows by one.

        Raises:
            TaskIsNotReadyToStartError: it is not ignored in this step.
        """
        return cls._act(cls._rules(task_id).unignore, task_id, "unignore", reason, by)

    @classmethod
    def unlock(cls, task_id: str, *, reason: str, by: str | None = None) -> Self:
        """Take the lock from a worker that is known to be gone, so that the next start takes the task over at once.

        Should the worker live after all, it gets `TaskLockLostError` and stores nothing.

        Raises:
            TaskIsNotReadyToStartError: nobody has locked it.
        """
        return cls._act(cls._rules(task_id).unlock, task_id, "unlock", reason, by)

    @classmethod
    def _act(cls, rule: _Rule, task_id: str, action: str, reason: str, by: str | None) -> Self:
        if not reason.strip():
            raise ValueError(f"reason is empty: say why ({action} of {task_id!r}); it is recorded on the task.")
        record = {"action": action, "id": uuid.uuid4().hex, "reason": reason, "by": by}
        rules, store = cls._rules(task_id), DynamoStore(cls, cls.make_key(task_id))
        task = store.read()
        for _ in range(_CONTENDED_ROUNDS):
            state = None if task is None else state_of(task)
            if task is not None and state is not None and is_recorded(state, record):
                return task
            try:
                answer = store.write(rule(state, cls.config.now(), record))
            except StoreError as error:
                raise error.cause from error
            task = answer.task
            if answer.applied and task is not None:
                return task
        raise TaskLockedError(f"{rules} changed {_CONTENDED_ROUNDS} times while it was to be changed: try again.")

    @classmethod
    def _rules(cls, task_id: str, **settings: Any) -> Lifecycle:
        return Lifecycle(cls.config, cls.config.use_case_id, task_id, max_data_bytes=MAX_DATA_BYTES, **settings)
