"""What people do to a tracker: each action is recorded on it."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, Self

from ..core.config import TrackerConfig
from ..core.lifecycle import Lifecycle
from ..core.port import Write
from ..core.task import act
from .declared import T_ID
from .model import TrackerModel
from .store import TrackerStore


class TrackerActions(TrackerModel):
    """The deliberate actions.

    All of them take the `reason`, and `by` whom it was asked for, which are recorded in ``errors["actions"]``, and a
    `request_id`: the same action with the same id happens once; by default each call is one of its own.
    """

    @classmethod
    def rerun(cls, id: T_ID, *, reason: str, by: str | None = None, request_id: str | None = None) -> Self:  # noqa: A002
        """Make a task pending again whatever its status.

        Raises:
            TaskIsNotInitializedError: there is no such task.
            TaskLockedError: a worker holds it; wait until its lease ends.
            ValueError: the reason is empty, or the request id longer than 512 bytes.
        """
        return cls._act(Lifecycle.rerun, id, reason, by, request_id)

    @classmethod
    def ignore(cls, id: T_ID, *, reason: str, by: str | None = None, request_id: str | None = None) -> Self:  # noqa: A002
        """Set a task aside that is pending, failed or stuck.

        Raises:
            TaskIsNotInitializedError, TaskLockedError, ValueError: as for `rerun`.
            TaskAlreadySucceedError, TaskExhaustedError, TaskIgnoredError: it does not wait to be started.
        """
        return cls._act(Lifecycle.ignore, id, reason, by, request_id)

    @classmethod
    def cancel(cls, id: T_ID, *, reason: str, by: str | None = None, request_id: str | None = None) -> Self:  # noqa: A002
        """Set a task aside even while a worker holds it; see `TrackedTask.cancel`.

        Raises:
            TaskIsNotInitializedError, ValueError: as for `rerun`.
            TaskAlreadySucceedError, TaskExhaustedError, TaskIgnoredError: it does not wait to be started.
        """
        return cls._act(Lifecycle.cancel, id, reason, by, request_id)

    @classmethod
    def unignore(cls, id: T_ID, *, reason: str, by: str | None = None, request_id: str | None = None) -> Self:  # noqa: A002
        """Make a task pending again that is ignored or exhausted.

        Raises:
            TaskIsNotInitializedError, TaskLockedError, ValueError: as for `rerun`.
            TaskIsNotReadyToStartError: it is neither.
        """
        return cls._act(Lifecycle.unignore, id, reason, by, request_id)

    @classmethod
    def unlock(cls, id: T_ID, *, reason: str, by: str | None = None, request_id: str | None = None) -> Self:  # noqa: A002
        """Release the lock of a worker that is known to be gone, so that the next start takes the task over at once.

        If the worker is still alive, it gets `TaskLockLostError` and stores nothing.

        Raises:
            TaskIsNotInitializedError, ValueError: as for `rerun`.
            TaskIsNotReadyToStartError: nobody has locked it.
        """
        return cls._act(Lifecycle.unlock, id, reason, by, request_id)

    @classmethod
    def _act(
        cls, rule: Callable[..., Write], task_id: T_ID, reason: str, by: str | None, request_id: str | None
    ) -> Self:
        config = cls.get_config()
        rules, store = cls._rules(config, task_id), TrackerStore(cls, task_id, config)
        return act(store, rules, partial(rule, rules), rule.__name__, reason, by, request_id)

    @classmethod
    def _rules(cls, config: TrackerConfig, task_id: T_ID, **settings: Any) -> Lifecycle:
        config.make_key(str(task_id) if isinstance(task_id, int) else task_id)  # refuses what no backend takes (R16)
        startable = config.startable_statuses(None)
        return Lifecycle(config, config.use_case_id, str(task_id), startable=startable, **settings)
