"""Carries the writes of the lifecycle out on DynamoDB, each in one conditional request."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Generic, TypeVar, assert_never

from botocore.exceptions import BotoCoreError, ClientError
from pynamodb.exceptions import PutError, UpdateError
from pynamodb.expressions.condition import Condition
from pynamodb.expressions.update import Action

from ..execution import Answer, StoreError
from ..writes import Guard, HeldBy, Special, Startable, TaskState, Unchanged, Write

if TYPE_CHECKING:
    from .item import TaskItem

NOT_LOCKED = "__not_locked__"
"""What the `lock` attribute of a free task holds."""

_TRANSIENT_CODES = frozenset(
    {
        "InternalFailure",
        "InternalServerError",
        "LimitExceededException",
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
        "ServiceUnavailable",
        "ThrottlingException",
        "TransactionConflictException",
        "TransactionInProgressException",
    }
)
_SERVER_ERROR = 500

TaskT = TypeVar("TaskT", bound="TaskItem")


class DynamoStore(Generic[TaskT]):
    """The store of one task: the item with that key."""

    def __init__(self, task_class: type[TaskT], key: str) -> None:
        self._class = task_class
        self._key = key

    def write(self, write: Write) -> Answer[TaskT]:
        """Store the changes if the guard holds, with one UpdateItem; a refusal brings the item with it."""
        instance = self._class(self._key)
        arguments = instance.get_update_kwargs_from_instance(
            actions=[*self._actions(write.changes), *self._default_actions(write.defaults)],
            condition=self._condition(write.guard),
            return_values_on_condition_failure="ALL_OLD",
        )
        arguments["ReturnValues"] = "ALL_NEW"
        return self._send("UpdateItem", arguments, UpdateError)

    def create(self, task: TaskT) -> Answer[TaskT]:
        """Put the item if there is none of that key."""
        arguments = task.get_save_kwargs_from_instance(
            condition=self._class.key.does_not_exist(), return_values_on_condition_failure="ALL_OLD"
        )
        answer = self._send("PutItem", arguments, PutError)
        return Answer(applied=True, task=task) if answer.applied else answer

    def read(self) -> TaskT | None:
        """The item as it is stored now (a consistent read)."""
        try:
            return self._class.get(self._key, consistent_read=True)
        except self._class.DoesNotExist:
            return None

    def state(self, task: TaskT) -> TaskState:
        """What the rules need to know of an item."""
        return state_of(task)

    def _send(
        self, operation: str, arguments: dict[str, Any], error_class: type[PutError | UpdateError]
    ) -> Answer[TaskT]:
        connection = self._class._get_connection().connection
        try:
            response = connection.dispatch(operation, arguments)
        except (BotoCoreError, ClientError) as error:
            # PynamoDB keeps only the code of a refused write; the item stands in botocore's own exception.
            raw = error.__cause__ if isinstance(error.__cause__, ClientError) else error
            if isinstance(raw, ClientError) and raw.response["Error"]["Code"] == "ConditionalCheckFailedException":
                return Answer(applied=False, task=self._task(raw.response.get("Item")))
            cause = error_class(f"{operation} of {self._key!r} failed: {error}", error)
            raise StoreError(cause, transient=_is_transient(raw)) from error
        return Answer(applied=True, task=self._task(response.get("Attributes")))

    def _task(self, item: Any) -> TaskT | None:
        return self._class.from_raw_data(item) if item else None

    def _actions(self, changes: Mapping[str, Any]) -> list[Action]:
        actions = []
        for name, value in changes.items():
            attribute = getattr(self._class, name)
            if value is Special.REMOVE:
                actions.append(attribute.remove())
            elif value is Special.INCREMENT:
                actions.append(attribute.add(1))
            elif name == "lock":
                actions.append(attribute.set(NOT_LOCKED if value is None else value))
            else:
                actions.append(attribute.set(value))
        if "status" in changes:
            actions.append(self._class.value.set(self._class.index_value_of(self._key, changes["status"])))
        return actions

    def _default_actions(self, defaults: Mapping[str, Any]) -> list[Action]:
        attributes = ((getattr(self._class, name), value) for name, value in defaults.items())
        return [attribute.set(attribute | value) for attribute, value in attributes]

    def _condition(self, guard: Guard) -> Condition:
        if isinstance(guard, Startable):
            return self._startable(guard)
        if isinstance(guard, Unchanged):
            return self._unchanged(guard.state)
        if isinstance(guard, HeldBy):
            held: Condition = self._class.lock == guard.lock
            return held
        assert_never(guard)

    def _startable(self, guard: Startable) -> Condition:
        task = self._class
        status_allows = task.status.is_in(*guard.statuses)
        nobody_holds_it = task.lock.does_not_exist() | (task.lock == NOT_LOCKED)
        lease_is_over = task.lock_expire_time <= guard.now
        unknown_lease_is_over = task.lock_expire_time.does_not_exist() & (
            task.lock_time.does_not_exist() | (task.lock_time <= guard.unknown_lease_since)
        )
        due = task.not_before.does_not_exist() | (task.not_before <= guard.now)
        allowed: Condition = status_allows & (nobody_holds_it | lease_is_over | unknown_lease_is_over) & due
        if guard.or_absent:
            allowed |= task.key.does_not_exist()
        return allowed

    def _unchanged(self, state: TaskState) -> Condition:
        task = self._class
        unchanged: Condition = task.status == state.status
        for attribute, value in (
            (task.lock_expire_time, state.lock_expire_time),
            (task.update_time, state.update_time),
            (task.fence, state.fence or None),
            (task.run, state.run or None),
        ):
            unchanged &= attribute.does_not_exist() if value is None else attribute == value
        if state.lock is None:
            unchanged &= task.lock.does_not_exist() | (task.lock == NOT_LOCKED)
        else:
            unchanged &= task.lock == state.lock
        return unchanged


def state_of(task: TaskItem) -> TaskState:
    """What the rules need to know of an item, also of one that an older library wrote."""
    return TaskState(
        status=task.status,
        update_time=task.update_time,
        retry=task.retry or 0,
        lock=None if task.lock in {None, NOT_LOCKED} else task.lock,
        lock_time=task.lock_time,
        lock_expire_time=task.lock_expire_time,
        fence=task.fence or 0,
        run=task.run or 0,
        not_before=task.not_before,
        finished_locks=tuple(task.finished_locks or ()),
        errors=task.errors or {},
    )


def _is_transient(error: BaseException) -> bool:
    if not isinstance(error, ClientError):
        return True
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    return error.response["Error"]["Code"] in _TRANSIENT_CODES or status >= _SERVER_ERROR
