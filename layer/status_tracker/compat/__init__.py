"""The v5 spelling: `BaseStatusTracker`, as pynamodb_mate 5 had it, over the table and by the rules of `BaseTask`."""

from .._extras import missing_extra

try:
    import botocore  # noqa: F401
    import pynamodb  # noqa: F401
except ModuleNotFoundError as error:
    raise missing_extra("dynamodb", error) from error

from pynamodb.constants import PAY_PER_REQUEST_BILLING_MODE, PROVISIONED_BILLING_MODE

from ..core.config import BaseStatusEnum, ensure_status_value
from ..core.config import get_utc_now as utc_now
from ..core.errors import TaskIgnoredError, TaskLockedError
from ..dynamodb.attributes import EPOCH
from ..dynamodb.index import StatusAndUpdateTimeIndex
from .data import BaseData, BaseDataClass, BaseErrors
from .tracker import BaseStatusTracker

__all__ = [
    "EPOCH",
    "PAY_PER_REQUEST_BILLING_MODE",
    "PROVISIONED_BILLING_MODE",
    "BaseData",
    "BaseDataClass",
    "BaseErrors",
    "BaseStatusEnum",
    "BaseStatusTracker",
    "StatusAndUpdateTimeIndex",
    "TaskIgnoredError",
    "TaskLockedError",
    "ensure_status_value",
    "utc_now",
]
