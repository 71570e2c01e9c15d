"""The DynamoDB backend: PynamoDB models whose items are tasks."""

from .._extras import missing_extra

try:
    import pynamodb  # noqa: F401
except ModuleNotFoundError as error:
    raise missing_extra("dynamodb", error) from error

from .index import StatusAndUpdateTimeIndex
from .model import BaseTask
from .query import Count, TaskQuery

__all__ = ["BaseTask", "Count", "StatusAndUpdateTimeIndex", "TaskQuery"]
