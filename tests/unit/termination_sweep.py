"""Has an attempt told to end (SIGTERM) or interrupted (SIGINT) at every line of the library in turn.

Each time that is in a process of its own.

``python -m tests.unit.termination_sweep START SIGNAL`` prints, as JSON, how many lines there were and at which the task
stayed locked, a handler stayed set, the next attempt set none, or the block was worked in though the signal had come
before it. START says by what the attempt is made.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any, NamedTuple

from status_tracker.abstract import FileTracker
from status_tracker.core.signals import whole
from status_tracker.testing import MemoryStore, Record
from tests.unit.steps import PENDING, Clock, start, stored

DEFAULTS: dict[signal.Signals, Any] = {
    signal.SIGTERM: signal.SIG_DFL,
    signal.SIGINT: signal.default_int_handler,
}
START, SIGNAL = sys.argv[1], signal.Signals[sys.argv[2]]


class Attempt(NamedTuple):
    """One attempt at a task of its own, and whether that is locked."""

    start: AbstractContextManager[Any]
    locked: Callable[[], bool]


def by_execution(_folder: Path) -> Attempt:
    store = in_memory()
    return Attempt(start(store, Clock()), lambda: stored(store).lock is not None)


def by_a_generator(_folder: Path) -> Attempt:
    store = in_memory()

    @whole
    def started() -> Iterator[None]:
        with start(store, Clock()):
            yield

    return Attempt(started(), lambda: stored(store).lock is not None)


def prepare(folder: Path) -> None:
    """The job or the file that each attempt finds."""
    folder.mkdir()
    if START == "sql":
        from . import termination_jobs  # noqa: PLC0415  # a process without SQLAlchemy forks faster

        termination_jobs.prepare(folder)
    elif START == "files":
        File.folder = folder
        File.new("t-1")


def by_sql(folder: Path) -> Attempt:
    from .termination_jobs import attempt_in  # noqa: PLC0415

    return Attempt(*attempt_in(folder))


def by_files(folder: Path) -> Attempt:
    File.folder = folder
    tracker = File.load("t-1")
    assert tracker is not None
    return Attempt(tracker.start(), lambda: getattr(File.load("t-1"), "lock", None) is not None)


ATTEMPTS: dict[str, Callable[[Path], Attempt]] = {
    "execution": by_execution,
    "generator": by_a_generator,
    "sql": by_sql,
    "files": by_files,
}


@dataclass
class File(FileTracker):
    folder = Path()

    @classmethod
    def get_path(cls, id: str | int) -> Path:  # noqa: A002  # the seed's name
        return cls.folder / f"{id}.json"


def in_memory() -> MemoryStore:
    return MemoryStore(Record(PENDING, errors={"history": []}))


class Told:
    """A tracer that sends the signal when the library comes to its nth line."""

    def __init__(self, nth: int, locked: Callable[[], bool]) -> None:
        self.left, self.locked, self.where = nth, locked, ""

    def __call__(self, frame: FrameType, _event: str, _arg: Any) -> Any:
        return self.at_line if "status_tracker" in frame.f_code.co_filename else None

    def at_line(self, frame: FrameType, event: str, _arg: Any) -> Any:
        self.left -= event == "line"
        if self.left > 0:
            return self.at_line
        sys.settrace(None)
        self.where = f"{frame.f_code.co_filename}:{frame.f_lineno} {frame.f_code.co_name}"
        tell(self.where, faulty=self.locked())  # as it is where the signal kills at once
        os.kill(os.getpid(), SIGNAL)
        return None


def tell(where: str, *, faulty: bool) -> None:
    sys.stdout.write(json.dumps([where, faulty]) + "\n")
    sys.stdout.flush()


def attempt(nth: int, folder: Path) -> None:
    made = ATTEMPTS[START](folder)
    told = Told(nth, made.locked)
    waited = False
    sys.settrace(told)
    try:
        with made.start:
            waited = told.where != ""
    except (SystemExit, KeyboardInterrupt):
        pass
    finally:
        sys.settrace(None)
    faulty = waited or made.locked() or is_handled() != set() or not next_attempt_handles()
    tell(told.where, faulty=faulty)


def is_handled() -> set[signal.Signals]:
    return {number for number, default in DEFAULTS.items() if signal.getsignal(number) is not default}


def next_attempt_handles() -> bool:
    with start(in_memory(), Clock()):
        both = is_handled() == set(DEFAULTS)
    return both and is_handled() == set()


def outcome(nth: int, prepared: Path) -> tuple[str, bool]:
    """Where the signal came, and whether what it left is a fault; no place where there are fewer lines."""
    reading, writing = os.pipe()
    folder = prepared.with_name("attempt")
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(prepared, folder)
    child = os.fork()
    if child == 0:
        os.dup2(writing, sys.stdout.fileno())
        attempt(nth, folder)
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as lines:
        where, faulty = json.loads(list(lines)[-1])
    os.waitpid(child, 0)
    return where, faulty


def main() -> None:
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background process ignores it
    faults, nth = [], 1
    with tempfile.TemporaryDirectory() as parent:
        prepare(prepared := Path(parent) / "prepared")
        while (told := outcome(nth, prepared))[0]:
            faults += [told[0]] * told[1]
            nth += 1
    sys.stdout.write(json.dumps({"lines": nth - 1, "faults": faults}) + "\n")


if __name__ == "__main__":
    main()
