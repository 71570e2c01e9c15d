"""How far a long read is, on standard error; and Ctrl-C, which ends it where it can be continued."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from types import FrameType
from typing import Any, Self, TypeVar

from .progress_lines import EVERY_SECONDS
from .text import say

EntryT = TypeVar("EntryT")

_QUIET_SECONDS = 1.0
"""What is done within that needs no progress."""

_INTERRUPTED = b"\nEnding at the next task. Ctrl-C once more ends at once, and does not say how to go on.\n"
_REDRAWN_SECONDS = 0.1


class Reading:
    """A block that reads much. The first Ctrl-C raises `KeyboardInterrupt` at the next `look`, the second at once.

    Args:
        what: what is being done, for whoever watches.
        quiet: say nothing. Else a line on a terminal is drawn anew, and elsewhere there is one every few seconds.

    Attributes:
        interrupted: whether Ctrl-C was pressed; where no `look` came after it, nothing was raised.
    """

    def __init__(self, what: str, *, quiet: bool = False) -> None:
        self._what = what
        self._quiet = quiet
        self._is_watched = sys.stderr.isatty()
        self._began = self._told = time.monotonic()
        self._bar: Any = None
        self.interrupted = False
        self._waits = False
        self._before: Any = None

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            self._before = signal.signal(signal.SIGINT, self._interrupt)
        return self

    def __exit__(self, *_: object) -> None:
        if self._before is not None:
            signal.signal(signal.SIGINT, self._before)
        if self._bar is not None:
            self._bar.stop()

    def each(self, given: Iterable[EntryT]) -> Iterator[EntryT]:
        """What is given. Ctrl-C raises `KeyboardInterrupt` before the next one; at once while that is waited for."""
        entries = iter(given)
        while True:
            self._raise_if_interrupted()
            self._waits = True
            try:
                entry = next(entries)
            except StopIteration:
                return
            finally:
                self._waits = False
            yield entry

    def look(self, done: str | Callable[[], str]) -> None:
        """Tell what has been done so far, where it is time to. Raises `KeyboardInterrupt` after Ctrl-C."""
        self._raise_if_interrupted()
        now = time.monotonic()
        if self._quiet:
            return
        if self._is_watched:
            if now - self._began >= _QUIET_SECONDS and now - self._told >= _REDRAWN_SECONDS:
                self._told = now
                self._draw(self._line(done))
        elif now - self._told >= EVERY_SECONDS:
            self._told = now
            say(self._line(done))

    def _raise_if_interrupted(self) -> None:
        if self.interrupted:
            raise KeyboardInterrupt

    def _line(self, done: str | Callable[[], str]) -> str:
        return f"{self._what}: {done if isinstance(done, str) else done()}"

    def _draw(self, line: str) -> None:
        if self._bar is None:
            from .display import spinning  # noqa: PLC0415  # what is done quickly needs no rich

            self._bar = spinning(line)
        else:
            self._bar.update(line)

    def _interrupt(self, _number: int, _frame: FrameType | None) -> None:
        if self.interrupted or self._waits:
            raise KeyboardInterrupt
        self.interrupted = True
        if self._is_watched and not self._quiet:
            os.write(sys.stderr.fileno(), _INTERRUPTED)
