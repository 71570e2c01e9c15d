"""`BaseStatusTracker`: the model that users of pynamodb_mate 5 derive their trackers from."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from copy import deepcopy
from datetime import timedelta
from types import TracebackType
from typing import Any, Generic, Self, TypeVar

from pynamodb.expressions.condition import Condition

from ..core.config import BaseStatusEnum, as_status_codes
from ..core.execution import Execution, ExecutionContext
from ..core.history import comparable
from ..core.lifecycle import Lifecycle
from ..core.signals import Whole
from ..core.state import pending_as_found
from ..core.task import act, create
from ..dynamodb.index import StatusAndUpdateTimeIndex, index_of
from ..dynamodb.query import Selection, TaskQuery, merged
from .editing import EditableTracker
from .store import TrackerStore
from .trace import TrackerTrace

TrackerT = TypeVar("TrackerT", bound="BaseStatusTracker")


class BaseStatusTracker(EditableTracker):
    """A tracked task; a subclass is the settings of one job, or of several::

        class Tracker(BaseStatusTracker):
            class Meta:
                table_name = "tasks"
                region = "us-east-1"

            status_and_update_time_index = StatusAndUpdateTimeIndex()
            JOB_ID = "test-job"
            STATUS_ENUM = StatusEnum

    It differs from v5 where the rules of `docs/lifecycle.md` require it:

    - The stored task decides, not the instance. A start is one conditional write, and only one worker wins.
    - A start is refused with `TaskAlreadySucceedError` where the task has succeeded, and with
      `TaskIsNotInitializedError` where it was never saved. All refusals are `TaskIsNotReadyToStartError`.
    - A task starts from DEFAULT_STATUS, from the failed status, and from the status of another job that the
      instance shows, so that one job's success is the next one's beginning. DEFAULT_STATUS and the four codes of a
      job must be different; only the failed one may be DEFAULT_STATUS.
    - In progress and the lease over: the vanished attempt is recorded, counts as a failure, and the task is
      taken over; after the last one allowed it is ignored.
    - A worker that was taken over gets `TaskLockLostError`, and stores nothing.
    - `new` refuses a task that a worker holds, keeps the history of one that it resets, and records the reset.
    - `errors` has the ``history``, and ``error`` and ``traceback`` of the last failure beside it. Within a
      block the data alone is stored. `update_context` is refused while a worker holds the task.
    - `save` stores the instance as it is, whoever holds the task, as PynamoDB does.

    Items that v5 wrote are read, listed and started, and workers of v5 list and start what is written here. They do
    not see that a lease was renewed, and take a task for free LOCK_EXPIRE_SECONDS after its start. What is written with
    `LISTED_BY_V5 = False` is listed and started by `BaseTask` instead, if its statuses have one shard.
    """

    _context: ExecutionContext[Self] | None = None

    @classmethod
    def new(
        cls, task_id: str | int, data: dict[str, Any] | None = None, save: bool = True, job_id: str | None = None
    ) -> Self:
        """A task in DEFAULT_STATUS with that data: a new one, or the stored one, reset; with `save=False`, not saved.

        A reset keeps the history, and is recorded in ``errors["actions"]``.

        Raises:
            TaskLockedError: a worker holds it; wait until its lease ends.
            TaskDataTooLargeError: `data` does not fit into the task's item.
        """
        task = cls.make(task_id, cls.DEFAULT_STATUS, data, job_id)
        if not save:
            return task
        rules = cls._rules(cls._config(job_id), task, initial_data=data)
        rules.check_data(data or {})
        store = TrackerStore(cls, task.key)
        stored, created = create(store, task, rules.config.clock)
        return stored if created else act(store, rules, rules.reset, "reset", "new() of a task that exists", None)

    def start(
        self,
        in_process_status: int | BaseStatusEnum,
        failed_status: int | BaseStatusEnum,
        success_status: int | BaseStatusEnum,
        ignore_status: int | BaseStatusEnum,
        debug: bool = False,
        *,
        more_pending_status: int | Iterable[int] | None = None,
        heartbeat: float | None = None,
    ) -> AbstractContextManager[Self]:
        """Hold the task while the block works on it, and store the result; the block gets the tracker itself.

        The tracker shows the stored task: in the block, after it, and after a refusal.

        Args:
            debug: show on the console what happens.
            more_pending_status: further codes to start from, instead of the tracker's status.
            heartbeat: renew the lease every so many seconds, from a thread, until the block ends.

        Raises:
            ValueError: the codes cannot be those of one job.
            Exception: within the `with` statement, the errors of `BaseTask.start`.
        """
        config = self._config(self.job_id, (in_process_status, failed_status, success_status, ignore_status))
        if more_pending_status is None and self.status is not None:
            more_pending_status = pending_as_found(self.tracked_state(), config)
        rules = self._rules(config, self, startable=config.startable_statuses(more_pending_status))

        def block() -> _Block[Self]:
            store = TrackerStore(type(self), self.key)
            attempt = _Attempt(self, store, rules, config.lease(None), heartbeat=heartbeat, debug=debug)
            return _Block(self, store, attempt)

        return Whole(block)

    def pre_start_hook(self) -> None:
        """Called before each start; for subclasses."""

    def post_start_hook(self) -> None:
        """Called after each block, when its end was stored; for subclasses."""

    def set_data(self, data: dict[str, Any] | None) -> Self:
        """Within a block, set the data that is stored with the success; dropped if the block fails.

        Within `update_context`, set the data.

        Args:
            data: anything JSON can hold; it replaces the stored data. None stands for no data, ``{}``.

        Raises:
            RuntimeError: neither is under way.
            TypeError, ValueError: JSON cannot hold it.
            TaskDataTooLargeError: it does not fit into the task's item.
        """
        if self._edits is not None:
            return self._edit_data(data)
        if self._context is None:
            raise RuntimeError(
                f"Task {self.key!r} is not being worked on by this tracker: call set_data() within a block of start()."
            )
        self.data = self._context.set_data(data).pending_data
        return self

    @classmethod
    def query_by_status(
        cls,
        status: int | BaseStatusEnum | Sequence[int | BaseStatusEnum],
        limit: int | None = 10,
        older_task_first: bool = True,
        job_id: str | None = None,
        auto_refresh: bool = False,
    ) -> TaskQuery[Self]:
        """The tasks of a status, or of several, in the order of `update_time`.

        Args:
            limit: at most so many of each status; None for all.
            older_task_first: False for the newest first.
            auto_refresh: read each task whole; otherwise `data` and `errors` hold their defaults.
        """
        selection = Selection(
            statuses=list(dict.fromkeys(as_status_codes(status, "status"))),
            use_case_id=cls._config(job_id).use_case_id,
            limit=limit,
            older_first=older_task_first,
            refresh=True if auto_refresh else None,
        )
        values = {code: [cls.sharded_value(code, job_id), cls.bare_value(code, job_id)] for code in selection.statuses}
        return TaskQuery(merged(cls, index_of(cls), values, selection), selection)

    @classmethod
    def delete_all_by_job_id(cls, job_id: str | None = None) -> int:
        """Delete all tasks of a job; returns how many. Reads the whole table: slow and costly on a large one."""
        return cls._delete_where(cls._of_job(job_id))

    @classmethod
    def count_items_by_job_id(cls, job_id: str | None = None) -> int:
        """How many tasks a job has. Reads the whole table: slow and costly on a large one."""
        return sum(1 for _ in cls.scan(filter_condition=cls._of_job(job_id), attributes_to_get=["key"]))

    @classmethod
    def _of_job(cls, job_id: str | None) -> Condition:
        return cls.key.startswith(f"{cls._config(job_id).use_case_id}{cls.SEP}")

    @classmethod
    def _get_status_index(cls) -> StatusAndUpdateTimeIndex:
        return index_of(cls)

    def _check_no_block(self) -> None:
        if self._context is not None:
            raise RuntimeError(
                f"Task {self.key!r} is being worked on: within a block of start(), set_data() is for you."
            )
        super()._check_no_block()


class _Attempt(Execution[TrackerT]):
    """One attempt, told in the words of v5."""

    def __init__(
        self,
        tracker: TrackerT,
        store: TrackerStore[TrackerT],
        rules: Lifecycle,
        lease: timedelta,
        *,
        heartbeat: float | None,
        debug: bool,
    ) -> None:
        super().__init__(store, rules, lease, heartbeat=heartbeat, debug=debug)
        about = (tracker.job_id, tracker.task_id, tracker.name_of, tracker.status)
        self._trace = TrackerTrace(rules.config, *about, debug=debug)


class _Block(Generic[TrackerT]):
    """One attempt in v5's form: the block works with the tracker itself, which shows the stored task."""

    def __init__(self, tracker: TrackerT, store: TrackerStore[TrackerT], execution: Execution[TrackerT]) -> None:
        self._tracker = tracker
        self._store = store
        self._execution = execution

    def __enter__(self) -> TrackerT:
        self._tracker.pre_start_hook()
        try:
            self._context = self._execution.__enter__()
        except BaseException:
            if self._store.seen is not None:
                self._tracker._show(self._store.seen)
            raise
        self._tracker._context = self._context
        try:
            self._tracker.attribute_values = deepcopy(self._context.task.attribute_values)  # the block may change it
        except BaseException as error:
            self.__exit__(type(error), error, error.__traceback__)
            raise
        return self._tracker

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        try:
            if comparable(self._tracker.data) != comparable(self._context.task.data):  # set_data() has set it, too
                self._context.pending_data = {} if self._tracker.data is None else self._tracker.data
            self._execution.__exit__(kind, error, traceback)
        finally:
            self._tracker._context = None
            self._tracker._show(self._context.task)
            self._tracker.post_start_hook()
