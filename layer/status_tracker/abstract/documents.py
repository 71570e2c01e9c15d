"""Trackers as JSON documents, in the format of abstract_tracker; what files and objects of S3 have in common."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self, TypeVar, cast

from ..core.history import told
from .base import BaseTracker
from .declared import T_ID, TIMES
from .errors import TrackerChangedError, TrackerUnreadableError

ResultT = TypeVar("ResultT")


def _with_room(call: Callable[[], ResultT]) -> ResultT:
    """The result of the call, for which the caller's own calls leave room enough or not.

    So what was written at one place can be read and written at any other.
    """
    try:
        return call()
    except RecursionError:
        with ThreadPoolExecutor(1) as fresh:
            return fresh.submit(call).result()


@dataclass
class DocumentTracker(BaseTracker):
    """The ten fields as a dataclass; a subclass that is a dataclass may add fields, which hold JSON values."""

    id: T_ID
    status: int
    attempts: int
    create_time: datetime
    update_time: datetime
    lock: str | None
    lock_time: datetime
    lock_expire_time: datetime
    data: dict[str, Any]
    errors: dict[str, Any]

    # No field: marks the stored document that this object was loaded from or dumped to; None where there is none.
    _stamp = cast("str | None", None)

    @classmethod
    def _names(cls) -> list[str]:
        return [field.name for field in dataclasses.fields(cls) if field.init]

    def _encoded(self) -> bytes:
        """The document. Raises `TypeError` or `ValueError` where JSON cannot hold a field."""
        values = {name: getattr(self, name) for name in self._names()}
        values |= {name: values[name].isoformat() for name in TIMES}
        try:
            return _with_room(lambda: json.dumps(values, indent=4)).encode()
        except RecursionError as deep:
            raise ValueError("a field is nested deeper than JSON is written here: keep fewer levels") from deep

    @classmethod
    def _decoded(cls, task_id: T_ID, content: bytes, stamp: str | None, where: str) -> Self:
        """The tracker of a document. Raises `TrackerUnreadableError` where it is none, or another task's."""
        try:
            document = _with_room(lambda: json.loads(content))
            values = {name: document[name] for name in cls._names() if name in document}
            tracker = cls(**values | {name: datetime.fromisoformat(values[name]) for name in TIMES})
        except (KeyError, TypeError, ValueError, RecursionError) as error:
            found = f"no {cls.__name__} ({told(error)})"
            raise cls._unreadable(task_id, where, found) from error
        if str(tracker.id) != str(task_id):
            raise cls._unreadable(task_id, where, f"{cls.__name__} {tracker.id!r} instead of {task_id!r}")
        tracker._stamp = stamp
        return tracker

    @classmethod
    def _unreadable(cls, task_id: T_ID, where: str, found: str) -> TrackerUnreadableError:
        return TrackerUnreadableError(
            f"{where} holds {found}: mend or remove it.", use_case_id=cls.__name__, task_id=str(task_id)
        )

    def _show_bookkeeping(self, stored: Self) -> None:
        super()._show_bookkeeping(stored)
        self._stamp = stored._stamp

    def _changed(self, where: str) -> TrackerChangedError:
        found = "exists already" if self._stamp is None else "has been changed since this object was loaded"
        return TrackerChangedError(
            f"{where} {found}: nothing was stored. Load {type(self).__name__} {self.id!r} again.",
            use_case_id=type(self).__name__,
            task_id=str(self.id),
        )
