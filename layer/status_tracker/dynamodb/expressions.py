"""The changes and guards of the lifecycle, as DynamoDB's update and condition expressions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, assert_never

from pynamodb.constants import KEY
from pynamodb.expressions.condition import Condition
from pynamodb.expressions.update import Action

from ..core.port import HeldBy, Special, Startable, Unchanged, Write
from ..core.state import TaskState
from .attributes import NOT_LOCKED
from .item import TaskItem


def actions(task: type[TaskItem], key: str, write: Write) -> list[Action]:
    """The update of the item with that key."""
    result = [_action(getattr(task, name), value) for name, value in task.stored_form(write.changes).items()]
    if "status" in write.changes:
        result.append(task.value.set(task.index_value_of(key, write.changes["status"])))
    for name, value in write.defaults.items():
        attribute = getattr(task, name)
        result.append(attribute.set(attribute | value))
    return result + counting(task)


def counting(task: type[TaskItem]) -> list[Action]:
    """The update of the user's own `VersionAttribute`, by which a stale `save` is refused; none without one."""
    name = task._version_attribute_name
    return [] if name is None else [getattr(task, name).add(1)]


def update_arguments(task: type[TaskItem], key: str, actions: list[Action], condition: Condition) -> dict[str, Any]:
    """The arguments of an update, under that condition alone: a VersionAttribute adds none."""
    arguments: dict[str, Any] = task._get_connection().get_operation_kwargs(
        key, key=KEY, actions=actions, condition=condition, return_values_on_condition_failure="ALL_OLD"
    )
    return arguments


def _action(attribute: Any, value: Any) -> Action:
    action: Action
    if value is Special.REMOVE:
        action = attribute.remove()
    elif value is Special.INCREMENT:
        action = attribute.add(1)
    else:
        action = attribute.set(value)
    return action


def condition(task: type[TaskItem], key: str, write: Write) -> Condition:
    """The condition of the write on the item with that key."""
    guard = write.guard
    if isinstance(guard, Startable):
        return _startable(task, key, guard)
    if isinstance(guard, Unchanged):
        return _unchanged(task, key, guard.state)
    if isinstance(guard, HeldBy):
        return _held(task, guard, write.changes)
    assert_never(guard)


def _held(task: type[TaskItem], guard: HeldBy, changes: Mapping[str, Any]) -> Condition:
    held: Condition = (task.lock == guard.lock) & (task.fence == guard.fence)
    if guard.growing is not None:
        attribute = getattr(task, guard.growing)
        held &= attribute.does_not_exist() | (attribute < changes[guard.growing])
    return held


def _startable(task: type[TaskItem], key: str, guard: Startable) -> Condition:
    status_allows = task.has_status(key, *guard.statuses)
    nobody_holds_it = task.lock.does_not_exist() | (task.lock == NOT_LOCKED)
    lease_is_over = task.lock_expire_time <= guard.now
    unknown_lease_is_over = task.lock_expire_time.does_not_exist() & (
        task.lock_time.does_not_exist() | (task.lock_time <= guard.unknown_lease_since)
    )
    due = task.not_before.does_not_exist() | (task.not_before <= guard.now)
    as_then = task.update_time.does_not_exist() | (task.update_time <= guard.now)
    first_time = ~task.finished_locks.contains(guard.lock) & ~task.vanished_locks.contains(guard.lock)
    free = nobody_holds_it | lease_is_over | unknown_lease_is_over
    allowed: Condition = first_time & status_allows & free & due & as_then
    if guard.or_absent:
        allowed |= task.key.does_not_exist()
    return allowed


def _unchanged(task: type[TaskItem], key: str, state: TaskState) -> Condition:
    unchanged: Condition = task.has_status(key, state.status)
    for attribute, value in (
        (task.lock_expire_time, state.lock_expire_time),
        (task.update_time, state.update_time),
    ):
        unchanged &= attribute.does_not_exist() if value is None else attribute == value
    for counter, number in ((task.fence, state.fence), (task.run, state.run)):
        unchanged &= (counter == number) if number else (counter.does_not_exist() | (counter == 0))
    if state.lock is None:
        unchanged &= task.lock.does_not_exist() | (task.lock == NOT_LOCKED)
    else:
        unchanged &= task.lock == state.lock
    return unchanged
