"""Files: what fails is the disk, and a process is killed just before or just after its file takes its place."""

from __future__ import annotations

import errno
import os
import stat
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from status_tracker.abstract import FileTracker

from .. import plan
from ..faults import Fault, Faults
from ..journal import SkewedClock
from .trackers import Settings, TrackerBackend

_now = threading.local()
"""What this thread is dumping, and the fault that it meets: the heartbeat dumps as well."""


def make(options: plan.Options, directory: Path, clock: SkewedClock) -> FilesBackend:
    return FilesBackend(options, directory, clock)


@dataclass
class Step(Settings, FileTracker):
    """The tracked task; its folder is given by `FilesBackend`."""

    folder: ClassVar[Path]

    @classmethod
    def get_path(cls, id: str | int) -> Path:  # noqa: A002  # the library's name
        return cls.folder / f"{id}.json"

    def dump(self, **kwargs: Any) -> None:
        """As the library does it, with faults."""
        _now.held = {"task": self.id, "fence": self.fence, "lock": self.lock} if self.lock else {}
        super().dump(**kwargs)


class FilesBackend(TrackerBackend):
    """`FileTracker`."""

    unreachable = (OSError,)

    def __init__(self, options: plan.Options, directory: Path, clock: SkewedClock) -> None:
        super().__init__(Step, options, directory, clock)
        Step.folder = directory / "tasks"

    @contextmanager
    def serving(self) -> Iterator[None]:
        Step.folder.mkdir()
        self._effects.mkdir()
        yield
        self.dump_tables(path.read_bytes() for path in sorted(Step.folder.glob("*.json")))

    def enter_process(self, faults: Faults) -> None:
        """Put the faults where the library has the disk confirm a file, and then the folder in which it took its place.

        The disk itself is not asked: what a killed process has written stays, only a power failure takes it.
        """

        def fsync(descriptor: int) -> None:
            if stat.S_ISDIR(os.fstat(descriptor).st_mode):
                fault: Fault = _now.fault
                fault.after(OSError(errno.EIO, "Input/output error"), _now.held)
            else:
                _now.fault = faults.draw()
                _now.fault.before(OSError(errno.ENOSPC, "No space left on device"))

        vars(os)["fsync"] = fsync
