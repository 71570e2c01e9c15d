"""A worker that forks in its block, run as a process of its own: ``forks.py SCENARIO FOLDER``."""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))
sys.path.insert(0, str(Path(__file__).parents[2] / "layer"))

from status_tracker import TaskLockLostError  # the folders must be known first
from tests.abstract.jobs import FileJob


def leaves_by_exit() -> int:
    """The child leaves the block by `sys.exit`; what the parent exits with is whether its success is stored."""
    with FileJob.new("1").start() as job:
        child = os.fork()
        if not child:
            sys.exit(3)
        os.waitpid(child, 0)
        job.data = {"by": "parent"}
    return 0


def writes() -> int:
    """The child tries to store data; it exits with 7 where that is refused."""
    with FileJob.new("1").start() as job:
        child = os.fork()
        if not child:
            job.data = {"by": "child"}
            try:
                job.extend_lock(60)
            except TaskLockLostError:
                os._exit(7)
            os._exit(0)
        _, status = os.waitpid(child, 0)
        job.data = {"by": "parent"}
    return os.waitstatus_to_exitcode(status)


def is_terminated() -> int:
    """The child is sent SIGTERM; the exit code is what ended it, negative for a signal."""
    with FileJob.new("1").start():
        ready, tell = os.pipe()
        child = os.fork()
        if not child:
            os.write(tell, b".")
            time.sleep(60)
            os._exit(0)
        os.read(ready, 1)
        os.kill(child, signal.SIGTERM)
        _, status = os.waitpid(child, 0)
    return 15 if os.waitstatus_to_exitcode(status) == -signal.SIGTERM else 1


def is_marked() -> int:
    """The child leaves the block by `sys.exit`; the exit code is how often a failure was marked, in either process."""
    marked: list[BaseException] = []

    class Marked(FileJob):
        def mark_as_failed_or_exhausted(self, e: BaseException) -> None:
            marked.append(e)
            super().mark_as_failed_or_exhausted(e)

    job = Marked.new("1")
    child = -1
    try:
        with job.start():
            child = os.fork()
            if not child:
                sys.exit(3)
            _, status = os.waitpid(child, 0)
            job.data = {"by": "parent"}
    except SystemExit:
        os._exit(len(marked))
    return os.waitstatus_to_exitcode(status)


if __name__ == "__main__":
    FileJob.folder = Path(sys.argv[2])
    sys.exit(globals()[sys.argv[1]]())
