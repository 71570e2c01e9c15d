"""Where it is kept what is paused, for trackers: a tracker of its own (R20)."""

from __future__ import annotations

from ..core.errors import TaskAlreadyExistsError
from .base import BaseTracker
from .declared import T_ID
from .errors import TrackerChangedError

_FIELD = "pauses"


class TrackerPauseBoard:
    """The `data` of one tracker, which no worker starts.

    As safe as the `dump` of its class: with `FileTracker` and `S3Tracker`, several may pause and resume at once.

    Args:
        tracker_class: its class, best one that is for nothing else.
        id: its id.

    Example::

        pauses = Pauses("invoices", lambda: TrackerPauseBoard(Board, "invoices"))
        pauses.pause(reason="the printer is out of ink", by="ada")
    """

    def __init__(self, tracker_class: type[BaseTracker], id: T_ID) -> None:  # noqa: A002  # as of a tracker
        self._class = tracker_class
        self._id = id

    def read(self) -> str | None:
        """What is paused, as text; None if there is nothing."""
        tracker = self._class.load(self._id)
        return None if tracker is None else (tracker.data or {}).get(_FIELD)

    def replace(self, before: str | None, after: str) -> bool:
        """Store `after` if `before` is still what is stored; whether it was."""
        try:
            tracker = self._class.load(self._id)
            if tracker is None:
                self._class.new(self._id)
                tracker = self._class.load(self._id)  # what `new` returns may belong to the session that stored it
            if tracker is None or (tracker.data or {}).get(_FIELD) != before:
                return False
            tracker.data = {_FIELD: after}
            tracker.dump()
        except (TaskAlreadyExistsError, TrackerChangedError):
            return False
        return True
