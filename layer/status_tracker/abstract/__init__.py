"""Trackers: tasks whose state is loaded and dumped as a file, as an object in S3, or by a class of your own."""

from __future__ import annotations

from typing import TypeVar

from ..core.config import get_utc_now
from ..core.errors import NoMoreRetryError, TaskExhaustedError, TaskIgnoredError, TaskLockedError
from .base import BaseTracker
from .declared import EPOCH, T_ID
from .errors import TrackerChangedError, TrackerNotStorableError, TrackerUnreadableError
from .files import FileTracker
from .logger import TrackerLogger, logger
from .pauses import TrackerPauseBoard
from .s3 import S3Tracker
from .statuses import T_STATUS_ENUM, BaseStatusEnum, StatusEnum

T_TRACKER = TypeVar("T_TRACKER", bound=BaseTracker)

__all__ = [
    "EPOCH",
    "T_ID",
    "T_STATUS_ENUM",
    "T_TRACKER",
    "BaseStatusEnum",
    "BaseTracker",
    "FileTracker",
    "NoMoreRetryError",
    "S3Tracker",
    "StatusEnum",
    "TaskExhaustedError",
    "TaskIgnoredError",
    "TaskLockedError",
    "TrackerChangedError",
    "TrackerLogger",
    "TrackerNotStorableError",
    "TrackerPauseBoard",
    "TrackerUnreadableError",
    "get_utc_now",
    "logger",
]
