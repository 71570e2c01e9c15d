"""Progress where there is no terminal: a line now and then, in a log of CI for example."""

from __future__ import annotations

import time
from collections.abc import Callable

from .text import say

EVERY_SECONDS = 5.0


class ProgressLines:
    """Tells how far something has come, every few seconds.

    Args:
        what: what is done.
        total: how often `advance` will be called; None if that is not known.
        clock: tells seconds.
    """

    def __init__(self, what: str, total: int | None, clock: Callable[[], float] = time.monotonic) -> None:
        self._what, self._total, self._clock = what, total, clock
        self._begun = self._told = clock()
        self._done = self._read = 0

    def advance(self) -> None:
        """One more is done."""
        self._done += 1
        self._tell()

    def look(self) -> None:
        """One more is read, of which nobody knows yet whether there is anything to do."""
        self._read += 1
        self._tell()

    def _tell(self) -> None:
        now = self._clock()
        if now - self._told >= EVERY_SECONDS:
            self._told = now
            say(self._line(now - self._begun))

    def _line(self, seconds: float) -> str:
        if not self._done:
            return f"{self._what}: nothing done yet, {self._read:,} tasks read"
        rate = self._done / seconds
        if self._total is None:
            return f"{self._what}: {self._done:,}, {rate:,.1f} a second"
        left = max(self._total - self._done, 0) / rate
        return f"{self._what}: {self._done:,} of {self._total:,}, {rate:,.1f} a second, about {left:,.0f} s left"
