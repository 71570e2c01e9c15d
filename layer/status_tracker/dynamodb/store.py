"""Makes the writes of the lifecycle on DynamoDB, each in one conditional request."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any, ClassVar, Generic, TypeVar, cast
from weakref import WeakKeyDictionary, WeakSet

from botocore.exceptions import BotoCoreError, ClientError
from pynamodb.constants import KEY
from pynamodb.exceptions import DeleteError, GetError, PutError, TransactWriteError, UpdateError

from ..core.errors import TaskDataTooLargeError, TaskExecutionError, TaskTransactionError, TaskUnreadableError
from ..core.port import HeldBy, Special, StoreError, Unchanged, UnreadableError, Write, WriteRejectedError, WriteResult
from ..core.state import TaskState
from .also import Also
from .expressions import actions, condition, update_arguments
from .failures import code_of, is_transient, raw_error
from .item import TaskItem
from .templates import Creation, Template, put_arguments, shape_of
from .unreadable import check_form, state_in, task_of

_TRANSIENT_REASONS = frozenset({"ProvisionedThroughputExceeded", "ThrottlingError", "TransactionConflict"})
_HOPELESS_CODES = frozenset({"ResourceNotFoundException", "TransactionCanceledException", "ValidationException"})
_UNCOUNTED = {"ReturnConsumedCapacity": "NONE"}
"""PynamoDB asks for the capacity of each request, for its debug log."""
_ANSWERED = {"ReturnValues": "ALL_NEW", **_UNCOUNTED}

TaskT = TypeVar("TaskT", bound=TaskItem)

_templates: WeakKeyDictionary[type[TaskItem], dict[Hashable, Template]] = WeakKeyDictionary()
_creations: WeakKeyDictionary[type[TaskItem], Creation] = WeakKeyDictionary()
_answering: WeakSet[Any] = WeakSet()
"""The clients whose endpoints have refused a write and returned the item."""


class DynamoStore(Generic[TaskT]):
    """The store of one task: the item with that key.

    Attributes:
        also: the block's writes to store together with its success.
        templated: whether the expressions of a write depend on its shape alone, so that they are built only once.
    """

    templated: ClassVar[bool] = True

    def __init__(self, task_class: type[TaskT], key: str) -> None:
        self.also = Also()
        self._class = task_class
        self._key = key
        self._last: TaskT | None = None

    def write(self, write: Write) -> WriteResult[TaskT]:
        """Store the changes if the guard holds, with one UpdateItem; a refusal returns the item."""
        applied, item = self._send("UpdateItem", {**self._update(write), **_ANSWERED}, UpdateError)
        if applied and not item:  # cut off on its way, so that botocore saw an empty body
            raise StoreError(UpdateError(f"UpdateItem of {self._key!r} was answered with no item"), transient=True)
        return self._answer(write, applied=applied, item=item)

    def _answer(self, write: Write, *, applied: bool, item: Any) -> WriteResult[TaskT]:
        try:
            return WriteResult(applied=applied, task=self._task(item) if applied else self._refused(item))
        except TaskUnreadableError as error:
            if applied and isinstance(write.guard, HeldBy):
                return WriteResult(applied=True, task=self._as_written(write))
            holder = (item or {}).get(self._class.lock.attr_name)
            if holder is None or holder != {"S": write.changes.get("lock")}:
                raise UnreadableError(error) from error
            raise UnreadableError(error, *state_in(self._class, item, write.changes["status"])) from error

    def succeed(self, write: Write) -> WriteResult[TaskT]:
        """As `write`; in one transaction with the block's further writes, if there are any."""
        if not self.also:
            return self.write(write)
        try:
            self.also.commit_with(self._connection(), self._update(write))
        except TransactWriteError as error:
            return self._transaction_refused(write, error)
        return WriteResult(applied=True, task=self._as_written(write))

    def _update(self, write: Write) -> dict[str, Any]:
        if not self.templated:
            of_it = (self._class, self._key, write)
            return update_arguments(self._class, self._key, actions(*of_it), condition(*of_it))
        templates = _templates.setdefault(self._class, {})
        shape = shape_of(write)
        template = templates.get(shape)
        if template is None:
            template = templates[shape] = Template(self._class, write)
        return template.fill(self._class, self._key, write)

    def create(self, task: TaskT) -> WriteResult[TaskT]:
        """Put the item unless one with that key exists."""
        applied, item = self._send("PutItem", {**self._put(task), **_UNCOUNTED}, PutError)
        if applied:
            task.update_local_version_attribute()  # type: ignore[no-untyped-call]
            return WriteResult(applied=True, task=task)
        try:
            found = self._refused(item)
        except TaskUnreadableError as error:
            raise UnreadableError(error) from error
        if found is None:
            raise StoreError(PutError(f"PutItem of {self._key!r} was refused, and no item is there"), transient=True)
        return WriteResult(applied=False, task=found)

    def _put(self, task: TaskT) -> dict[str, Any]:
        if not task._get_codec().saves:
            return put_arguments(task)
        creation = _creations.get(self._class)
        if creation is None:
            creation = _creations[self._class] = Creation(task)
        return creation.fill(task)

    def remove(self, guard: Unchanged) -> WriteResult[TaskT]:
        """Delete the item if the guard holds; a refusal returns it."""
        arguments = self._class._get_connection().get_operation_kwargs(
            self._key,
            key=KEY,
            condition=condition(self._class, self._key, Write(guard, {})),
            return_values_on_condition_failure="ALL_OLD",
        )
        applied, item = self._send("DeleteItem", {**arguments, **_UNCOUNTED}, DeleteError)
        try:
            return WriteResult(applied=applied, task=None if applied else self._refused(item))
        except TaskUnreadableError as error:
            raise UnreadableError(error) from error

    def read(self) -> TaskT | None:
        """The item as it is stored now (a consistent read). Raises `TaskUnreadableError` if it is no task."""
        task = self._found()
        if task is not None:
            check_form(self._class, self._key, task)
        return task

    def _found(self) -> TaskT | None:
        page = self._class._get_connection().get_item(self._key, consistent_read=True)
        return self._task((page or {}).get("Item"))

    def _refused(self, item: Any) -> TaskT | None:
        """The task after a refusal. If that came without an item there is none, or the endpoint never returns them."""
        client = self._connection().client
        if item:
            _answering.add(client)
            return self._task(item)
        if client in _answering:
            return None
        try:
            return self._found()
        except GetError as error:
            if code_of(raw_error(error)) != "AccessDeniedException":
                raise StoreError(error, transient=is_transient(raw_error(error))) from error
            _answering.add(client)  # permissions are AWS's own, which returns the item if there is one
            return None

    def state(self, task: TaskT) -> TaskState:
        """What the rules need to know of an item."""
        return task.tracked_state()

    def _connection(self) -> Any:
        return self._class._get_connection().connection

    def _send(
        self, operation: str, arguments: dict[str, Any], error_class: type[PutError | UpdateError | DeleteError]
    ) -> tuple[bool, Any]:
        """Whether the request was carried out, and the item as it stands, where that is answered."""
        try:
            response = self._connection().dispatch(operation, arguments)
        except (BotoCoreError, ClientError) as error:
            return False, self._refusing_item(operation, error, error_class)
        return True, response.get("Attributes")

    def _refusing_item(
        self,
        operation: str,
        error: BotoCoreError | ClientError,
        error_class: type[PutError | UpdateError | DeleteError],
    ) -> Any:
        """The item that has refused a write. Raises `StoreError` for any other failure of it.

        In a function of its own: a frame that the error came through, and that holds it, keeps both alive.
        """
        # PynamoDB keeps only the code of a refused write; the item is in botocore's own exception.
        raw = error.__cause__ if isinstance(error.__cause__, ClientError) else error
        if isinstance(raw, ClientError) and code_of(raw) == "ConditionalCheckFailedException":
            return raw.response.get("Item")
        if code_of(raw) == "ValidationException" and "Item size" in str(raw):
            raise WriteRejectedError(self._about(TaskDataTooLargeError, f"does not fit into its item: {raw}")) from raw
        cause = error_class(f"{operation} of {self._key!r} failed: {error}", error)
        raise StoreError(cause, transient=is_transient(raw)) from error

    def _transaction_refused(self, write: Write, error: TransactWriteError) -> WriteResult[TaskT]:
        """Handle a transaction that failed; the task's own write is its last one."""
        *others, own = error.cancellation_reasons or [None]
        if own is not None and own.code == "ConditionalCheckFailed":
            return self._answer(write, applied=False, item=own.raw_item)
        reasons = [reason for reason in (*others, own) if reason is not None]
        cause = (error.cause and error.cause.__cause__) or error.cause or error
        if any(reason.code in _TRANSIENT_REASONS for reason in reasons):
            raise StoreError(error, transient=True) from error
        if not reasons and code_of(cause) not in _HOPELESS_CODES:
            raise StoreError(error, transient=is_transient(cause)) from error
        told = "; ".join(f"{reason.code}: {reason.message}" for reason in reasons) or str(error.cause)
        raise WriteRejectedError(
            self._about(TaskTransactionError, f"was not stored, nor what was to be stored with its success: {told}")
        ) from error

    def _task(self, item: Any) -> TaskT | None:
        if not item:
            return None
        task = task_of(self._class, self._key, item)
        if isinstance(task, TaskUnreadableError):
            raise task
        self._last = cast("TaskT", task)
        return self._last

    def _as_written(self, write: Write) -> TaskT | None:
        """The task after a write that returned no item, or none that can be read: as last seen, with the changes."""
        if self._last is not None:
            for name, value in self._class.stored_form(write.changes).items():
                setattr(self._last, name, None if value is Special.REMOVE else value)
            if "status" in write.changes:
                self._last.value = self._class.index_value_of(self._key, write.changes["status"])
            self._last.update_local_version_attribute()  # type: ignore[no-untyped-call]
        return self._last

    def _about(self, error_class: type[TaskExecutionError], what: str) -> TaskExecutionError:
        use_case_id, task_id = self._class.split_key(self._key)
        task = error_class.to_task(use_case_id, task_id)
        return error_class(f"{task} {what}", use_case_id=use_case_id, task_id=task_id)
