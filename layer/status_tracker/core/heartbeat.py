"""Renews a lease from a thread, for blocks that cannot do so themselves (R12)."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Protocol

from .config import is_number
from .trace import tell

GRACE_SECONDS = 5.0
"""How long the end of a block waits for a beat under way."""


def check_heartbeat(seconds: float | None, lease: timedelta) -> None:
    """Raise `ValueError` unless `seconds` is above 0 and below the lease to renew."""
    if seconds is not None and not (is_number(seconds) and 0 < seconds < lease.total_seconds()):
        raise ValueError(
            f"heartbeat is {seconds!r}: give seconds above 0 and below the lease of {lease.total_seconds():g} s, "
            "best a third of it."
        )


class Beating(Protocol):
    """What renews a lease while a block runs."""

    def start(self) -> None: ...

    def stop(self) -> None:
        """Stop the beats, and wait briefly for one under way; if it hangs, the fence refuses its write."""


class Heartbeat:
    """Calls `beat` every so many seconds, until it answers False or the heartbeat is stopped.

    Raises:
        ValueError: as for `check_heartbeat`.
    """

    def __init__(self, beat: Callable[[], bool], seconds: float, lease: timedelta) -> None:
        check_heartbeat(seconds, lease)
        self.beat = beat
        self.seconds = seconds
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="status-tracker-heartbeat", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopped.set()
        if self._thread.ident is not None:
            self._thread.join(GRACE_SECONDS)

    def _run(self) -> None:
        try:
            while not self._stopped.wait(self.seconds) and self.beat():
                pass
        except BaseException as error:  # noqa: BLE001  # in a thread of its own nobody else would tell of it
            tell_broken(error)


def tell_broken(error: BaseException) -> None:
    """Log that a heartbeat has ended by an error that nobody expects."""
    tell(logging.ERROR, "The heartbeat has ended: the lease is not renewed any more, and will run out", error)
