"""The errors that only trackers have; all others are the library's."""

from __future__ import annotations

from ..core.errors import TaskExecutionError, TaskUnreadableError


class TrackerChangedError(TaskExecutionError):
    """Somebody else has written the tracker since this object was loaded; nothing was stored. Load it again."""


class TrackerUnreadableError(TaskUnreadableError):
    """What is stored is no tracker; it was left as it is."""


class TrackerNotStorableError(TaskExecutionError):
    """The tracker's backend cannot take what `data` or a further field holds; nothing was stored."""
