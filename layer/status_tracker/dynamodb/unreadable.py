"""Reads items that may be no tasks, edited by hand perhaps."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from pynamodb.constants import NULL

from ..core.errors import TaskUnreadableError
from ..core.history import told
from ..core.state import TaskState

_JSON = {"errors": dict, "finished_locks": list, "vanished_locks": list}
"""The JSON attributes that the rules read, and their types."""

_RECORDS = ("history", "actions")
"""Lists of objects in the errors."""

_TO_DO = "Mend it in the table, or delete it."
_TO_DO_WITH_V5 = (
    "Items of this form are for status_tracker.compat and pynamodb_mate 5: work on it there, or set LISTED_BY_V5 = "
    "False on its tracker, whose next change of the status stores it so that BaseTask reads it."
)

_COUNTED = ("retry", "fence", "run")
_READ_BY_RULES = (*_JSON, *_COUNTED, "update_time", "lock", "lock_time", "lock_expire_time", "not_before")


class ItemClass(Protocol):
    """What is asked of a class of tasks."""

    key: Any

    def separator(self) -> str: ...

    def split_key(self, key: str) -> tuple[str, str]: ...

    def from_raw_data(self, data: dict[str, Any]) -> Any: ...


def task_of(task_class: ItemClass, key: str, item: dict[str, Any]) -> Any | TaskUnreadableError:
    """The task in an item, or the error if it holds none."""
    try:
        task_class.split_key(key)
        return task_class.from_raw_data(item)
    except TaskUnreadableError as error:
        return error
    except Exception as error:  # noqa: BLE001  # the key is no task's
        return unreadable(task_class, key, error)


def state_in(task_class: ItemClass, item: dict[str, Any], status: int) -> tuple[TaskState, frozenset[str]]:
    """The state in an item as far as it can be read, and which of its fields cannot."""
    read: dict[str, Any] = {}
    broken = set()
    for name in _READ_BY_RULES:
        attribute = getattr(task_class, name)
        found = item.get(attribute.attr_name)
        if not found or NULL in found:
            continue
        try:
            value = attribute.deserialize(attribute.get_value(found))
            check_json({name: value})
        except Exception:  # noqa: BLE001  # whatever an attribute raises, of the user's own too
            broken.add(name)
        else:
            read[name] = tuple(value) if _JSON.get(name) is list else value
    return TaskState(status=status, **read), frozenset(broken)


def check_form(task_class: ItemClass, key: str, task: Any) -> None:
    """Raise `TaskUnreadableError` for a whole item whose status is in its `value` alone, as pynamodb_mate 5 has it."""
    if task.status is None and task.value is not None:
        raise unreadable(task_class, key, ValueError("it has a value and no status"), _TO_DO_WITH_V5)


def unreadable_item(task_class: ItemClass, item: Mapping[str, Any], error: Exception) -> TaskUnreadableError:
    """The error for an item whose reading raised."""
    key = item.get(task_class.key.attr_name) or {}
    return unreadable(task_class, str(key.get("S", "?")), error)


def unreadable(task_class: ItemClass, key: str, error: Exception, to_do: str = _TO_DO) -> TaskUnreadableError:
    """The error for an item that cannot be read; it names the item, and its cause is what was raised."""
    use_case_id, sep, task_id = key.partition(task_class.separator())
    refusal = TaskUnreadableError(
        f"The item {key!r} cannot be read: {_attribute(error)}{told(error)}. {to_do}",
        use_case_id=use_case_id if sep else None,
        task_id=task_id if sep else key,
    )
    refusal.__cause__ = error
    return refusal


def _attribute(error: Exception) -> str:
    """Which attribute raised it, where the codec noted that."""
    return "".join(f"attribute {name}: " for name in getattr(error, "__notes__", [])[:1])


def check_json(values: Mapping[str, Any]) -> None:
    """Raise `TypeError` for JSON that has not the form that the rules read."""
    for name, kind in _JSON.items():
        if values.get(name) is not None and not isinstance(values[name], kind):
            raise TypeError(f"{name} is {str(values[name])[:80]!r}, and no {kind.__name__}")
    errors = values.get("errors") or {}
    for name in _RECORDS:
        records = errors.get(name) or []
        if not isinstance(records, list) or not all(isinstance(each, dict) for each in records):
            raise TypeError(f"{name} in errors is {str(records)[:80]!r}, and no list of objects")
