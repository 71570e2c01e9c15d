"""Faults between a worker and its store."""

from __future__ import annotations

import enum
import threading
from collections import deque
from collections.abc import Callable
from typing import TypeVar

from ..core.errors import TaskExecutionError
from ..core.port import StoreError, WriteRejectedError

AnswerT = TypeVar("AnswerT")


class BackendError(Exception):
    """Stands for a real backend's exception."""


class Fault(enum.Enum):
    """A fault of a write."""

    UNAVAILABLE = "nothing is stored, and the same write may go through later"
    BROKEN = "nothing is stored, and the same write will not go through later either"
    ANSWER_LOST = "the write is carried out, and the caller is told that it may have failed"
    SENT_TWICE = "the first answer is lost, the client library sends the same again, and the second answer comes"

    def error(self) -> StoreError:
        """The error that the caller of the write gets."""
        return StoreError(BackendError(self.value), transient=self is not Fault.BROKEN)


class Faults:
    """The faults that are still to come, in order."""

    def __init__(self) -> None:
        self._coming: deque[Fault | WriteRejectedError] = deque()
        self._one_at_a_time = threading.Lock()

    def befall(self, fault: Fault, times: int = 1) -> None:
        """Make the next writes without a fault have this one."""
        self._coming.extend([fault] * times)

    def reject(self, reason: TaskExecutionError, times: int = 1) -> None:
        """Reject the next writes without a fault, with this error."""
        self._coming.extend([WriteRejectedError(reason)] * times)

    def forget(self) -> None:
        """Remove all faults of the next writes."""
        self._coming.clear()

    def meet(self) -> Fault | None:
        """The fault of this write, if it has one that comes after it is stored.

        Raises:
            StoreError: the write is not made.
        """
        with self._one_at_a_time:
            fault = self._coming.popleft() if self._coming else None
        if isinstance(fault, WriteRejectedError):
            raise fault
        if fault in {Fault.UNAVAILABLE, Fault.BROKEN}:
            raise fault.error()
        return fault

    def around(self, write: Callable[[], AnswerT]) -> AnswerT:
        """Carry a write out, with the fault that it has.

        Raises:
            StoreError: the write is not made, or its answer is lost.
        """
        fault = self.meet()
        answer = write()
        if fault is Fault.ANSWER_LOST:
            raise fault.error()
        return write() if fault is Fault.SENT_TWICE else answer
