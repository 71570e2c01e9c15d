"""A limit to how many tasks a second a loop works on."""

from __future__ import annotations

import math
import time
from collections.abc import Callable

from ..core.config import is_number


class Pace:
    """Limits a loop to so many steps a second, evenly.

    Args:
        rate: at most so many a second; None for no limit.
        sleep: waits for so many seconds.

    Raises:
        ValueError: the rate is no number above 0.
    """

    def __init__(self, rate: float | None, sleep: Callable[[float], None] = time.sleep) -> None:
        if rate is not None and not (is_number(rate) and math.isfinite(rate) and rate > 0):
            raise ValueError(f"rate is {rate!r}: give tasks a second, above 0, or leave it out.")
        self._pause = 0.0 if rate is None else 1 / rate
        self._sleep = sleep
        self._next = 0.0

    def wait(self) -> None:
        """Sleep until the next action is due."""
        now = time.monotonic()
        if self._next > now:
            self._sleep(self._next - now)
        self._next = max(self._next, now) + self._pause
