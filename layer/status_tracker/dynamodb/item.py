"""`TaskItem`: the attributes and keys of an item."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import deepcopy
from functools import partial
from typing import Any, ClassVar, Self, TypeVar

from pynamodb.attributes import JSONAttribute, UnicodeAttribute
from pynamodb.connection import TableConnection
from pynamodb.exceptions import DeleteError
from pynamodb.expressions.condition import Condition
from pynamodb.models import Model

from ..core.config import BaseStatusEnum, TrackerConfig, ensure_status_value, get_utc_now
from ..core.state import TaskState
from ..core.task import TaskStatus
from . import shards
from .attributes import EPOCH, NOT_LOCKED, EpochSecondsAttribute, ErrorsAttribute, IntegerAttribute, MomentAttribute
from .client import DEFAULTS, share
from .codec import Codec
from .unreadable import check_json, unreadable_item

TaskT = TypeVar("TaskT", bound="TaskItem")


class TaskItem(TaskStatus, Model):
    """One tracked task, as it is stored.

    Attributes:
        key: ``{use_case_id}{sep}{task_id}``.
        value: ``{use_case_id}{sep}{status}{sep}{shard}``, by which the index lists it.
        status: the status code.
        create_time, update_time: when it was made, and when its status was last set (UTC).
        retry: attempts that failed in a row; 0 after a success.
        lock: the token of the worker that holds it, or ``"__not_locked__"``.
        lock_time, lock_expire_time: when it was locked, and when that lease ends (UTC).
        data: the user's own data, anything that JSON holds.
        errors: ``{"history": [...]}``, one entry per failed attempt; ``"actions"`` if there were any.
        fence: how often it was acquired.
        run: how often it was run again deliberately.
        not_before: the first moment at which it may be started again, if a failure asked to wait.
        finished_locks, vanished_locks: the newest tokens that finished it, and whose workers never reported back.
        update_count: how often the attempt under way has stored data.
        create_token: marks the request that created it.
        expire_at: when DynamoDB may delete it, if the config gives its status a `ttl`.
    """

    key = UnicodeAttribute(hash_key=True)
    value = UnicodeAttribute()
    status = IntegerAttribute()
    create_time = MomentAttribute(default_for_new=get_utc_now)
    update_time = MomentAttribute(default_for_new=get_utc_now)
    retry = IntegerAttribute(default_for_new=0)
    lock = UnicodeAttribute(default_for_new=NOT_LOCKED)
    lock_time = MomentAttribute(default_for_new=EPOCH)
    data = JSONAttribute(default=dict, null=True)
    errors = ErrorsAttribute(default=lambda: {"history": []}, null=True)
    lock_expire_time = MomentAttribute(null=True)
    fence = IntegerAttribute(null=True)
    run = IntegerAttribute(null=True)
    not_before = MomentAttribute(null=True)
    finished_locks = JSONAttribute(null=True)
    vanished_locks = JSONAttribute(null=True)
    update_count = IntegerAttribute(null=True)
    create_token = UnicodeAttribute(null=True)
    expire_at = EpochSecondsAttribute(null=True)

    config: ClassVar[TrackerConfig]
    _codec: ClassVar[Codec | None] = None
    _post_init_by_a_base: ClassVar[bool] = False
    """Whether a base beside this one, such as pynamodb_mate's `Model`, calls `__post_init__` in its `__init__`."""

    def __init__(
        self,
        hash_key: Any = None,
        range_key: Any = None,
        _user_instantiated: bool = True,
        **attributes: Any,
    ) -> None:
        super().__init__(hash_key, range_key, _user_instantiated=_user_instantiated, **attributes)
        if not self._post_init_by_a_base:
            self.__post_init__()

    def __post_init__(self) -> None:
        """Called when an instance has been made; for subclasses.

        For an item that is read it is called before the stored attributes are set, as in pynamodb_mate.
        """

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        cls._codec = None
        others = [base for base in cls.__mro__ if not issubclass(base, TaskItem)]
        cls._post_init_by_a_base = any({"__init__", "__post_init__"} <= vars(base).keys() for base in others)
        for name, setting in DEFAULTS.items():
            if "Meta" in cls.__dict__ and not hasattr(cls.Meta, name):
                setattr(cls.Meta, name, setting)
        if "config" in cls.__dict__:
            shards.register(cls)

    @classmethod
    def _get_connection(cls) -> TableConnection:
        """The connection of the table, which uses the client shared by models with the same settings."""
        known = cls._connection
        table = super()._get_connection()
        if table is not known:
            share(table, cls.Meta)
        return table

    @classmethod
    def _get_codec(cls) -> Codec:
        """The codec of the class; it can be made only after PynamoDB has set up the class."""
        if cls._codec is None:
            cls._codec = Codec(cls, made_as_usual=cls._is_made_as_usual())
        return cls._codec

    @classmethod
    def _is_made_as_usual(cls) -> bool:
        initialized_by = {base for base in cls.__mro__ if "__init__" in vars(base)}
        usual = initialized_by <= {TaskItem, *Model.__mro__}
        return usual and cls.__post_init__ is TaskItem.__post_init__ and cls.__new__ is object.__new__

    @classmethod
    def from_raw_data(cls, data: dict[str, Any]) -> Self:
        """The task in an item, as every way to read one makes it. Raises `TaskUnreadableError` if it holds none."""
        try:
            task = super().from_raw_data(data)
            check_json(task.attribute_values)
        except Exception as error:  # whatever an attribute raises, of the user's own too
            raise unreadable_item(cls, data, error) from error
        return task

    def deserialize(self, attribute_values: dict[str, dict[str, Any]]) -> None:
        """Take over what is stored, as `refresh` does. Raises `TaskUnreadableError` if that is no task."""
        try:
            super().deserialize(attribute_values)
            check_json(self.attribute_values)
        except Exception as error:
            raise unreadable_item(type(self), attribute_values, error) from error

    @classmethod
    def _instantiate(cls, attribute_values: dict[str, dict[str, Any]]) -> Self:
        codec = cls._get_codec()
        if not codec.reads:
            return super()._instantiate(attribute_values)
        item = cls.__new__(cls)
        item.attribute_values = {}
        codec.read(item, attribute_values)
        return item

    def _set_defaults(self, _user_instantiated: bool = True) -> None:
        if _user_instantiated:
            self._get_codec().set_defaults(self)
        else:
            super()._set_defaults(_user_instantiated=False)

    def _container_serialize(self, null_check: bool = True) -> dict[str, dict[str, Any]]:
        codec = self._get_codec()
        return codec.written(self, null_check=null_check) if codec.writes else super()._container_serialize(null_check)

    @classmethod
    def make_key(cls, task_id: str | int, _use_case_id: str | None = None) -> str:
        """The hash key of a task. Raises `ValueError` for ids that cannot be stored."""
        return cls.config.make_key(task_id, _use_case_id)

    @classmethod
    def make_value(
        cls,
        status: int | BaseStatusEnum,
        _use_case_id: str | None = None,
        _task_id: str | int | None = None,
        _shard_id: int | None = None,
    ) -> str:
        """The hash key of the index for a status and a shard, or for a status and the task whose shard it is."""
        use_case_id = cls.config.use_case_id if _use_case_id is None else _use_case_id
        if _shard_id is None:
            if _task_id is None:
                raise ValueError("Give _task_id or _shard_id: without either, the shard is not known.")
            count = shards.shard_count(cls, ensure_status_value(status), use_case_id)
            _shard_id = shards.shard_of(cls.make_key(_task_id, _use_case_id), count)
        config = cls.config
        code = str(ensure_status_value(status)).zfill(config.status_zero_pad)
        shard = str(_shard_id).zfill(config.status_shard_zero_pad)
        return f"{use_case_id}{config.sep}{code}{config.sep}{shard}"

    @classmethod
    def index_value_of(cls, key: str, status: int) -> str:
        """The hash key of the index for the task with that hash key, in that status."""
        use_case_id, _ = cls.split_key(key)
        shard = shards.shard_of(key, shards.shard_count(cls, status, use_case_id))
        return cls.make_value(status, _use_case_id=use_case_id, _shard_id=shard)

    @classmethod
    def stored_form(cls, changes: Mapping[str, Any]) -> dict[str, Any]:
        """The changes of a write in the form that the attributes hold."""
        return {name: NOT_LOCKED if name == "lock" and value is None else value for name, value in changes.items()}

    @classmethod
    def has_status(cls, key: str, *statuses: int) -> Condition:  # noqa: ARG003  # for items whose status stands elsewhere
        """The condition that the item with that key has one of the statuses."""
        return cls.status.is_in(*statuses)

    @classmethod
    def split_key(cls, key: str) -> tuple[str, str]:
        """The use case id and the task id of a hash key."""
        use_case_id, task_id = key.split(cls.config.sep, 1)
        return use_case_id, task_id

    @classmethod
    def separator(cls) -> str:
        """What stands between the parts of a hash key."""
        return cls.config.sep

    @property
    def use_case_id(self) -> str:
        """The use case part of the key."""
        return self.split_key(self.key)[0]

    @property
    def task_id(self) -> str:
        """The task part of the key."""
        return self.split_key(self.key)[1]

    @property
    def shard_id(self) -> int:
        """The shard in which the task is listed, from 1."""
        return int(self.value.rsplit(self.config.sep, 1)[1])

    def tracked_state(self) -> TaskState:
        """The state of the task for the rules, also if an older library wrote it."""
        stored: Any = self.attribute_values.get if self._get_codec().writes else partial(getattr, self)
        lock = stored("lock")
        return TaskState(
            status=stored("status"),
            update_time=stored("update_time"),
            retry=stored("retry") or 0,
            lock=None if lock == NOT_LOCKED else lock,
            lock_time=stored("lock_time"),
            lock_expire_time=stored("lock_expire_time"),
            fence=stored("fence") or 0,
            run=stored("run") or 0,
            not_before=stored("not_before"),
            finished_locks=tuple(stored("finished_locks") or ()),
            vanished_locks=tuple(stored("vanished_locks") or ()),
            errors=stored("errors") or {},
        )

    def to_dict(self, copy: bool = False) -> dict[str, Any]:
        """The attributes that are set, by name; with `copy`, their values are copies."""
        return deepcopy(self.attribute_values) if copy else dict(self.attribute_values)

    @classmethod
    def make_one(cls, hash_key: Any, range_key: Any = None, **attributes: Any) -> Self:  # noqa: ARG003  # there is none
        """An instance with that hash key, not saved."""
        return cls(hash_key, **attributes)

    def delete_if_exists(self) -> bool:
        """Delete the item, whoever holds the task; returns whether there was one."""
        try:
            self.delete(condition=type(self).key.exists(), add_version_condition=False)
        except DeleteError as error:
            if error.cause_response_code != "ConditionalCheckFailedException":
                raise
            return False
        return True

    @classmethod
    def delete_all(cls) -> int:
        """Delete every item of the table, of all use cases, what is paused too; returns how many."""
        return cls._delete_where(None)

    @classmethod
    def _delete_where(cls, condition: Condition | None) -> int:
        from .whole_table import delete_where  # noqa: PLC0415  # on first use: workers delete nothing

        return delete_where(cls, condition)

    @classmethod
    def get_one_or_none(
        cls,
        task_id: str | int,
        consistent_read: bool = False,
        attributes_to_get: Sequence[str] | None = None,
        _use_case_id: str | None = None,
    ) -> Self | None:
        """The task of that id, or None. `consistent_read` sees every write that was answered before."""
        try:
            return cls.get(
                cls.make_key(task_id, _use_case_id),
                consistent_read=consistent_read,
                attributes_to_get=attributes_to_get,
            )
        except cls.DoesNotExist:
            return None

    @classmethod
    def make(
        cls,
        task_id: str | int,
        data: dict[str, Any] | None = None,
        _use_case_id: str | None = None,
        _status: int | BaseStatusEnum | None = None,
        _shard_id: int | None = None,
        **kwargs: Any,
    ) -> Self:
        """A new task, not saved. `kwargs` are further attributes of the model."""
        status = cls.config.pending_status if _status is None else ensure_status_value(_status)
        now = cls.config.now()
        attributes: dict[str, Any] = {"create_time": now, "update_time": now, **kwargs}
        if data is not None:
            attributes["data"] = data
        return cls(
            key=cls.make_key(task_id, _use_case_id),
            value=cls.make_value(status, _use_case_id, task_id, _shard_id),
            status=status,
            **attributes,
        )
