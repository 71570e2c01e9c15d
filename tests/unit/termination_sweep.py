"""Has an attempt told to end (SIGTERM) or interrupted (SIGINT) at every line of the library in turn.

Each time that is in a process of its own.

``python -m tests.unit.termination_sweep all SIGNAL`` prints, as JSON, how many lines there were and at which the task
stayed locked, a handler stayed set, or the next attempt set none.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from types import FrameType
from typing import Any

from status_tracker.testing import MemoryStore, Record
from tests.unit.steps import PENDING, Clock, start, stored

DEFAULTS: dict[signal.Signals, Any] = {
    signal.SIGTERM: signal.SIG_DFL,
    signal.SIGINT: signal.default_int_handler,
}
SIGNAL = signal.Signals[sys.argv[2]]


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
        os.kill(os.getpid(), SIGNAL)
        return None


def tell(where: str, *, faulty: bool) -> None:
    sys.stdout.write(json.dumps([where, faulty]) + "\n")
    sys.stdout.flush()


def attempt(nth: int) -> None:
    store = MemoryStore(Record(PENDING, errors={"history": []}))
    told = Told(nth, store)
    execution = start(store, Clock())
    sys.settrace(told)
    try:
        with execution:
            pass
    except (SystemExit, KeyboardInterrupt):
        pass
    finally:
        sys.settrace(None)
    faulty = stored(store).lock is not None or is_handled() != set() or not next_attempt_handles()
    tell(told.where, faulty=faulty)


def is_handled() -> set[signal.Signals]:
    return {number for number, default in DEFAULTS.items() if signal.getsignal(number) is not default}


def next_attempt_handles() -> bool:
    with start(MemoryStore(Record(PENDING, errors={"history": []})), Clock()):
        both = is_handled() == set(DEFAULTS)
    return both and is_handled() == set()


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
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background process ignores it
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
