"""One attempt at a task, as v5's users see it: the tracker itself is what the block works with."""

from __future__ import annotations

from types import TracebackType
from typing import TYPE_CHECKING, Generic, TypeVar

from ..core.execution import Execution
from .attributes import TrackerStore

if TYPE_CHECKING:
    from .tracker import BaseStatusTracker

TrackerT = TypeVar("TrackerT", bound="BaseStatusTracker")


class Attempt(Generic[TrackerT]):
    """Runs an execution, and lets the tracker show what is stored."""

    def __init__(self, tracker: TrackerT, store: TrackerStore[TrackerT], execution: Execution[TrackerT]) -> None:
        self._tracker = tracker
        self._store = store
        self._execution = execution

    def __enter__(self) -> TrackerT:
        self._tracker.pre_start_hook()
        try:
            self._context = self._execution.__enter__()
        except BaseException:
            if self._store.seen is not None:
                self._tracker._show(self._store.seen)
            raise
        self._tracker._show(self._context.task)
        self._tracker._context = self._context
        return self._tracker

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        try:
            self._execution.__exit__(kind, error, traceback)
        finally:
            self._tracker._context = None
            self._tracker._show(self._context.task)
            self._tracker.post_start_hook()
