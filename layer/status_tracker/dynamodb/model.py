"""`BaseTask`: the model that users derive their steps from."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Self

from ..aio.tasks import AsyncListing, AsyncTask
from ..core.config import BaseStatusEnum
from ..core.history import MAX_DATA_BYTES
from ..core.lifecycle import Lifecycle
from ..core.task import create
from .listing import TaskListing
from .pauses import DynamoPauseBoard
from .store import DynamoStore

if TYPE_CHECKING:
    from ..creating import CreateOutcome, CreateResult
    from .counts import DynamoCountBoard


class BaseTask(AsyncTask, AsyncListing, TaskListing):
    """A tracked task; a subclass is one step, with its `config`::

        class Step1(BaseTask):
            class Meta:
                table_name = "tasks"
                region = "us-east-1"
                billing_mode = "PAY_PER_REQUEST"

            status_and_update_time_index = StatusAndUpdateTimeIndex()
            config = TrackerConfig.make(...)

    The attributes of an item are those of `TaskItem`. A task id may be an integer, which stands for its digits.
    """

    max_data_bytes = MAX_DATA_BYTES

    @classmethod
    def make_and_save(
        cls,
        task_id: str | int,
        data: dict[str, Any] | None = None,
        _use_case_id: str | None = None,
        _status: int | BaseStatusEnum | None = None,
        _shard_id: int | None = None,
        **kwargs: Any,
    ) -> Self:
        """Create a task; pending, unless `_status` says otherwise.

        Raises:
            TaskAlreadyExistsError: a task with that id exists; it was left unchanged.
        """
        task, created = cls._create(cls.make(task_id, data, _use_case_id, _status, _shard_id, **kwargs))
        if created:
            return task
        raise cls._rules(task.task_id, task.use_case_id).exists(task.tracked_state())

    @classmethod
    def get_or_create(cls, task_id: str | int, data: dict[str, Any] | None = None, **kwargs: Any) -> tuple[Self, bool]:
        """The stored task, and whether this call created it. For events that are delivered at least once."""
        return cls._create(cls.make(task_id, data, **kwargs))

    @classmethod
    def create_many(
        cls,
        tasks: Iterable[str | int | tuple[str | int, dict[str, Any] | None] | Self]
        | Mapping[str | int, dict[str, Any] | None],
        *,
        dispatch: bool = False,
        each: Callable[[CreateOutcome[Self]], object] | None = None,
    ) -> CreateResult[Self]:
        """Create a pending task for each id, many at a time; a task that exists is left as it is.

        The result counts what was new and what existed; `each` is told it of every id. Interrupted or failed, the same
        call again completes it. Ids are taken from the iterable as they are needed, so that a million of them take no
        more memory than a thousand. An id that is given twice is one task, with the data of the first.

        Args:
            tasks: ids, pairs of an id and its data, or what `make` returns, in any mix; or a mapping of ids to data.
            dispatch: also start the work, by `dispatch`, on each task that is pending, also if it existed.
            each: called with the `CreateOutcome` of each id, in their order, by the thread that calls this.

        Raises:
            TasksNotCreatedError: an id or its data is invalid, the store did not take it, or a dispatch failed. Its
                `result` says which; the others are created. After 20 failures of the store one after the other, no
                more ids are taken.
            TypeError: a text is given, and not several ids.
        """
        from ..creating.given import checked  # noqa: PLC0415  # few need it
        from ..creating.many import PARALLEL, create_many  # noqa: PLC0415
        from ..creating.single import one_by_one  # noqa: PLC0415

        return create_many(
            tasks,
            lambda given: given if isinstance(given, cls) else cls.make(*checked(given)),
            one_by_one(cls._create, cls.dispatch if dispatch else None),
            attrgetter("key"),
            parallel=min(PARALLEL, cls.Meta.max_pool_connections),
            each=each,
        )

    @classmethod
    def _rules(cls, task_id: str | int, use_case_id: str | None = None, **settings: Any) -> Lifecycle:
        return super()._rules(str(task_id), use_case_id, **settings)

    @classmethod
    def _create(cls, task: Self) -> tuple[Self, bool]:
        cls._rules(task.task_id, task.use_case_id).check_data(task.data or {})
        return create(DynamoStore(cls, task.key), task, cls.config.clock)

    @classmethod
    def task_store(cls, task_id: str | int) -> DynamoStore[Self]:
        return DynamoStore(cls, cls.make_key(task_id))

    @classmethod
    def pause_board(cls) -> DynamoPauseBoard:
        return DynamoPauseBoard(cls)

    @classmethod
    def count_board(cls) -> DynamoCountBoard:
        from .counts import DynamoCountBoard  # noqa: PLC0415  # on first use: workers read no counts

        return DynamoCountBoard(cls)
