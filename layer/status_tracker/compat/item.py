"""`TrackerItem`: the attributes and keys of a tracker's item, by the settings of its class."""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, Self

from pynamodb.expressions.condition import Condition

from ..core.config import BaseStatusEnum, TrackerConfig, ensure_status_value, get_utc_now
from ..core.port import Special
from ..core.state import is_live
from ..dynamodb.item import TaskItem
from .stored import ErrorsAttribute, LockAttribute, StatusAttribute

_SHARD = "001"
"""v5 knew no shards; all its tasks are listed in the first one."""

_OF_NO_TASK = (10**9, 10**9 + 1, 10**9 + 2, 10**9 + 3)
"""Stand for the four codes of a job, where what is asked is the same for all jobs."""


class TrackerItem(TaskItem):
    """One tracked task, as it is stored; the attributes are those of `TaskItem`.

    Attributes:
        JOB_ID: names the tasks that belong together, unless `job_id` is given. None for no default.
        SEP: stands between the parts of the stored keys.
        STATUS_ZERO_PAD: digits of the status in the index key.
        MAX_RETRY: attempts in a row that may fail before a task is ignored.
        LOCK_EXPIRE_SECONDS: the lease of an attempt, in seconds.
        DEFAULT_STATUS: the status of a new task.
        STATUS_ENUM: names the codes.
        CLOCK: returns the present time, timezone-aware.
        LISTED_BY_V5: what this class writes has the form of pynamodb_mate 5, whose workers may share the table and list
            it. With False it has the form of `BaseTask`, which then lists and starts it, as do the command and the
            sweep. This class lists and starts both.
    """

    JOB_ID: str | None = None
    SEP: str = "____"
    STATUS_ZERO_PAD: int = 3
    MAX_RETRY: int = 3
    LOCK_EXPIRE_SECONDS: float = 900
    DEFAULT_STATUS: int = 0
    STATUS_ENUM: type[BaseStatusEnum] | None = None
    CLOCK: Callable[[], datetime] = staticmethod(get_utc_now)
    LISTED_BY_V5: bool = True

    status = StatusAttribute()
    lock = LockAttribute(null=True)
    errors = ErrorsAttribute(default=dict, null=True)

    @classmethod
    def make_key(cls, task_id: str | int, job_id: str | None = None) -> str:
        """The hash key of a task. Raises `ValueError` for ids that cannot be stored."""
        return cls._config(job_id).make_key(task_id)

    @classmethod
    def make_value(  # type: ignore[override]  # v5's own arguments
        cls, status: int | BaseStatusEnum, job_id: str | None = None
    ) -> str:
        """The hash key of the index for a status, as this class writes it."""
        return (cls.bare_value if cls.LISTED_BY_V5 else cls.sharded_value)(status, job_id)

    @classmethod
    def sharded_value(cls, status: int | BaseStatusEnum, job_id: str | None = None) -> str:
        """The hash key of the index for a status as `BaseTask` makes it: with a shard."""
        return f"{cls.bare_value(status, job_id)}{cls.SEP}{_SHARD}"

    @classmethod
    def bare_value(cls, status: int | BaseStatusEnum, job_id: str | None = None) -> str:
        """The hash key of the index for a status as v5 made it: without a shard."""
        code = str(ensure_status_value(status)).zfill(cls.STATUS_ZERO_PAD)
        return f"{cls._config(job_id).use_case_id}{cls.SEP}{code}"

    @classmethod
    def index_value_of(cls, key: str, status: int) -> str:
        """The hash key of the index for the task with that hash key, in that status."""
        return cls.make_value(status, cls.split_key(key)[0])

    @classmethod
    def split_key(cls, key: str) -> tuple[str, str]:
        """The job id and the task id of a hash key."""
        job_id, task_id = key.split(cls.SEP, 1)
        return job_id, task_id

    @classmethod
    def stored_form(cls, changes: Mapping[str, Any]) -> dict[str, Any]:
        """The changes in v5's form. It has no `status`: workers of v5 would leave it as it was when they set theirs."""
        stored = {
            name: Special.REMOVE if name == "lock" and value is None else value for name, value in changes.items()
        }
        return {**stored, "status": Special.REMOVE} if cls.LISTED_BY_V5 and "status" in stored else stored

    def _container_serialize(self, null_check: bool = True) -> dict[str, dict[str, Any]]:
        item = super()._container_serialize(null_check)
        if self.LISTED_BY_V5:
            item.pop("status", None)
        return item

    @classmethod
    def separator(cls) -> str:
        return cls.SEP

    @classmethod
    def has_status(cls, key: str, *statuses: int) -> Condition:
        """The condition that the item with that key has one of the statuses, in either form."""
        bare = [cls.bare_value(status, cls.split_key(key)[0]) for status in statuses]
        in_either_form: list[Condition] = [
            (cls.value == value) | cls.value.startswith(f"{value}{cls.SEP}") for value in bare
        ]
        return functools.reduce(operator.or_, in_either_form)

    @property
    def job_id(self) -> str:
        """The job part of the key."""
        return self.use_case_id

    @property
    def status_name(self) -> str:
        """The name of the status in STATUS_ENUM; else the code as a string."""
        return self.name_of(self.status)

    @classmethod
    def name_of(cls, status: int) -> str:
        """The name of a status in STATUS_ENUM; else the code as a string."""
        try:
            return str(status) if cls.STATUS_ENUM is None else cls.STATUS_ENUM.value_to_name(status)
        except ValueError:
            return str(status)

    def is_locked(self) -> bool:  # type: ignore[override]  # v5's own arguments
        """Whether, by what this instance shows, a worker's lease holds on the task."""
        config = self._config(self.job_id)
        return is_live(self.tracked_state(), config, config.now())

    def to_dict(self, copy: bool = False) -> dict[str, Any]:
        """The attributes that are set, by name; with `copy`, their values are copies."""
        return {**super().to_dict(copy), "status": self.status}

    @classmethod
    def get_one_or_none(  # type: ignore[override]  # v5's own arguments
        cls,
        task_id: str | int,
        consistent_read: bool = False,
        attributes_to_get: Sequence[str] | None = None,
        *,
        job_id: str | None = None,
    ) -> Self | None:
        """The task of that id, or None. `consistent_read` sees every write that was answered before."""
        try:
            return cls.get(
                cls.make_key(task_id, job_id),
                consistent_read=consistent_read,
                attributes_to_get=attributes_to_get,
            )
        except cls.DoesNotExist:
            return None

    def is_item_exists(self) -> bool:
        """Whether the task is stored."""
        return self.get_one_or_none(self.task_id, True, ["key"], job_id=self.job_id) is not None

    @classmethod
    def make(  # type: ignore[override]  # v5's own arguments
        cls,
        task_id: str | int,
        status: int | BaseStatusEnum,
        data: dict[str, Any] | None = None,
        job_id: str | None = None,
    ) -> Self:
        """A task, not saved."""
        now = cls._config(job_id).now()
        value = cls.make_value(status, job_id)
        task = cls(cls.make_key(task_id, job_id), value=value, create_time=now, update_time=now)
        task.data = {} if data is None else data
        return task

    @classmethod
    def _config(cls, job_id: str | None, statuses: tuple[int, int, int, int] = _OF_NO_TASK) -> TrackerConfig:
        """The settings of the class, for a job with those four codes, or for what all jobs share."""
        job_id = cls.JOB_ID if job_id is None else job_id
        if job_id is None:
            raise ValueError(f"{cls.__name__} has no JOB_ID: set it on the class, or give job_id.")
        return _make_config(
            cls.CLOCK,
            cls.SEP,
            cls.STATUS_ZERO_PAD,
            cls.MAX_RETRY,
            cls.LOCK_EXPIRE_SECONDS,
            job_id,
            cls.DEFAULT_STATUS,
            *statuses,
        )


@functools.lru_cache(maxsize=256, typed=True)
def _make_config(
    clock: Callable[[], datetime],
    sep: str,
    status_zero_pad: int,
    max_retry: int,
    lock_expire_seconds: float,
    job_id: str,
    pending: int,
    in_progress: int,
    failed: int,
    succeeded: int,
    ignored: int,
) -> TrackerConfig:
    return TrackerConfig.make(
        job_id,
        pending,
        in_progress,
        failed,
        succeeded,
        ignored,
        sep=sep,
        status_zero_pad=status_zero_pad,
        max_retry=max_retry,
        lock_expire_seconds=lock_expire_seconds,
        clock=clock,
    )
