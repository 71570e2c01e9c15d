"""What goes wrong inside of a process, where there is no network to a server: around each of its commits."""

from __future__ import annotations

import os
import signal
import time
from dataclasses import dataclass
from typing import Any, NoReturn

from .board import Board
from .journal import Journal
from .plan import Options, lot


class Faults:
    """Draws what befalls the commits of one process, and logs it.

    Args:
        seat: the seat of the process; its number on the board counts the commits.
    """

    def __init__(self, options: Options, name: str, board: Board, seat: int, journal: Journal) -> None:
        self._dice = lot(options, "faults", name)
        self._board = board
        self._seat = seat
        self._journal = journal
        self._max_delay = options.max_delay
        self._rates = {
            "lost_answer": options.lost_answers,
            "error_before": options.errors,
            "delay": options.delays,
            "killed_before": options.deaths / 2,
            "killed_after": options.deaths / 2,
        }

    def draw(self) -> Fault:
        """For one commit that is about to be made."""
        self._board.count(self._seat)
        point = self._dice.random()
        for kind, rate in self._rates.items():
            if point < rate:
                return Fault(kind, self, self._dice.uniform(0, self._max_delay))
            point -= rate
        return Fault("none", self, 0.0)

    def log(self, kind: str, **facts: Any) -> None:
        self._journal.write("fault", kind=kind, operation="commit", **facts)


@dataclass(frozen=True)
class Fault:
    """What befalls one commit.

    Attributes:
        delay: seconds that it is held up, with all its locks, where that is the fault.
    """

    kind: str
    faults: Faults
    delay: float

    def before(self, error: Exception) -> None:
        """Just before it; raises the error where nothing is to be carried out."""
        if self.kind == "delay":
            self.faults.log(self.kind)
            time.sleep(self.delay)
        elif self.kind == "killed_before":
            self._die({})
        elif self.kind == "error_before":
            self.faults.log(self.kind)
            raise error

    def after(self, error: Exception, held: dict[str, Any]) -> None:
        """Just after it; raises the error where its answer is lost.

        Args:
            held: the task, the fence and the lock that it has acquired; empty if it is no acquire.
        """
        if self.kind == "killed_after":
            self._die(held)
        elif self.kind == "lost_answer":
            self.faults.log(self.kind, **held)
            raise error

    def _die(self, held: dict[str, Any]) -> NoReturn:
        self.faults.log(self.kind, **held)
        os.kill(os.getpid(), signal.SIGKILL)
        raise AssertionError("A process has survived SIGKILL.")
