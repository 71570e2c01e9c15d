"""A clock that stands still until a test moves it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

TICK = timedelta(microseconds=1)
"""The smallest step of the times that are stored."""


class Clock:
    """Give it as `clock=` to `TrackerConfig.make`; leases then end when the test says so.

    Attributes:
        now: what it says. A test may set it.
    """

    def __init__(self, now: datetime = datetime(2026, 1, 1, tzinfo=UTC)) -> None:
        self.now = now

    def __call__(self) -> datetime:
        """What it says, as the library asks for it."""
        return self.now

    def sleep(self, seconds: float) -> None:
        """Advance the clock: the library waits with it between repeated writes, so that no test really waits."""
        self.advance(seconds)

    def advance(self, seconds: float) -> None:
        """Have so many seconds pass."""
        self.now += timedelta(seconds=seconds)
