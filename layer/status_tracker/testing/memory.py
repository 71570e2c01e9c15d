"""`MemoryTask`: a tracked task without a database, for tests of the code that uses one."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from operator import attrgetter
from typing import Any, ClassVar, Self

from ..aio.tasks import AsyncListing, AsyncTask
from ..core.config import BaseStatusEnum, as_status_codes, ensure_status_value
from ..core.cursors import Cursor, parse_cursor
from ..core.history import MAX_DATA_BYTES, failure_of_class
from ..core.port import ConvertingStore, PauseBoard, Store, state_of
from ..core.state import TaskState, is_stuck, may_be_unattended
from ..core.steps import DeclaredSteps
from ..core.task import TaskStatus, create
from ..creating import CreateOutcome, CreateResult, checked, create_many, one_by_one
from .listing import MemoryQuery, position
from .store import MemoryStorage, Record, values_of


@dataclass
class MemoryTask(AsyncTask, AsyncListing, TaskStatus, Record):
    """A tracked task in memory; a subclass is one step, with its `config`. It obeys every rule that `BaseTask` does::

        import pytest
        import status_tracker as st
        from status_tracker.testing import Clock, MemoryTask

        clock = Clock()

        class Step1(MemoryTask):
            config = st.TrackerConfig.make(
                use_case_id="documents", pending_status=10, in_progress_status=20, failed_status=30,
                succeeded_status=40, ignored_status=50, lock_expire_seconds=60, clock=clock,
            )

        Step1.make_and_save("invoice-1")
        vanished = Step1.start("invoice-1").__enter__()
        with pytest.raises(st.TaskLockedError):
            Step1.start("invoice-1").__enter__()
        clock.advance(60)
        with Step1.start("invoice-1") as ctx:
            ctx.set_data({"pages": 3})
        task = Step1.get_one_or_none("invoice-1")
        assert task.status_name == "succeeded" and task.data == {"pages": 3}
        assert task.errors["history"][0]["error"].startswith("LeaseExpired")

    Tasks are kept in `storage`, which all steps share, as they would share a table. For a fresh one in each test::

        monkeypatch.setattr(MemoryTask, "storage", MemoryStorage())

    `storage.befall(Fault.ANSWER_LOST)` and the like make the next writes fail. It is safe for use by many threads.
    Returned tasks are copies, as from a database.

    Attributes:
        storage: where the tasks are kept.
    """

    storage: ClassVar[MemoryStorage] = MemoryStorage()
    max_data_bytes: ClassVar[int | None] = MAX_DATA_BYTES  # so that a test sees what DynamoDB would refuse

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "config" in cls.__dict__:
            _steps.add(cls)

    @property
    def use_case_id(self) -> str:
        """The use case part of the key."""
        return self.key.split(self.config.sep, 1)[0]

    @property
    def task_id(self) -> str:
        """The task part of the key."""
        return self.key.split(self.config.sep, 1)[1]

    def tracked_state(self) -> TaskState:
        return state_of(vars(self))

    def refresh(self) -> None:
        """Read the task again. Raises `LookupError` if it was deleted."""
        stored = self.storage.store(self.key).read()
        if stored is None:
            raise LookupError(f"Task {self.key!r} does not exist any more.")
        vars(self).update(values_of(stored))

    @classmethod
    def make(
        cls,
        task_id: str,
        data: dict[str, Any] | None = None,
        _use_case_id: str | None = None,
        _status: int | BaseStatusEnum | None = None,
        **kwargs: Any,
    ) -> Self:
        """A new task, not saved; pending, unless `_status` says otherwise. `kwargs` are further attributes."""
        now = cls.config.now()
        attributes = {"create_time": now, "update_time": now, "errors": {"history": []}, **kwargs}
        return cls(
            status=cls.config.pending_status if _status is None else ensure_status_value(_status),
            key=cls.config.make_key(task_id, _use_case_id),
            data={} if data is None else data,
            **attributes,
        )

    @classmethod
    def make_and_save(
        cls,
        task_id: str,
        data: dict[str, Any] | None = None,
        _use_case_id: str | None = None,
        _status: int | BaseStatusEnum | None = None,
        **kwargs: Any,
    ) -> Self:
        """Create a task; pending, unless `_status` says otherwise.

        Raises:
            TaskAlreadyExistsError: a task with that id exists; it was left unchanged.
        """
        task, created = cls._create(cls.make(task_id, data, _use_case_id, _status, **kwargs))
        if created:
            return task
        raise cls._rules(task.task_id, task.use_case_id).exists(state_of(vars(task)))

    @classmethod
    def get_or_create(cls, task_id: str, data: dict[str, Any] | None = None, **kwargs: Any) -> tuple[Self, bool]:
        """The stored task, and whether this call has created it."""
        return cls._create(cls.make(task_id, data, **kwargs))

    @classmethod
    def create_many(
        cls,
        tasks: Iterable[str | tuple[str, dict[str, Any] | None] | Self] | Mapping[str, dict[str, Any] | None],
        *,
        dispatch: bool = False,
        each: Callable[[CreateOutcome[Self]], object] | None = None,
    ) -> CreateResult[Self]:
        """Create a pending task for each id; a task that exists is left as it is. As `BaseTask.create_many`."""
        return create_many(
            tasks,
            lambda given: given if isinstance(given, cls) else cls.make(*checked(given)),
            one_by_one(cls._create, cls.dispatch if dispatch else None),
            attrgetter("key"),
            each=each,
        )

    @classmethod
    def get_one_or_none(
        cls,
        task_id: str,
        consistent_read: bool = False,  # noqa: ARG003  # every read is
        *,
        _use_case_id: str | None = None,
    ) -> Self | None:
        """The task of that id, or None."""
        return cls._store(cls.config.make_key(task_id, _use_case_id)).read()

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
    ) -> MemoryQuery[Self]:
        """The tasks of a status, or of several, in the order of `update_time`.

        Args:
            limit: at most so many of each status; None for all.
            older_task_first: False for the newest first.
            auto_refresh: each task whole; otherwise `data` and `errors` hold their defaults, as on DynamoDB.
            use_case_id: by default the config's.
            since, until: only tasks whose `update_time` is at or after `since`, and before `until`.
            cursor: of an earlier result of the same query, to continue there.
            error_class: only tasks whose last failure was of that class, by its name; gives each task whole.
        """
        given = {} if cursor is None else parse_cursor(cursor)
        wanted = None if error_class is None else failure_of_class(error_class)
        codes = dict.fromkeys(as_status_codes(status, "status"))
        if not codes:
            raise ValueError("No status was given: give one, or several.")
        found = []
        for code in codes:
            listed = [task for task in cls._listed(use_case_id) if task.status == code and _within(task, since, until)]
            new = [task for task in listed if _is_new(task, given, older_task_first)]
            chosen = new if wanted is None else [task for task in new if wanted(task.errors or {})]
            found += sorted(chosen, key=position, reverse=not older_task_first)[:limit]
        found.sort(key=position, reverse=not older_task_first)
        whole = auto_refresh or wanted is not None
        shown = (task if whole else task._narrowed() for task in found)
        return MemoryQuery(shown, given, older_first=older_task_first)

    @classmethod
    def query_for_unfinished(
        cls,
        limit: int | None = 10,
        older_task_first: bool = True,
        auto_refresh: bool = False,
        use_case_id: str | None = None,
    ) -> MemoryQuery[Self]:
        """The tasks that wait to be started: pending or failed. The arguments are those of `query_by_status`."""
        statuses = [cls.config.pending_status, cls.config.failed_status]
        return cls.query_by_status(statuses, limit, older_task_first, auto_refresh, use_case_id)

    @classmethod
    def query_stuck(
        cls, limit: int | None = 10, auto_refresh: bool = False, use_case_id: str | None = None
    ) -> MemoryQuery[Self]:
        """The tasks in progress whose lease is over: their workers have vanished. The oldest first."""
        now = cls.config.now()
        stuck = [task for task in cls._listed(use_case_id) if is_stuck(state_of(vars(task)), cls.config, now)]
        oldest = sorted(stuck, key=position)[:limit]
        return MemoryQuery(task if auto_refresh else task._narrowed() for task in oldest)

    @classmethod
    def query_unattended(
        cls,
        *,
        pending_after: timedelta,
        limit: int | None = 10,
        until: datetime | None = None,
        cursor: str | None = None,
    ) -> MemoryQuery[Self]:
        """The tasks that nothing may be working on any more; as `BaseTask.query_unattended`, `limit` over all."""
        now, given = cls.config.now(), {} if cursor is None else parse_cursor(cursor)
        found = [
            task
            for task in cls._listed(None)
            if may_be_unattended(state_of(vars(task)), cls.config, now, pending_after)
            and _within(task, None, until)
            and _is_new(task, given, True)
        ]
        return MemoryQuery(sorted(found, key=position)[:limit], given)

    @classmethod
    def count_by_status(
        cls, use_case_id: str | None = None, *, progress: Callable[[int], object] | None = None
    ) -> dict[int, int]:
        """How many tasks there are of each status of this step; `progress` is called once, with how many they are."""
        statuses = [task.status for task in cls._listed(use_case_id)]
        if progress is not None:
            progress(len(statuses))
        return {status: statuses.count(status) for status in cls.config.status_shards}

    @classmethod
    def count_tasks_by_use_case_id(cls, use_case_id: str | None = None) -> int:
        """How many tasks a use case has."""
        return sum(1 for _ in cls._listed(use_case_id))

    @classmethod
    def delete_tasks_by_use_case_id(cls, use_case_id: str | None = None) -> int:
        """Delete all tasks of a use case; returns how many."""
        return cls.storage.clear(cls._prefix(use_case_id))

    def delete_if_exists(self) -> bool:
        """Delete the task, whoever holds it; returns whether there was one."""
        return bool(self.storage.store(self.key).delete())

    @classmethod
    def delete_all(cls) -> int:
        """Delete every task of the storage, of all use cases; returns how many."""
        return cls.storage.clear()

    @classmethod
    def _create(cls, task: Self) -> tuple[Self, bool]:
        cls._rules(task.task_id, task.use_case_id).check_data(task.data or {})
        return create(cls._store(task.key), task, cls.config.clock)

    @classmethod
    def task_store(cls, task_id: str) -> Store[Self]:
        return cls._store(cls.config.make_key(task_id))

    @classmethod
    def pause_board(cls) -> PauseBoard:
        return cls.storage.pause_board(cls.config.use_case_id)

    @classmethod
    def _store(cls, key: str) -> Store[Self]:
        return ConvertingStore(cls.storage.store(key), lambda record: cls(**values_of(record)), lambda task: task)

    @classmethod
    def _prefix(cls, use_case_id: str | None) -> str:
        # A key's task part comes after the first separator, which a use case id cannot contain.
        return f"{cls.config.use_case_id if use_case_id is None else use_case_id}{cls.config.sep}"

    @classmethod
    def _listed(cls, use_case_id: str | None) -> Iterator[Self]:
        for record in cls.storage.tasks(cls._prefix(use_case_id)):
            yield cls(**values_of(record))

    def _narrowed(self) -> Self:
        return replace(self, data={}, errors={"history": []})


def _is_beside(one: type[MemoryTask], other: type[MemoryTask]) -> bool:
    return one.config.use_case_id == other.config.use_case_id and one.storage is other.storage


_steps: DeclaredSteps[MemoryTask] = DeclaredSteps(_is_beside, lambda step: f"use case {step.config.use_case_id!r}")


def _within(task: MemoryTask, since: datetime | None, until: datetime | None) -> bool:
    moment = position(task)[0]
    return (since is None or since <= moment) and (until is None or moment < until)


def _is_new(task: MemoryTask, given: Cursor, older_first: bool) -> bool:
    """Whether a listing that continues from the cursor still includes the task."""
    if task.status not in given:
        return True
    place = given[task.status]
    if position(task)[0] == place.moment:
        return not place.includes(task.key, older_first=older_first)
    return (position(task)[0] > place.moment) is older_first
