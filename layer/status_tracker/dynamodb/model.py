"""`BaseTask`: the model that users derive their steps from."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
from typing import Any, Self, TypeVar

from ..errors import TaskAlreadyExistsError
from ..execution import Execution, StoreError
from ..lifecycle import Lifecycle, is_recorded
from ..statuses import BaseStatusEnum, ensure_status_value
from .item import TaskItem
from .query import TaskQuery, count_keys, delete_keys, query_by_status
from .store import DynamoStore, state_of

TaskT = TypeVar("TaskT", bound="BaseTask")


class BaseTask(TaskItem):
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
            f"{cls._rules(task_id)} exists already, with status {task.status} ({task.status_name}), and was left as "
            "it is. Use get_or_create() for events that may come twice, rerun() to run it again.",
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
    ) -> Execution[Self]:
        """Hold the task while the block works on it, and store what became of it.

        The task is in progress inside the block. Leaving the block makes it succeeded; an exception makes it failed,
        or ignored after `max_retry` failures in a row, and goes on to the caller.

        Args:
            more_pending_status: further codes to start from; replaces those of the config.
            detailed_error: accepted, and changes nothing: the exact reason of a refusal is always given.
            debug: show on the console what happens.
            create: make the task if there is none, in the same request.
            data: with `create`, the data of the task that is made.
            lock_expire_seconds: the lease of this attempt; by default the config's.

        Raises:
            TaskIsNotInitializedError, TaskLockedError, TaskAlreadySucceedError, TaskIgnoredError, TaskNotDueError:
                why it cannot be started now; all are `TaskIsNotReadyToStartError`, which is itself raised for a
                task whose status belongs to another step.
            TaskLockLostError: at the end, another worker had taken the task over; nothing of this one was stored.
            StatusNotSavedError: at the end, the store did not answer while the lease lasted.
            pynamodb.exceptions.UpdateError: at the beginning, DynamoDB could not be asked.
        """
        config = cls.config
        rules = cls._rules(
            task_id,
            startable=config.startable_statuses(more_pending_status),
            create=create,
            initial_data=data,
        )
        return Execution(DynamoStore(cls, cls.make_key(task_id)), rules, config.lease(lock_expire_seconds), debug=debug)

    @classmethod
    def rerun(cls, task_id: str, *, reason: str, by: str | None = None) -> Self:
        """Make a task pending again, so that this step is deliberately run again, whatever became of it.

        Its history stays; who asked and why is appended to ``errors["actions"]``, and `run` grows by one.

        Args:
            reason: why, in words; it must not be empty.
            by: who asked for it.

        Raises:
            TaskIsNotInitializedError: there is no such task.
            TaskLockedError: a worker holds it; wait until its lease ends.
            TaskIsNotReadyToStartError: it has not come as far as this step.
        """
        if not reason.strip():
            raise ValueError("reason is empty: say why the task is run again; it is recorded on the task.")
        rules, store = cls._rules(task_id), DynamoStore(cls, cls.make_key(task_id))
        record = {"action": "rerun", "id": uuid.uuid4().hex, "reason": reason, "by": by}
        task = store.read()
        while True:
            write = rules.rerun(None if task is None else state_of(task), cls.config.now(), record)
            try:
                answer = store.write(write)
            except StoreError as error:
                raise error.cause from error
            task = answer.task
            if task is not None and (answer.applied or is_recorded(state_of(task), record)):
                return task

    @classmethod
    def query_by_status(
        cls,
        status: int | BaseStatusEnum | Sequence[int | BaseStatusEnum],
        limit: int | None = 10,
        older_task_first: bool = True,
        auto_refresh: bool = False,
        use_case_id: str | None = None,
    ) -> TaskQuery[Self]:
        """The tasks of a status, or of several, in the order of `update_time` over all shards.

        Args:
            limit: at most so many of each status; None for all.
            older_task_first: False for the newest first.
            auto_refresh: read each task whole; otherwise `data` and `errors` hold their defaults.
            use_case_id: by default the config's.
        """
        statuses = [status] if isinstance(status, int) else status
        codes = list(dict.fromkeys(ensure_status_value(each) for each in statuses))
        if use_case_id is None:
            use_case_id = cls.config.use_case_id
        return query_by_status(cls, codes, use_case_id, limit=limit, older_first=older_task_first, refresh=auto_refresh)

    @classmethod
    def query_for_unfinished(
        cls,
        limit: int | None = 10,
        older_task_first: bool = True,
        auto_refresh: bool = False,
        use_case_id: str | None = None,
    ) -> TaskQuery[Self]:
        """The tasks that wait to be started: pending or failed. The arguments are those of `query_by_status`."""
        statuses = [cls.config.pending_status, cls.config.failed_status]
        return cls.query_by_status(statuses, limit, older_task_first, auto_refresh, use_case_id)

    @classmethod
    def count_tasks_by_use_case_id(cls, use_case_id: str | None = None) -> int:
        """How many tasks a use case has. Reads the whole table: slow and dear on a large one."""
        return count_keys(cls, cls._key_prefix(use_case_id))

    @classmethod
    def delete_tasks_by_use_case_id(cls, use_case_id: str | None = None) -> int:
        """Delete all tasks of a use case; returns how many. Reads the whole table: slow and dear on a large one."""
        return delete_keys(cls, cls._key_prefix(use_case_id))

    @classmethod
    def delete_all(cls) -> int:
        """Delete every item of the table, of all use cases; returns how many."""
        return delete_keys(cls, prefix=None)

    @classmethod
    def _create(cls, task: Self) -> tuple[Self, bool]:
        """The stored task, and whether it is this one; a repeated request is known by its `create_token` (R5)."""
        task.create_token = uuid.uuid4().hex
        try:
            answer = DynamoStore(cls, task.key).create(task)
        except StoreError as error:
            raise error.cause from error
        stored = task if answer.task is None else answer.task
        return stored, stored.create_token == task.create_token

    @classmethod
    def _rules(cls, task_id: str, **settings: Any) -> Lifecycle:
        return Lifecycle(cls.config, cls.config.use_case_id, task_id, **settings)

    @classmethod
    def _key_prefix(cls, use_case_id: str | None) -> str:
        if use_case_id is None:
            use_case_id = cls.config.use_case_id
        cls.config.check_use_case_id(use_case_id)
        return f"{use_case_id}{cls.config.sep}"
