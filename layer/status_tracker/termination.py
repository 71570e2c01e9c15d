"""Lets a worker that is told to end (SIGTERM) report back first.

By default SIGTERM ends a Python process on the spot, and a task it works on stays in progress until its lease is over.
While a task is worked on in the main thread, SIGTERM raises `SystemExit` in the block instead, so that the attempt is
recorded and the task released. An application that has set a handler of its own keeps it.

A process has but one handler, so attempts within attempts share it: SIGTERM is held back while any of them writes.
"""

from __future__ import annotations

import signal
import threading
from dataclasses import dataclass
from types import FrameType

_EXIT_STATUS = 128 + signal.SIGTERM


@dataclass
class _Process:
    """What the attempts of the main thread share."""

    attempts: int = 0
    writing: int = 0
    requested: bool = False

    def on_signal(self, _number: int, _frame: FrameType | None) -> None:
        self.requested = True
        self.exit_if_requested()

    def exit_if_requested(self) -> None:
        if self.requested and not self.writing:
            self.requested = False
            raise SystemExit(_EXIT_STATUS)


_process = _Process()


class Termination:
    """The part of one attempt in this: SIGTERM is held back while it writes, and raises while its block runs."""

    def __init__(self) -> None:
        self._shares = False

    def begin(self) -> None:
        """The attempt begins, by writing."""
        if threading.current_thread() is not threading.main_thread():
            return
        if _process.attempts == 0:
            if signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL:
                return
            signal.signal(signal.SIGTERM, _process.on_signal)
        self._shares = True
        _process.attempts += 1
        _process.writing += 1

    def allow(self) -> None:
        """The block begins: what was held back raises `SystemExit` now."""
        if self._shares:
            _process.writing -= 1
            _process.exit_if_requested()

    def defer(self) -> None:
        """The block has ended, and its end is written."""
        if self._shares:
            _process.writing += 1

    def end(self, *, raising: bool) -> None:
        """The attempt has ended; with `raising`, what was held back raises `SystemExit` now."""
        if not self._shares:
            return
        self._shares = False
        _process.attempts -= 1
        _process.writing -= 1
        try:
            if raising:
                _process.exit_if_requested()
        finally:
            if _process.attempts == 0:
                _process.requested = False
                signal.signal(signal.SIGTERM, signal.SIG_DFL)
