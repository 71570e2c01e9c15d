"""The clock of the account's metrics and alarms, which can be moved forward."""

import math
import time
from typing import NamedTuple

MINUTE = 60


class _Move(NamedTuple):
    when: float
    seconds: float


class Clock:
    """The machine's time, and ahead of it by as much as it was moved.

    What happens is dated by this clock: after a move of ten minutes all that was there before is ten minutes older.
    """

    def __init__(self) -> None:
        self._moves: list[_Move] = []

    def now(self) -> float:
        """The time here, in seconds since 1970."""
        return self.at(time.time())

    def at(self, moment: float) -> float:
        """The time that it was here at a moment of the machine's clock; both in seconds since 1970."""
        return moment + sum(move.seconds for move in self._moves if move.when <= moment)

    def forward(self, seconds: float) -> None:
        """Move it forward.

        Raises:
            ValueError: the seconds are negative, or no finite number.
        """
        if not 0 <= seconds < math.inf:
            raise ValueError(f"The clock cannot be moved by {seconds} s, only forward, by 0 s or more.")
        self._moves = [*self._moves, _Move(time.time(), seconds)]


def minute_of(moment: float) -> int:
    """The beginning of the minute that a moment is in; both in seconds since 1970."""
    return int(moment // MINUTE) * MINUTE
