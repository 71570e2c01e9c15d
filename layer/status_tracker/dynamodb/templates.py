"""The arguments of writes, built once for each shape of a write; each request then fills in its values.

Writes of one shape have the same expressions: the same guard over the same fields, the same fields changed. PynamoDB
builds them from `expressions`, with slots in place of values; its attributes then serialize the values.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from datetime import datetime
from operator import attrgetter
from typing import Any, cast

from ..core.port import Guard, HeldBy, Special, Startable, Unchanged, Write
from ..core.state import TaskState
from .expressions import actions, condition, update_arguments
from .item import TaskItem

_INDEX_VALUE = "the hash key of the index for the write's status"
_FILLED_IN = "a value that each write brings"
_NOW = "the moment of its guard"
_BARE = frozenset(
    {
        "create_time",
        "create_token",
        "expire_at",
        "finished_locks",
        "lock_expire_time",
        "lock_time",
        "not_before",
        "update_count",
        "update_time",
        "vanished_locks",
    }
)
"""Names that need no placeholder in an expression: DynamoDB reserves none with an underscore."""


@dataclass(frozen=True, slots=True, eq=False)
class _Serialized:
    """Marks a serialized value in a template."""

    attribute: Any
    value: Any


class _Stencil:
    """Stands for a model while a template is built: its attributes mark values instead of serializing them."""

    def __init__(self, task: type[TaskItem]) -> None:
        self._task = task
        self.stored_form = task.stored_form
        self._version_attribute_name = task._version_attribute_name

    def __getattr__(self, name: str) -> Any:
        attribute = getattr(self._task, name)
        marking = copy.copy(attribute)
        marking.serialize = lambda value: _Serialized(attribute, value)
        return marking

    def has_status(self, _key: str, *statuses: Any) -> Any:
        return self.status.is_in(*statuses)

    def index_value_of(self, _key: str, _status: Any) -> str:
        return _INDEX_VALUE


class Template:
    """The arguments of all writes of one shape.

    Args:
        task: the model of the item.
        write: any write of that shape.
    """

    def __init__(self, task: type[TaskItem], write: Write) -> None:
        stencil, slots = cast("type[TaskItem]", _Stencil(task)), _with_slots(write)
        arguments = update_arguments(task, "", actions(stencil, "", slots), condition(stencil, "", slots))
        self._key_name = task.key.attr_name
        self._values = _values_once(arguments)
        _name_barely(arguments)
        self._arguments = arguments

    def fill(self, task: type[TaskItem], key: str, write: Write) -> dict[str, Any]:
        """The arguments of one write to the item of the model with that key."""
        values = {}
        for placeholder, kind, attribute, value in self._values:
            if value is _INDEX_VALUE:
                filled = task.index_value_of(key, write.changes["status"])
            else:
                filled = value(write) if callable(value) else value
            values[placeholder] = {kind: attribute.serialize(filled)}
        return {
            **self._arguments,
            "TableName": task.Meta.table_name,
            "Key": {self._key_name: {"S": key}},
            "ExpressionAttributeValues": values,
        }


class Creation:
    """The arguments that put any new item of a class, unless one with its key exists.

    Args:
        item: any new item of the class.
    """

    def __init__(self, item: TaskItem) -> None:
        self._arguments = put_arguments(item)
        del self._arguments["Item"]

    def fill(self, item: TaskItem) -> dict[str, Any]:
        """The arguments of the put of one item."""
        return {**self._arguments, "TableName": item.Meta.table_name, "Item": item.serialize(null_check=True)}


def put_arguments(item: TaskItem) -> dict[str, Any]:
    """The arguments that put an item, as PynamoDB builds them."""
    return item.get_save_kwargs_from_instance(
        condition=type(item).key.does_not_exist(), return_values_on_condition_failure="ALL_OLD"
    )


def _name_barely(arguments: dict[str, Any]) -> None:
    """Write names that need no placeholder into the expressions: placeholders cost time with each request."""
    names = arguments["ExpressionAttributeNames"]
    bare = {placeholder: name for placeholder, name in names.items() if name in _BARE}
    for expression in ("UpdateExpression", "ConditionExpression"):
        arguments[expression] = re.sub(r"#\d+", lambda found: bare.get(found[0], found[0]), arguments[expression])
    arguments["ExpressionAttributeNames"] = {key: name for key, name in names.items() if key not in bare}


def _values_once(arguments: dict[str, Any]) -> list[tuple[str, str, Any, Any]]:
    """Placeholder, type, attribute and slot of each value; the same one is sent once, in whatever expressions it is."""
    values: dict[Hashable, tuple[str, str, Any, Any]] = {}
    placeholders = {}
    for placeholder, serialized in arguments.pop("ExpressionAttributeValues").items():
        ((kind, value),) = serialized.items()
        same = (kind, type(value.attribute), id(value.value))
        first = values.setdefault(same, (placeholder, kind, value.attribute, value.value))
        placeholders[placeholder] = first[0]
    for expression in ("UpdateExpression", "ConditionExpression"):
        arguments[expression] = re.sub(r":\d+", lambda found: placeholders[found[0]], arguments[expression])
    return list(values.values())


def shape_of(write: Write) -> Hashable:
    """The shape of a write; writes with the same shape share a template."""
    guard = write.guard
    guarded: Hashable
    if isinstance(guard, Startable):
        guarded = (len(guard.statuses), guard.or_absent)
    elif isinstance(guard, HeldBy):
        guarded = guard.growing
    else:
        state = guard.state
        times = (state.lock_expire_time is None, state.update_time is None)
        guarded = (state.lock is None, bool(state.fence), bool(state.run), *times)
    now = _now_of(guard)
    changes = tuple((name, _kept_of(value, now)) for name, value in write.changes.items())
    defaults = tuple((name, _kept_of(value, now)) for name, value in write.defaults.items())
    return type(guard), guarded, changes, defaults


def _now_of(guard: Guard) -> datetime | None:
    return guard.now if isinstance(guard, Startable) else None


def _kept_of(value: Any, now: datetime | None) -> Any:
    """What a shape keeps of a value: all of it where there is nothing to fill in, otherwise where it comes from."""
    if value is None or isinstance(value, Special):
        return value
    return _NOW if value is now else _FILLED_IN


def _with_slots(write: Write) -> Write:
    """The write with functions in place of its values; each takes that value out of a write of the same shape."""
    guard: Any = _guard_with_slots(write.guard)

    def slot(part: str, name: str, value: Any) -> Any:
        kept = _kept_of(value, _now_of(write.guard))
        if kept is _NOW:
            return guard.now
        return _item_of(part, name) if kept is _FILLED_IN else kept

    return Write(
        guard,
        {name: slot("changes", name, value) for name, value in write.changes.items()},
        {name: slot("defaults", name, value) for name, value in write.defaults.items()},
    )


def _guard_with_slots(guard: Guard) -> Guard:
    lock: Any = attrgetter("guard.lock")
    if isinstance(guard, Startable):
        statuses: Any = [_status_at(place) for place in range(len(guard.statuses))]
        now: Any = attrgetter("guard.now")
        since: Any = attrgetter("guard.unknown_lease_since")
        return Startable(lock, tuple(statuses), now, since, guard.or_absent)
    if isinstance(guard, HeldBy):
        fence: Any = attrgetter("guard.fence")
        return HeldBy(lock, fence, guard.growing)
    return Unchanged(_state_with_slots(guard.state))


def _state_with_slots(state: TaskState) -> TaskState:
    """A field that is unset here is unset in every state of the same shape; the expressions depend on that."""
    compared = ("lock", "lock_expire_time", "update_time", "fence", "run")
    slots: Any = {name: attrgetter(f"guard.state.{name}") for name in compared if getattr(state, name)}
    status: Any = attrgetter("guard.state.status")
    return TaskState(status, **slots)


def _status_at(place: int) -> Callable[[Any], int]:
    return lambda write: write.guard.statuses[place]


def _item_of(part: str, name: str) -> Callable[[Write], Any]:
    return lambda write: getattr(write, part)[name]
