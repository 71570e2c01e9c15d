"""Lets a worker that is told to end (SIGTERM) report back first.

By default SIGTERM ends a Python process on the spot, and a task it works on stays in progress until its lease is over.
While a task is worked on in the main thread, SIGTERM raises `SystemExit` in the block instead, so that the attempt is
recorded and the task released. An application that has set a handler of its own keeps it.
"""

from __future__ import annotations

import signal
import threading
from types import FrameType

_EXIT_STATUS = 128 + signal.SIGTERM


class Termination:
    """Turns SIGTERM into `SystemExit` inside the block, and holds it back while the status is written."""

    def __init__(self) -> None:
        self._installed = False
        self._deferring = True
        self._requested = False

    def begin(self) -> None:
        """From here on SIGTERM is held back, until `allow`."""
        in_main_thread = threading.current_thread() is threading.main_thread()
        if in_main_thread and signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
            signal.signal(signal.SIGTERM, self._on_signal)
            self._installed = True

    def allow(self) -> None:
        """From here on SIGTERM raises `SystemExit`; one that came before does so now."""
        self._deferring = False
        self._exit_if_requested()

    def defer(self) -> None:
        """From here on SIGTERM is held back."""
        self._deferring = True

    def end(self, *, raising: bool) -> None:
        """Give SIGTERM its default back; with `raising`, one that came since raises `SystemExit` now."""
        if self._installed:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            self._installed = False
        if raising:
            self._exit_if_requested()

    def _on_signal(self, _number: int, _frame: FrameType | None) -> None:
        self._requested = True
        if not self._deferring:
            self._exit_if_requested()

    def _exit_if_requested(self) -> None:
        if self._requested:
            self._requested = False
            raise SystemExit(_EXIT_STATUS)
