"""What the tests' other processes do."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from multiprocessing.queues import Queue
from multiprocessing.synchronize import Barrier
from pathlib import Path
from typing import Any

import status_tracker as st
from status_tracker.abstract import files
from tests.abstract.jobs import FileJob


def race(folder: Path, ids: list[str], starting_line: Barrier, won: Queue[list[str]]) -> None:
    """Start every task that nobody else has, and tell which these were."""
    FileJob.folder = folder
    mine = []
    starting_line.wait()
    for task_id in ids:
        job = FileJob.load(task_id)
        assert job is not None
        with contextlib.suppress(st.TaskIsNotReadyToStartError), job.start():
            mine.append(task_id)
            job.data["winner"] = os.getpid()
    won.put(mine)


def hang(folder: Path, task_id: str) -> None:
    """Start the task, say so in a file, and never come back."""
    FileJob.folder = folder
    job = FileJob.load(task_id)
    assert job is not None
    with job.start():
        job.data["half"] = "done"
        (folder / "started").touch()
        threading.Event().wait()


def dump_for_ever(folder: Path, task_id: str) -> None:
    """Dump ever greater documents, each of which can be told from a torn one."""
    FileJob.folder = folder
    job = FileJob.load(task_id)
    assert job is not None
    while True:
        number = job.data["number"] + 1
        job.data = {"number": number, "copies": [number] * 5_000}
        job.dump()


def die_at(folder: Path, task_id: str, step: str, before: bool) -> None:
    """Be killed before or after that step of the next dump."""
    FileJob.folder = folder
    job = FileJob.load(task_id)
    assert job is not None
    owner: Any = Path if hasattr(Path, step) else os
    original = getattr(owner, step)

    def fatal(*arguments: Any) -> None:
        if not before:
            original(*arguments)
        os.kill(os.getpid(), signal.SIGKILL)

    setattr(owner, step, fatal)
    job.data = {"number": 2}
    job.dump()


def stop_while_writing(folder: Path, task_id: str) -> None:
    """Stand still in the middle of a dump, which is said in a file, until killed."""
    FileJob.folder = folder
    job = FileJob.load(task_id)
    assert job is not None

    def stand_still(_: int) -> None:
        (folder / "writing").touch()
        threading.Event().wait()

    os.fsync = stand_still  # type: ignore[assignment]
    job.dump()


def fork_while_writing(folder: Path, task_id: str) -> None:
    """Dump, and dump again while a process lives that was forked during the first dump."""
    FileJob.folder = folder
    files._LONGEST_WAIT = 0.05
    job = FileJob.load(task_id)
    assert job is not None
    fsync, forked = os.fsync, list[int]()

    def fork(descriptor: int) -> None:
        os.fsync = fsync
        forked.append(os.fork())
        if forked == [0]:
            signal.pause()
        fsync(descriptor)

    os.fsync = fork
    try:
        job.dump()
        job.note = "again"
        job.dump()
    finally:
        os.kill(forked[0], signal.SIGKILL)
        os.waitpid(forked[0], 0)
