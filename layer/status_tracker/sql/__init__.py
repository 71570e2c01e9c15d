"""The SQL backend: SQLAlchemy models whose rows are tracked jobs."""

from .._extras import missing_extra

try:
    import sqlalchemy  # noqa: F401
except ModuleNotFoundError as error:
    raise missing_extra("sql", error) from error

from ..core.errors import StatusNotSavedError, TaskLockLostError, TaskTransactionError
from .columns import EPOCH
from .errors import (
    JobAlreadyExistsError,
    JobAlreadySucceededError,
    JobExecutionError,
    JobExhaustedError,
    JobIgnoredError,
    JobIsNotInitializedError,
    JobIsNotReadyToStartError,
    JobLockedError,
    JobNotDueError,
    MissingColumnsError,
)
from .job_table import OperableJobs
from .migration import add_missing_columns
from .model import JobMixin
from .pauses import SqlPauseBoard
from .settings import Statuses
from .times import UTCDateTime
from .updates import Updates

__all__ = [
    "EPOCH",
    "JobAlreadyExistsError",
    "JobAlreadySucceededError",
    "JobExecutionError",
    "JobExhaustedError",
    "JobIgnoredError",
    "JobIsNotInitializedError",
    "JobIsNotReadyToStartError",
    "JobLockedError",
    "JobMixin",
    "JobNotDueError",
    "MissingColumnsError",
    "OperableJobs",
    "SqlPauseBoard",
    "StatusNotSavedError",
    "Statuses",
    "TaskLockLostError",
    "TaskTransactionError",
    "UTCDateTime",
    "Updates",
    "add_missing_columns",
]
