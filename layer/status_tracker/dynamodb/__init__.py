"""The DynamoDB backend: PynamoDB models whose items are tasks."""

from .._extras import missing_extra

try:
    import botocore  # noqa: F401
    import pynamodb  # noqa: F401
except ModuleNotFoundError as error:
    raise missing_extra("dynamodb", error) from error

from .attributes import EPOCH, NOT_LOCKED
from .index import StatusAndUpdateTimeIndex
from .model import BaseTask
from .query import Count, TaskQuery

__all__ = ["EPOCH", "NOT_LOCKED", "BaseTask", "Count", "StatusAndUpdateTimeIndex", "TaskQuery"]
