"""The store of a tracker's item."""

from __future__ import annotations

from typing import TypeVar

from ..dynamodb.store import DynamoStore
from .item import TrackerItem

ItemT = TypeVar("ItemT", bound=TrackerItem)


class TrackerStore(DynamoStore[ItemT]):
    """The store of one task, which also remembers its last answer."""

    templated = False  # a status is asked of the value, by the job and the status

    @property
    def seen(self) -> ItemT | None:
        """The task in DynamoDB's last answer."""
        return self._last
