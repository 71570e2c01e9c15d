"""What files and S3 have in common: the tracked task, what its workers write downstream, and the dump of a document."""

from __future__ import annotations

import fcntl
import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

import status_tracker as st
from status_tracker.abstract import BaseStatusEnum, TrackerPauseBoard
from status_tracker.abstract.documents import DocumentTracker
from status_tracker.core.port import PauseBoard

from .. import plan
from ..faults import Faults
from ..journal import SkewedClock
from .base import Block

_PAUSES = "pauses"


class Statuses(BaseStatusEnum):
    pending = plan.PENDING
    in_progress = plan.IN_PROGRESS
    failed = plan.FAILED
    exhausted = plan.EXHAUSTED
    succeeded = plan.SUCCEEDED
    ignored = plan.IGNORED


class Settings(DocumentTracker):
    """The settings of a run's task, to be mixed into a tracker; they are given by `TrackerBackend`."""

    options: ClassVar[plan.Options]
    clock: ClassVar[SkewedClock]
    seen: ClassVar[dict[str | None, partial[None]]] = {}

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
        """As the library does it; a renewal is written down once it is stored."""
        super().dump(**kwargs)
        if note := self.seen.get(self.lock):
            note("renewed", end=self.lock_expire_time.timestamp())


class _Block:
    def __init__(self, tracker: Settings) -> None:
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


class TrackerBackend:
    """A subclass of `Settings` as the step; what is downstream is a folder of files."""

    claims = False
    receipts = False
    deeds = frozenset({"cancel"})

    def __init__(self, step: type[Settings], options: plan.Options, directory: Path, clock: SkewedClock) -> None:
        self.step = step
        self.directory = directory
        self._effects = directory / "effects"
        Settings.options, Settings.clock = options, clock

    def enter_process(self, faults: Faults) -> None:
        """Everything fails on the way to a server."""

    def dump_tables(self, documents: Iterable[bytes]) -> None:
        """Write down what is stored."""
        tasks = (task for task in map(_plain_task, documents) if task["key"] != _PAUSES)
        _dump("tasks", self.directory, tasks)
        _dump("effects", self.directory, map(_plain_effect, sorted(self._effects.glob("*.jsonl"))))
        _dump("receipts", self.directory, ())

    def create(self, task: str, maker: str, mode: str) -> bool:  # noqa: ARG002  # trackers have one way only
        self.step.new(task, data={"maker": maker})
        return True

    @contextmanager
    def start(
        self, task: str, *, create: bool, data: dict[str, Any] | None, heartbeat: float | None
    ) -> Iterator[Block]:
        tracker = self.step.load(task)
        if tracker is None:
            if not create:
                raise st.TaskIsNotInitializedError(task)
            tracker = self._made(task, data)
        with tracker.start(heartbeat=heartbeat):
            yield _Block(tracker)

    def _made(self, task: str, data: dict[str, Any] | None) -> Settings:
        try:
            return self.step.new(task, data=data)
        except st.TaskAlreadyExistsError:
            tracker = self.step.load(task)
            assert tracker is not None
            return tracker

    def claim(self) -> AbstractContextManager[Block | None]:
        raise NotImplementedError("Trackers have no start_next.")

    @contextmanager
    def renewals_seen(self, note: partial[None], lock: str) -> Iterator[None]:
        self.step.seen[lock] = note
        try:
            yield
        finally:
            del self.step.seen[lock]

    def act(self, deed: str, task: str, name: str) -> None:  # noqa: ARG002  # there is one only
        self.step.cancel(task, reason=name, by="operator", request_id=name)

    def pause_board(self) -> PauseBoard:
        return TrackerPauseBoard(self.step, _PAUSES)

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


def _plain_task(document: bytes) -> dict[str, Any]:
    try:
        stored = json.loads(document)
    except ValueError:  # a half of one
        return {"key": "?", "status": None, "retry": 0, "data": "{}"}
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
