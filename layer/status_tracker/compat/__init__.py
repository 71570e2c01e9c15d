"""The v5 spelling: `BaseStatusTracker`, as pynamodb_mate 5 had it, over the table and by the rules of `BaseTask`."""

from pynamodb.constants import PAY_PER_REQUEST_BILLING_MODE, PROVISIONED_BILLING_MODE

from ..core.config import BaseStatusEnum
from ..core.errors import TaskIgnoredError, TaskLockedError
from ..dynamodb.index import StatusAndUpdateTimeIndex
from .tracker import BaseStatusTracker

__all__ = [
    "PAY_PER_REQUEST_BILLING_MODE",
    "PROVISIONED_BILLING_MODE",
    "BaseStatusEnum",
    "BaseStatusTracker",
    "StatusAndUpdateTimeIndex",
    "TaskIgnoredError",
    "TaskLockedError",
]
