"""Finds and counts tasks: by status, stuck ones, and all of a use case.

What reads for it is imported on first use: most processes that start tasks list none.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Self

from ..core.config import BaseStatusEnum, as_status_codes, ensure_status_value
from ..core.cursors import parse_cursor
from ..core.errors import TaskUnreadableError
from ..core.history import failure_of_class
from ..core.state import is_stuck, may_be_unattended
from .index import StatusAndUpdateTimeIndex, index_of
from .item import TaskItem

if TYPE_CHECKING:
    from .query import Count, TaskQuery
    from .survey import Survey


class TaskListing(TaskItem):
    """Finds tasks, by the index if possible."""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "config" in cls.__dict__ and hasattr(getattr(cls, "Meta", None), "table_name"):
            index_of(cls)

    @classmethod
    def create_table(cls, *args: Any, **settings: Any) -> Any:
        """As PynamoDB's. Raises `ValueError` for a class without the index, which no step could list its tasks by."""
        index_of(cls)
        return super().create_table(*args, **settings)

    @classmethod
    def query_by_status(
        cls,
        status: int | BaseStatusEnum | Sequence[int | BaseStatusEnum],
        limit: int | None = 10,
        older_task_first: bool = True,
        auto_refresh: bool = False,
        use_case_id: str | None = None,
        *,
        since: datetime | None = None,
        until: datetime | None = None,
        cursor: str | None = None,
        error_class: str | type[BaseException] | None = None,
    ) -> TaskQuery[Self]:
        """The tasks of a status, or of several, in the order of `update_time` over all shards.

        Args:
            limit: at most so many of each status; None for all.
            older_task_first: False for the newest first.
            auto_refresh: read each task whole; otherwise `data` and `errors` hold their defaults. In a
                long listing a task may have been read up to 800 tasks earlier.
            use_case_id: by default the config's.
            since, until: only tasks whose `update_time` is at or after `since`, and before `until`.
            cursor: of an earlier result of the same query, to continue there.
            error_class: only tasks whose last failure was of that class, by its name; reads each task whole.

        Raises:
            ValueError: a status that no step of the use case has, a moment without time zone, a foreign cursor.
        """
        from .query import Selection, select  # noqa: PLC0415  # on first use, see the module's docstring

        selection = Selection(
            statuses=list(dict.fromkeys(as_status_codes(status, "status"))),
            use_case_id=cls._checked_use_case_id(use_case_id),
            limit=limit,
            older_first=older_task_first,
            refresh=True if auto_refresh or error_class is not None else None,
            since=since,
            until=until,
            cursor={} if cursor is None else parse_cursor(cursor),
            keep=None if error_class is None else _failed_with(error_class),
            settled=cls._is_past(until),
        )
        return select(cls, selection)

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
    def query_stuck(
        cls, limit: int | None = 10, auto_refresh: bool = False, use_case_id: str | None = None
    ) -> TaskQuery[Self]:
        """The tasks in progress whose lease is over: their workers have vanished. The oldest first."""
        from .query import Selection, select  # noqa: PLC0415  # on first use, see the module's docstring

        now = cls.config.now()
        selection = Selection(
            statuses=[cls.config.in_progress_status],
            use_case_id=cls._checked_use_case_id(use_case_id),
            limit=limit,
            older_first=True,
            refresh=True if auto_refresh else _lock_is_unknown,
            keep=lambda task: is_stuck(task.tracked_state(), cls.config, now),
        )
        return select(cls, selection)

    @classmethod
    def query_unattended(
        cls,
        *,
        pending_after: timedelta,
        limit: int | None = 10,
        until: datetime | None = None,
        cursor: str | None = None,
    ) -> TaskQuery[Self]:
        """The tasks that nothing may be working on any more, read in full: stuck, failed and due, or pending.

        Args:
            pending_after: a pending task is included if it became pending that long ago, or longer.
            limit: at most so many of each status; None for all.
            until: only tasks whose `update_time` is before it.
            cursor: of an earlier result, to continue there.
        """
        from .query import Selection, select  # noqa: PLC0415  # on first use, see the module's docstring

        now, config = cls.config.now(), cls.config

        def unattended(task: TaskItem) -> bool:
            return may_be_unattended(task.tracked_state(), config, now, pending_after)

        selection = Selection(
            statuses=list(dict.fromkeys((config.in_progress_status, config.failed_status, config.pending_status))),
            use_case_id=config.use_case_id,
            limit=limit,
            older_first=True,
            refresh=unattended,  # the index does not rule it out
            until=until,
            cursor={} if cursor is None else parse_cursor(cursor),
            keep=unattended,
            settled=cls._is_past(until),
        )
        return select(cls, selection)

    @classmethod
    def survey(cls, stop: Callable[[], bool] = lambda: False) -> Survey[Self]:
        """One pass over the unfinished tasks, which counts them and finds the unattended ones; for sweeps.

        Args:
            stop: called now and then; True ends the pass.
        """
        from .survey import Survey  # noqa: PLC0415  # on first use, see the module's docstring

        return Survey(cls, stop)

    @classmethod
    def get_many(
        cls, task_ids: Iterable[str | int], *, consistent_read: bool = False
    ) -> list[Self | TaskUnreadableError]:
        """The tasks with these ids in full, a hundred a request, in their order.

        For an item that is no task there is the error; a task that is gone is left out. `consistent_read` sees every
        write that was answered before.
        """
        from .query import read_whole  # noqa: PLC0415  # on first use, see the module's docstring

        keys = [cls.make_key(task_id) for task_id in task_ids]
        return list(read_whole(cls, keys, consistent=consistent_read))

    @classmethod
    def count_by_status(
        cls, use_case_id: str | None = None, *, progress: Callable[[int], object] | None = None
    ) -> dict[int, int]:
        """How many tasks there are of each status of this step, by the index; it reads an entry for each.

        Args:
            use_case_id: by default the config's.
            progress: called a few times a second with how many have been counted; what it raises ends the counting.
        """
        from .query import count  # noqa: PLC0415  # on first use, see the module's docstring

        return count(cls, cls.config.status_shards, cls._checked_use_case_id(use_case_id), progress)

    @classmethod
    def count_up_to(cls, statuses: Iterable[int | BaseStatusEnum], *, per_shard: int) -> dict[int, Count]:
        """How many tasks of this use case have each of the statuses, by the index, with one request for each shard.

        Args:
            per_shard: count at most so many tasks of a shard: each entry of the index that is counted is also paid for.
        """
        from .query import count_up_to  # noqa: PLC0415  # on first use, see the module's docstring

        return count_up_to(cls, [ensure_status_value(each) for each in statuses], cls.config.use_case_id, per_shard)

    @classmethod
    def count_within(
        cls,
        status: int | BaseStatusEnum,
        *,
        since: datetime | None = None,
        until: datetime | None = None,
        stop: Callable[[], bool] = lambda: False,
    ) -> int | None:
        """How many tasks of this use case have a status, by the index; it reads an entry for each.

        Args:
            since, until: count only tasks whose `update_time` is at or after `since`, and before `until`.
            stop: called after each megabyte of the index; True ends the counting.

        Returns:
            The number; None if it was stopped before all were counted.
        """
        from .query import Selection, count_within  # noqa: PLC0415  # on first use, see the module's docstring

        code = ensure_status_value(status)
        selection = Selection([code], cls.config.use_case_id, None, older_first=True, since=since, until=until)
        return count_within(cls, code, selection, stop)

    @classmethod
    def reshard(cls, status: int | BaseStatusEnum, *, from_shards: int, use_case_id: str | None = None) -> int:
        """After the shard count of a status is lowered: move tasks out of the shards that are no longer read.

        Args:
            from_shards: how many shards there were before.

        Returns:
            How many tasks were moved. Run it again until that is 0: workers with the former setting may still run.

        Raises:
            StoreUnansweredError: the table is too slow; what was moved stays moved, and the same call again goes on.
        """
        from .resharding import reshard  # noqa: PLC0415  # on first use, see the module's docstring

        return reshard(cls, ensure_status_value(status), from_shards, cls._checked_use_case_id(use_case_id))

    @classmethod
    def count_tasks_by_use_case_id(cls, use_case_id: str | None = None) -> int:
        """How many tasks a use case has. Reads the whole table: slow and costly on a large one."""
        from .whole_table import count_where  # noqa: PLC0415  # on first use, see the module's docstring

        prefix = f"{cls._checked_use_case_id(use_case_id)}{cls.config.sep}"
        return count_where(cls, cls.key.startswith(prefix))

    @classmethod
    def delete_tasks_by_use_case_id(cls, use_case_id: str | None = None) -> int:
        """Delete all tasks of a use case; returns how many. Reads the whole table: slow and costly on a large one."""
        return cls._delete_where(cls.key.startswith(f"{cls._checked_use_case_id(use_case_id)}{cls.config.sep}"))

    @classmethod
    def _get_status_index(cls, _is_test: bool = False) -> StatusAndUpdateTimeIndex:  # pynamodb_mate's
        return index_of(cls)

    @classmethod
    def _is_past(cls, until: datetime | None) -> bool:
        return until is not None and until.tzinfo is not None and until <= cls.config.now()

    @classmethod
    def _checked_use_case_id(cls, use_case_id: str | None) -> str:
        if use_case_id is None:
            return cls.config.use_case_id
        cls.config.check_use_case_id(use_case_id)
        return use_case_id


def _lock_is_unknown(task: TaskItem) -> bool:
    """An older, narrower index lacks the lock: its tasks must be read to check them."""
    return task.lock is None


def _failed_with(error_class: str | type[BaseException]) -> Callable[[TaskItem], bool]:
    failed_with_it = failure_of_class(error_class)
    return lambda task: failed_with_it(task.errors or {})
