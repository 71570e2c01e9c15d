"""The store of a tracker's item."""

from __future__ import annotations

from typing import Any, TypeVar

from ..core.port import Write
from ..core.state import EDIT_MARK
from ..dynamodb.expressions import actions, condition, update_arguments
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


class EditStore(TrackerStore[ItemT]):
    """The store of one change by hand, which it makes once: such a change need not alter what the guard compares."""

    def __init__(self, tracker_class: type[ItemT], key: str, edit: str) -> None:
        super().__init__(tracker_class, key)
        self._edit = edit

    def _update(self, write: Write) -> dict[str, Any]:
        of_it = (self._class, self._key, write)
        first_time = ~self._class.finished_locks.contains(f"{EDIT_MARK}{self._edit}")
        return update_arguments(self._class, self._key, actions(*of_it), condition(*of_it) & first_time)
