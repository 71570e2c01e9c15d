"""Lets a worker that is told to end (SIGTERM) report back first.

By default SIGTERM ends a Python process on the spot, and a task it works on stays in progress until its lease is over.
While a task is worked on in the main thread, SIGTERM raises `SystemExit` in the block instead, so that the attempt is
recorded and the task released. An application that has set a handler of its own keeps it.

An attempt writes while it is entered and while it is left; a SIGTERM that comes then is held back until it has written.
A process has but one handler, which attempts within attempts share.
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
    requested: bool = False

    def on_signal(self, _number: int, frame: FrameType | None) -> None:
        self.requested = True
        if not _is_writing(frame):
            self.exit_if_requested()

    def exit_if_requested(self) -> None:
        if self.requested:
            self.requested = False
            raise SystemExit(_EXIT_STATUS)


_process = _Process()


class Termination:
    """The part of one attempt in this."""

    def __init__(self) -> None:
        self._shares = False

    def begin(self) -> None:
        """The attempt is entered."""
        if threading.current_thread() is not threading.main_thread():
            return
        if _process.attempts == 0:
            if signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL:
                return
            signal.signal(signal.SIGTERM, _process.on_signal)
        self._shares = True
        _process.attempts += 1

    def check(self) -> None:
        """Raise `SystemExit` if a SIGTERM was held back."""
        if self._shares:
            _process.exit_if_requested()

    def end(self) -> None:
        """The attempt has ended; raise `SystemExit` if a SIGTERM was held back."""
        if not self._shares or threading.current_thread() is not threading.main_thread():
            return
        self._shares = False
        _process.attempts -= 1
        if _process.attempts == 0 and signal.getsignal(signal.SIGTERM) == _process.on_signal:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
        _process.exit_if_requested()


def _is_writing(frame: FrameType | None) -> bool:
    """Whether the signal met the main thread while it enters or leaves an attempt."""
    while frame is not None:
        if frame.f_globals.get("__name__") == "status_tracker.execution" and frame.f_code.co_name in _WRITERS:
            return True
        frame = frame.f_back
    return False


_WRITERS = frozenset({"__enter__", "__exit__"})
