"""Files: what fails is the disk, and a process is killed just before or just after its file takes its place."""

from __future__ import annotations

import dataclasses
import errno
import fcntl
import json
import os
import stat
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

import status_tracker as st
from status_tracker.abstract import BaseStatusEnum, FileTracker

from .. import plan
from ..faults import Fault, Faults
from ..journal import SkewedClock
from .base import Block

_now = threading.local()
"""What this thread is dumping, and the fault that it meets: the heartbeat dumps as well."""


def make(options: plan.Options, directory: Path, clock: SkewedClock) -> FilesBackend:
    return FilesBackend(options, directory, clock)


class Statuses(BaseStatusEnum):
    pending = plan.PENDING
    in_progress = plan.IN_PROGRESS
    failed = plan.FAILED
    exhausted = plan.EXHAUSTED
    succeeded = plan.SUCCEEDED
    ignored = plan.IGNORED


@dataclasses.dataclass
class Step(FileTracker):
    """The tracked task; its settings are given by `FilesBackend`."""

    folder: ClassVar[Path]
    options: ClassVar[plan.Options]
    clock: ClassVar[SkewedClock]
    seen: ClassVar[dict[str | None, partial[None]]] = {}

    @classmethod
    def get_path(cls, id: str | int) -> Path:  # noqa: A002  # the library's name
        return cls.folder / f"{id}.json"

    @classmethod
    def get_status_enum(cls) -> type[BaseStatusEnum]:
        return Statuses

    @classmethod
    def get_expire(cls) -> float:
        return cls.options.lease

    @classmethod
    def get_max_attempts(cls) -> int:
        return cls.options.max_retry

    @classmethod
    def get_config(cls, **settings: Any) -> st.TrackerConfig:
        return super().get_config(clock=cls.clock, **settings)

    def dump(self, **kwargs: Any) -> None:
        """As the library does it, with faults; a renewal is written down once it is stored."""
        _now.held = {"task": self.id, "fence": self.fence, "lock": self.lock} if self.lock else {}
        super().dump(**kwargs)
        if note := self.seen.get(self.lock):
            note("renewed", end=self.lock_expire_time.timestamp())


class _Block:
    def __init__(self, tracker: Step) -> None:
        assert tracker.lock is not None
        self._tracker = tracker
        self.task = str(tracker.id)
        self.fence = tracker.fence
        self.lock = tracker.lock
        self.end: datetime = tracker.lock_expire_time
        self.status = tracker.status
        self.retry = tracker.attempts - 1
        self.data: Mapping[str, Any] = tracker.data

    def extend(self) -> None:
        self._tracker.extend_lock()

    def update(self, data: dict[str, Any]) -> None:
        self._tracker.data = data
        self._tracker.update()

    def finish(self, data: dict[str, Any], receipt: str | None) -> None:
        assert receipt is None
        self._tracker.data = data


class FilesBackend:
    """`FileTracker`."""

    unreachable = (OSError,)
    claims = False
    receipts = False
    deeds = frozenset({"cancel"})

    def __init__(self, options: plan.Options, directory: Path, clock: SkewedClock) -> None:
        self._directory = directory
        self._effects = directory / "effects"
        Step.folder, Step.options, Step.clock = directory / "tasks", options, clock

    @contextmanager
    def serving(self) -> Iterator[None]:
        Step.folder.mkdir()
        self._effects.mkdir()
        yield
        _dump("tasks", self._directory, map(_plain_task, sorted(Step.folder.glob("*.json"))))
        _dump("effects", self._directory, map(_plain_effect, sorted(self._effects.glob("*.jsonl"))))
        _dump("receipts", self._directory, ())

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

    def create(self, task: str, maker: str, mode: str) -> bool:  # noqa: ARG002  # trackers have one way only
        Step.new(task, data={"maker": maker})
        return True

    @contextmanager
    def start(
        self, task: str, *, create: bool, data: dict[str, Any] | None, heartbeat: float | None
    ) -> Iterator[Block]:
        tracker = Step.load(task)
        if tracker is None:
            if not create:
                raise st.TaskIsNotInitializedError(task)
            tracker = self._made(task, data)
        with tracker.start(heartbeat=heartbeat):
            yield _Block(tracker)

    def _made(self, task: str, data: dict[str, Any] | None) -> Step:
        try:
            return Step.new(task, data=data)
        except st.TaskAlreadyExistsError:
            tracker = Step.load(task)
            assert tracker is not None
            return tracker

    def claim(self) -> AbstractContextManager[Block | None]:
        raise NotImplementedError("Trackers have no start_next.")

    @contextmanager
    def renewals_seen(self, note: partial[None], lock: str) -> Iterator[None]:
        Step.seen[lock] = note
        try:
            yield
        finally:
            del Step.seen[lock]

    def act(self, deed: str, task: str, name: str) -> None:  # noqa: ARG002  # there is one only
        Step.cancel(task, reason=name, by="operator", request_id=name)

    def affect(self, task: str, start: str, fence: int) -> bool:
        """Append to the task's own file, if nobody with a larger fence has."""
        with (self._effects / f"{task}.jsonl").open("a+") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            file.seek(0)
            if any(json.loads(line)["fence"] > fence for line in file):
                return False
            file.write(json.dumps({"fence": fence, "by": start}) + "\n")
        return True


def _dump(table: str, directory: Path, items: Iterable[dict[str, Any]]) -> None:
    """Write what is stored into ``{table}.table.jsonl``, with the names of `records`."""
    with (directory / f"{table}.table.jsonl").open("w") as file:
        file.writelines(json.dumps(item) + "\n" for item in items)


def _plain_task(path: Path) -> dict[str, Any]:
    try:
        stored = json.loads(path.read_text())
    except ValueError:
        return {"key": path.stem, "status": None, "retry": 0, "data": "{}"}  # half a file
    lease = {} if stored["lock_expire_time"].startswith("1970") else {"lock_expire_time": stored["lock_expire_time"]}
    return {
        "key": stored["id"],
        "status": stored["status"],
        "lock": stored["lock"] or "__not_locked__",
        "fence": stored["errors"]["tracker"].get("fence", 0),
        "attempts": stored["attempts"],
        "retry": 0 if stored["status"] == plan.SUCCEEDED else stored["attempts"],
        "data": json.dumps(stored["data"]),
        "errors": json.dumps(stored["errors"]),
        **lease,
    }


def _plain_effect(path: Path) -> dict[str, Any]:
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    if not lines:
        return {"key": path.stem, "newest": 0, "by": "", "applied": []}
    return {
        "key": path.stem,
        "newest": lines[-1]["fence"],
        "by": lines[-1]["by"],
        "applied": sorted({line["fence"] for line in lines}),
    }
