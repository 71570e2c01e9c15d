"""`BaseTask`: the model that users derive their steps from."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from typing import Any, Self

from ..errors import TaskAlreadyExistsError
from ..execution import Execution
from ..port import StoreError
from ..statuses import BaseStatusEnum
from .listing import TaskListing
from .operations import TaskOperations
from .store import DynamoStore


class BaseTask(TaskOperations, TaskListing):
    """A tracked task; a subclass is one step, with its `config`::

        class Step1(BaseTask):
            class Meta:
                table_name = "tasks"
                region = "us-east-1"
                billing_mode = "PAY_PER_REQUEST"

            status_and_update_time_index = StatusAndUpdateTimeIndex()
            config = TrackerConfig.make(...)

    The attributes of an item are those of `TaskItem`.
    """

    @classmethod
    def make_and_save(
        cls,
        task_id: str,
        data: dict[str, Any] | None = None,
        _use_case_id: str | None = None,
        _status: int | BaseStatusEnum | None = None,
        _shard_id: int | None = None,
        **kwargs: Any,
    ) -> Self:
        """Create a task; pending, unless `_status` says otherwise.

        Raises:
            TaskAlreadyExistsError: a task of that id exists; it was left as it is.
        """
        task, created = cls._create(cls.make(task_id, data, _use_case_id, _status, _shard_id, **kwargs))
        if created:
            return task
        raise TaskAlreadyExistsError(
            f"Task(use_case_id={task.use_case_id!r}, task_id={task.task_id!r}) exists already, with status "
            f"{task.status} ({task.status_name}), and was left as it is. "
            "Use get_or_create() for events that may come twice, rerun() to run it again.",
            use_case_id=task.use_case_id,
            task_id=task.task_id,
        )

    @classmethod
    def get_or_create(cls, task_id: str, data: dict[str, Any] | None = None, **kwargs: Any) -> tuple[Self, bool]:
        """The stored task, and whether this call has created it. For events that are delivered at least once."""
        return cls._create(cls.make(task_id, data, **kwargs))

    @classmethod
    def start(
        cls,
        task_id: str,
        more_pending_status: int | Iterable[int] | None = None,
        detailed_error: bool = False,  # noqa: ARG003  # the seeds' argument: the exact reason is always given
        debug: bool = False,
        *,
        create: bool = False,
        data: dict[str, Any] | None = None,
        lock_expire_seconds: float | None = None,
        heartbeat: float | None = None,
    ) -> Execution[Self]:
        """Hold the task while the block works on it, and store what became of it.

        The task is in progress inside the block. Leaving the block makes it succeeded; an exception makes it failed,
        or ignored after `max_retry` failures in a row, and goes on to the caller.

        Args:
            more_pending_status: further codes to start from; replaces those of the config.
            detailed_error: accepted, and changes nothing: the exact reason of a refusal is always given.
            debug: show on the console what happens.
            create: make the task if there is none, in the same request.
            data: with `create`, the data of the task that is made. An existing task keeps its own (an item that has
                no attribute `data` at all, which neither this library nor pynamodb_mate writes, is given it).
            lock_expire_seconds: the lease of this attempt; by default the config's.
            heartbeat: renew the lease every so many seconds, from a thread, until the block ends. Best a third
                of the lease. By default the block renews it with `ctx.extend_lock()`, or it ends.

        Raises:
            TaskIsNotInitializedError, TaskLockedError, TaskAlreadySucceedError, TaskIgnoredError, TaskNotDueError:
                why it cannot be started now; all are `TaskIsNotReadyToStartError`, which is itself raised for a
                task whose status belongs to another step.
            TaskLockLostError: at the end, another worker had taken the task over; nothing of this one was stored.
            StatusNotSavedError: at the end, the store did not answer while the lease lasted.
            TaskTransactionError: at the end, what was to be stored with the success was refused; the attempt failed.
            TaskDataTooLargeError: `data` does not fit into the task's item.
            pynamodb.exceptions.UpdateError: at the beginning, DynamoDB could not be asked.
        """
        config = cls.config
        rules = cls._rules(
            task_id, startable=config.startable_statuses(more_pending_status), create=create, initial_data=data
        )
        if data is not None:
            rules.check_data(data)
        store = DynamoStore(cls, cls.make_key(task_id))
        return Execution(store, rules, config.lease(lock_expire_seconds), heartbeat=heartbeat, debug=debug)

    @classmethod
    def _create(cls, task: Self) -> tuple[Self, bool]:
        """The stored task, and whether it is this one; a repeated request is known by its `create_token` (R5)."""
        cls._rules(task.task_id).check_data(task.data or {})
        task.create_token = uuid.uuid4().hex
        try:
            answer = DynamoStore(cls, task.key).create(task)
        except StoreError as error:
            raise error.cause from error
        stored = task if answer.task is None else answer.task
        return stored, stored.create_token == task.create_token
