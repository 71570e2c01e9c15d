"""The DynamoDB backend: PynamoDB models whose items are tasks."""

from .index import StatusAndUpdateTimeIndex
from .model import BaseTask
from .query import TaskQuery

__all__ = ["BaseTask", "StatusAndUpdateTimeIndex", "TaskQuery"]
