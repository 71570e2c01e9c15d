"""The DynamoDB backend: PynamoDB models whose items are tasks. What lists them is imported on first use."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .._extras import missing_extra

try:
    import botocore  # noqa: F401
    import pynamodb  # noqa: F401
except ModuleNotFoundError as error:
    raise missing_extra("dynamodb", error) from error

from .attributes import EPOCH, NOT_LOCKED
from .index import StatusAndUpdateTimeIndex
from .model import BaseTask

if TYPE_CHECKING:
    from .query import Count, TaskQuery

__all__ = ["EPOCH", "NOT_LOCKED", "BaseTask", "Count", "StatusAndUpdateTimeIndex", "TaskQuery"]


def __getattr__(name: str) -> object:
    if name not in {"Count", "TaskQuery"}:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from . import query  # noqa: PLC0415  # on first use, see the module's docstring

    value = getattr(query, name)
    globals()[name] = value
    return value
