"""Has an attempt told to end (SIGTERM) at every line of the library in turn, each time in a process of its own.

``python -m tests.unit.termination_sweep`` prints, as JSON, how many lines there were and at which the task stayed
locked, or the handler stayed set.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from types import FrameType
from typing import Any

from tests.support.memory_store import MemoryStore, MemoryTask
from tests.unit.steps import PENDING, Clock, start, stored


class Told:
    """A tracer that sends the signal when the library comes to its nth line."""

    def __init__(self, nth: int, store: MemoryStore) -> None:
        self.left, self.store, self.where = nth, store, ""

    def __call__(self, frame: FrameType, _event: str, _arg: Any) -> Any:
        return self.at_line if "status_tracker" in frame.f_code.co_filename else None

    def at_line(self, frame: FrameType, event: str, _arg: Any) -> Any:
        self.left -= event == "line"
        if self.left > 0:
            return self.at_line
        sys.settrace(None)
        self.where = f"{frame.f_code.co_filename}:{frame.f_lineno} {frame.f_code.co_name}"
        tell(self.where, faulty=stored(self.store).lock is not None)  # as it is where the signal kills at once
        os.kill(os.getpid(), signal.SIGTERM)
        return None


def tell(where: str, *, faulty: bool) -> None:
    sys.stdout.write(json.dumps([where, faulty]) + "\n")
    sys.stdout.flush()


def attempt(nth: int) -> None:
    store = MemoryStore(MemoryTask(PENDING, errors={"history": []}))
    told = Told(nth, store)
    execution = start(store, Clock())
    sys.settrace(told)
    try:
        with execution:
            pass
    except SystemExit:
        pass
    finally:
        sys.settrace(None)
    left_over = signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL
    tell(told.where, faulty=left_over or stored(store).lock is not None)


def outcome(nth: int) -> tuple[str, bool]:
    """Where the signal came, and whether what it left is a fault; no place where there are fewer lines."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.dup2(writing, sys.stdout.fileno())
        attempt(nth)
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as lines:
        where, faulty = json.loads(list(lines)[-1])
    os.waitpid(child, 0)
    return where, faulty


def main() -> None:
    faults, nth = [], 1
    while True:
        where, faulty = outcome(nth)
        if not where:
            break
        faults += [where] * faulty
        nth += 1
    sys.stdout.write(json.dumps({"lines": nth - 1, "faults": faults}) + "\n")


if __name__ == "__main__":
    main()
