"""Track, lock, retry and fence the tasks of business-critical work.

``import status_tracker as st`` gives every public name. Those of the DynamoDB backend are imported on first use,
so that users of other backends need no pynamodb.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ._version import __version__
from .core.config import BaseStatusEnum, StatusNameEnum, TrackerConfig, ensure_status_value, get_utc_now
from .core.errors import (
    NoMoreRetryError,
    NonRetryableError,
    Postponed,
    StatusNotSavedError,
    StoreUnansweredError,
    TaskAlreadyExistsError,
    TaskAlreadySucceedError,
    TaskDataTooLargeError,
    TaskExecutionError,
    TaskExhaustedError,
    TaskIgnoredError,
    TaskIsNotInitializedError,
    TaskIsNotReadyToStartError,
    TaskLockedError,
    TaskLockLostError,
    TaskNotDueError,
    TaskPausedError,
    TasksNotCreatedError,
    TaskTransactionError,
    TaskUnreadableError,
)
from .core.execution import ExecutionContext
from .core.task import RunState

if TYPE_CHECKING:
    from .dynamodb import EPOCH, NOT_LOCKED, BaseTask, StatusAndUpdateTimeIndex, TaskQuery

__all__ = [
    "EPOCH",
    "NOT_LOCKED",
    "BaseStatusEnum",
    "BaseTask",
    "ExecutionContext",
    "NoMoreRetryError",
    "NonRetryableError",
    "Postponed",
    "RunState",
    "StatusAndUpdateTimeIndex",
    "StatusNameEnum",
    "StatusNotSavedError",
    "StoreUnansweredError",
    "TaskAlreadyExistsError",
    "TaskAlreadySucceedError",
    "TaskDataTooLargeError",
    "TaskExecutionError",
    "TaskExhaustedError",
    "TaskIgnoredError",
    "TaskIsNotInitializedError",
    "TaskIsNotReadyToStartError",
    "TaskLockLostError",
    "TaskLockedError",
    "TaskNotDueError",
    "TaskPausedError",
    "TaskQuery",
    "TaskTransactionError",
    "TaskUnreadableError",
    "TasksNotCreatedError",
    "TrackerConfig",
    "__version__",
    "ensure_status_value",
    "get_utc_now",
]

_DYNAMODB_NAMES = frozenset({"EPOCH", "NOT_LOCKED", "BaseTask", "StatusAndUpdateTimeIndex", "TaskQuery"})


def __getattr__(name: str) -> object:
    if name not in _DYNAMODB_NAMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from . import dynamodb  # noqa: PLC0415  # on first use, see the module's docstring

    value = getattr(dynamodb, name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
