"""Renews leases from a thread, for blocks that cannot do so themselves (R12)."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from heapq import heapify, heappop, heappush
from itertools import count
from typing import Protocol

from .config import is_number
from .trace import tell

GRACE_SECONDS = 5.0
"""How long the end of a block waits for a beat under way."""
MOST_THREADS = 16
"""How many beats are made at once in a process, besides those that hang: for longer than their interval, that is."""


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

    def start(self) -> None:
        _beats.add(self)

    def stop(self) -> None:
        _beats.remove(self)

    def goes_on(self) -> bool:
        """Beat; whether there is to be another beat."""
        try:
            return self.beat()
        except BaseException as error:  # noqa: BLE001  # in a thread of its own nobody else would tell of it
            tell_broken(error)
            return False


class _Beats:
    """The beats of all blocks of this process, made by as few threads as keep up with them.

    One thread waits for the next beat. While it makes one, another waits in its stead, since a store that does not
    answer must not keep the other leases from being renewed.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._next: list[tuple[float, int, Heartbeat]] = []
        self._numbers = count()
        self._wanted: set[Heartbeat] = set()
        self._under_way: dict[Heartbeat, float] = {}
        self._threads: set[threading.Thread] = set()
        self._leaving: set[threading.Thread] = set()
        self._waiting = 0

    def add(self, heartbeat: Heartbeat) -> None:
        with self._changed:
            if not self._waiting:
                self._start_thread()
            self._wanted.add(heartbeat)
            self._plan(heartbeat)

    def remove(self, heartbeat: Heartbeat) -> None:
        with self._changed:
            self._wanted.discard(heartbeat)
            self._next = [each for each in self._next if each[2] is not heartbeat]
            heapify(self._next)
            self._changed.notify_all()
            self._changed.wait_for(lambda: heartbeat not in self._under_way, GRACE_SECONDS)
            self._changed.wait_for(lambda: self._wanted or self._under_way or not self._threads, GRACE_SECONDS)
            ending = list(self._leaving)
        for thread in ending:
            thread.join(GRACE_SECONDS)

    def _plan(self, heartbeat: Heartbeat) -> None:
        heappush(self._next, (time.monotonic() + heartbeat.seconds, next(self._numbers), heartbeat))
        self._changed.notify_all()

    def _start_thread(self) -> None:
        thread = threading.Thread(target=self._run, name="status-tracker-heartbeat", daemon=True)
        thread.start()
        self._threads.add(thread)

    def _run(self) -> None:
        while (heartbeat := self._wait_for_next()) is not None:
            goes_on = heartbeat.goes_on()
            with self._changed:
                del self._under_way[heartbeat]
                if not goes_on:
                    self._wanted.discard(heartbeat)
                elif heartbeat in self._wanted:
                    self._plan(heartbeat)
                self._changed.notify_all()

    def _wait_for_next(self) -> Heartbeat | None:
        """The next one, when it is due; None where there is none, or another thread waits for it."""
        with self._changed:
            while self._next and not self._waiting:
                left = self._seconds_left()
                if left <= 0:
                    _, _, heartbeat = heappop(self._next)
                    self._under_way[heartbeat] = time.monotonic()
                    if self._next and len(self._threads) == len(self._under_way):
                        with suppress(RuntimeError):  # no thread more: these do
                            self._start_thread()
                    return heartbeat
                self._waiting += 1
                try:
                    self._changed.wait(left)
                finally:
                    self._waiting -= 1
            self._threads.discard(threading.current_thread())
            self._leaving = {thread for thread in self._leaving if thread.is_alive()} | {threading.current_thread()}
            self._changed.notify_all()
            return None

    def _seconds_left(self) -> float:
        """Until the next beat may be made: it is due, and not too many others are under way."""
        now = time.monotonic()
        hanging_from = [moment for each, begun in self._under_way.items() if (moment := begun + each.seconds) > now]
        free = min(hanging_from) if len(hanging_from) >= MOST_THREADS else now
        return max(self._next[0][0], free) - now


_beats = _Beats()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_beats.__init__)  # type: ignore[misc]  # a fork has none of the threads


def tell_broken(error: BaseException) -> None:
    """Log that a heartbeat has ended by an error that nobody expects."""
    tell(logging.ERROR, "The heartbeat has ended: the lease is not renewed any more, and will run out", error)
