"""Lets a worker report back before it is ended by SIGTERM or interrupted by Ctrl-C (SIGINT).

By default SIGTERM ends a Python process on the spot, and a task it works on stays in progress until its lease is over.
While a task is worked on in the main thread, SIGTERM raises `SystemExit` in the block instead, as SIGINT raises
`KeyboardInterrupt`, so that the attempt is recorded and the task released. An application's own
handler is kept.

An attempt writes while it is entered and while it is left; a signal that comes then is held back until it has written,
and a second SIGINT is not. A process has only one handler per signal; nested attempts share it.
"""

from __future__ import annotations

import os
import signal
import threading
from dataclasses import dataclass, field
from types import FrameType
from typing import Any

_WRITERS = frozenset({"__enter__", "__exit__"})
# SIGINT is taken first and given back last: what comes between is held back too.
_DEFAULTS: dict[signal.Signals, Any] = {
    signal.SIGINT: signal.default_int_handler,
    signal.SIGTERM: signal.SIG_DFL,
}


@dataclass
class _Process:
    """State shared by the attempts of the main thread."""

    attempts: int = 0
    held_back: int | None = None
    handled: list[signal.Signals] = field(default_factory=list)

    def on_signal(self, number: int, frame: FrameType | None) -> None:
        impatient = number == signal.SIGINT and self.held_back == signal.SIGINT
        self.held_back = number
        if impatient or not _is_writing(frame):
            self.raise_held_back()

    def raise_held_back(self) -> None:
        if self.held_back is not None:
            number, self.held_back = self.held_back, None
            raise KeyboardInterrupt if number == signal.SIGINT else SystemExit(128 + number)

    def install(self) -> None:
        for number, default in _DEFAULTS.items():
            if signal.getsignal(number) is default:
                signal.signal(number, self.on_signal)
                self.handled.append(number)

    def restore(self) -> None:
        while self.handled:
            number = self.handled.pop()
            if signal.getsignal(number) == self.on_signal:  # else the block has set a handler of its own
                signal.signal(number, _DEFAULTS[number])


_process = _Process()


class Termination:
    """One attempt's share of the signal handlers."""

    def __init__(self) -> None:
        self._shares: _Process | None = None

    def begin(self) -> None:
        """The attempt is entered."""
        if threading.current_thread() is not threading.main_thread():
            return
        if _process.attempts == 0:
            _process.install()
        _process.attempts += 1
        self._shares = _process

    def check(self) -> None:
        """Raise the signal that was held back."""
        if self._shares is _process:
            _process.raise_held_back()

    def end(self) -> None:
        """The attempt has ended; raise the signal that was held back."""
        if self._shares is not _process or threading.current_thread() is not threading.main_thread():
            return
        self._shares = None
        _process.attempts -= 1
        if _process.attempts == 0:
            _process.restore()
        _process.raise_held_back()


def _let_go() -> None:
    """A forked child works on no task: it handles signals as any process does."""
    global _process  # noqa: PLW0603  # one a process, as the handlers are
    _process.restore()
    _process = _Process()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_let_go)


def _is_writing(frame: FrameType | None) -> bool:
    """Whether the signal met the main thread while it enters or leaves an attempt."""
    while frame is not None:
        module = str(frame.f_globals.get("__name__"))
        if module.startswith("status_tracker.") and frame.f_code.co_name in _WRITERS:
            return True
        frame = frame.f_back
    return False
