"""The drivers of trackers: a plain one with `load` and `dump`, files, and objects in S3."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from status_tracker.abstract import EPOCH, BaseStatusEnum, BaseTracker, FileTracker, S3Tracker
from status_tracker.abstract.store import TrackerStore
from status_tracker.testing import Clock
from status_tracker.testing.contract import Attempt, Promise, Seen

_ONE_STEP = frozenset(Promise) - {
    Promise.CREATE_AT_START,
    Promise.STEPS,
    Promise.SIZE_LIMIT,
    Promise.ALSO,
    Promise.DELETING,
    Promise.LISTING,
}
_EXHAUSTED = 55
_FOR_ALL = ("history", "dropped", "actions", "postponed")


class TrackerAttempt:
    """The block's tracker, as the suite uses it."""

    def __init__(self, tracker: Any) -> None:
        self._tracker = tracker
        self.update = tracker.update
        self.extend_lock = tracker.extend_lock

    @property
    def fence(self) -> int:
        return self._tracker.fence

    def set_data(self, data: dict[str, Any] | None) -> None:
        self._tracker.data = {} if data is None else data


class TrackerStep:
    """The one step of a class of trackers."""

    def __init__(self, tracker_class: Any, faults: Any) -> None:
        self._class = tracker_class
        self.lose_answers = faults.lose_answers
        self.refuse_writes = faults.refuse
        self.heal = faults.heal

    def __getattr__(self, act: str) -> Any:
        return getattr(self._class, act)  # rerun, ignore, unignore, unlock; and what there is not

    def also_impossible(self, attempt: Any) -> None:
        attempt.also.save("anything")

    def create(self, task_id: str, data: dict[str, Any] | None = None) -> object:
        return self._class.new(task_id, data={} if data is None else data)

    @contextmanager
    def start(
        self,
        task_id: str,
        *,
        create: bool = False,
        lease: float | None = None,
        debug: bool = False,
        **arguments: Any,
    ) -> Iterator[Attempt]:
        if create:
            arguments["create"] = create
        tracker = self._class.load(task_id) or self._never_stored(task_id)
        with tracker.start(expire=lease, verbose=debug, **arguments) as tracker:
            yield TrackerAttempt(tracker)

    def read(self, task_id: str) -> Seen | None:
        tracker = self._class.load(task_id)
        if tracker is None:
            return None
        enum, state = self._class.get_status_enum(), self.store(task_id).state(tracker)
        attempts = 0 if tracker.status == enum.succeeded else tracker.attempts
        return Seen(
            status=tracker.status,
            retry=attempts - (tracker.status == enum.in_progress),
            locked=tracker.is_locked(),
            create_time=tracker.create_time,
            update_time=tracker.update_time,
            lock_expire_time=None if tracker.lock_expire_time == EPOCH else tracker.lock_expire_time,
            fence=tracker.fence,
            run=state.run,
            not_before=state.not_before,
            data=tracker.data,
            errors={name: tracker.errors[name] for name in _FOR_ALL if name in tracker.errors},
        )

    def store(self, task_id: str) -> TrackerStore[Any]:
        return TrackerStore(self._class, task_id, self._class.get_config())

    def _never_stored(self, task_id: str) -> Any:
        times = dict.fromkeys(("create_time", "update_time", "lock_time", "lock_expire_time"), EPOCH)
        return self._class(id=task_id, status=10, attempts=0, lock=None, data={}, errors={}, **times)


def _settle(tracker_class: Any, codes: Mapping[str, int], clock: Clock, settings: Mapping[str, Any]) -> Any:
    """The class with those settings."""
    if codes["pending_status"] != 10:
        raise ValueError("A tracker has one step.")
    members = {name.removesuffix("_status"): code for name, code in codes.items()}
    enum = BaseStatusEnum("StatusEnum", {**members, "exhausted": _EXHAUSTED})  # type: ignore[call-overload]

    class Tracker(tracker_class):  # type: ignore[misc]
        @classmethod
        def get_status_enum(cls) -> type[BaseStatusEnum]:
            return enum

        @classmethod
        def get_config(cls, **further: Any) -> Any:
            return super().get_config(clock=clock, **settings, **further)

    return Tracker


def _file_name(task_id: str) -> str:
    return hashlib.sha256(repr(task_id).encode()).hexdigest()


class DictBackend:
    """A dataclass with a `load` and a `dump` that compare nothing."""

    promises = _ONE_STEP - {Promise.MANY_WORKERS}
    backend_errors = (ConnectionError,)

    def __init__(self) -> None:
        self._stored: dict[str, dict[str, Any]] = {}
        self._coming: list[str] = []

    def lose_answers(self, times: int = 1) -> None:
        self._coming += ["lost"] * times

    def refuse(self, times: int = 1) -> None:
        self._coming += ["refused"] * times

    def heal(self) -> None:
        self._coming.clear()

    def _dump(self, tracker: Any) -> None:
        fault = self._coming.pop(0) if self._coming else None
        if fault == "refused":
            raise ConnectionError("nothing was stored")
        self._stored[tracker.id] = {**asdict(tracker), "data": json.dumps(tracker.data)}
        if fault == "lost":
            raise ConnectionError("it was stored, or it was not")

    def step(self, codes: Mapping[str, int], clock: Clock, **settings: Any) -> TrackerStep:
        backend = self

        @dataclass
        class Tracker(BaseTracker):
            id: str
            status: int
            attempts: int
            create_time: datetime
            update_time: datetime
            lock: str | None
            lock_time: datetime
            lock_expire_time: datetime
            data: dict[str, Any]
            errors: dict[str, Any]

            @classmethod
            def load(cls, id: str) -> Any:  # noqa: A002  # the seed's name
                stored = backend._stored.get(id)
                return None if stored is None else cls(**deepcopy(stored) | {"data": json.loads(stored["data"])})

            def dump(self) -> None:
                backend._dump(self)

        return TrackerStep(_settle(Tracker, codes, clock, settings), self)


class DiskFaults:
    """Lets the disk fail while a file is written."""

    def __init__(self, monkeypatch: Any) -> None:
        self._coming: list[bool] = []
        self._fsync = os.fsync
        monkeypatch.setattr(os, "fsync", self._failing_fsync)

    def lose_answers(self, times: int = 1) -> None:
        """The folder cannot be flushed: the new file is there, and may not be after a power failure."""
        self._coming += [True] * times

    def refuse(self, times: int = 1) -> None:
        """The new file cannot be flushed, so it does not take the place of the old one."""
        self._coming += [False] * times

    def heal(self) -> None:
        self._coming.clear()

    def _failing_fsync(self, file: int) -> None:
        if self._coming and stat.S_ISDIR(os.fstat(file).st_mode) is self._coming[0]:
            self._coming.pop(0)
            raise OSError(errno.EIO, "the disk failed")
        self._fsync(file)


class FileBackend:
    """Files in a folder."""

    promises = _ONE_STEP
    backend_errors = (OSError,)

    def __init__(self, folder: Path, faults: Any) -> None:
        self._folder = folder
        self._faults = faults

    def step(self, codes: Mapping[str, int], clock: Any, **settings: Any) -> TrackerStep:
        return TrackerStep(_settle(file_tracker(self._folder), codes, clock, settings), self._faults)


def file_tracker(folder: Path) -> type[FileTracker]:
    """Trackers in that folder."""

    @dataclass
    class Tracker(FileTracker):
        @classmethod
        def get_path(cls, id: str) -> Path:  # type: ignore[override]  # noqa: A002  # the seed's name
            return folder / f"{_file_name(id)}.json"

    return Tracker


class S3Backend:
    """Objects in a bucket, under a prefix of the test's own."""

    promises = _ONE_STEP
    backend_errors = (BotoCoreError, ClientError)

    def __init__(self, client: Any, faults: Any, bucket: str, prefix: str) -> None:
        self._client = client
        self._faults = faults
        self._place = bucket, prefix
        faults.heal()

    def step(self, codes: Mapping[str, int], clock: Any, **settings: Any) -> TrackerStep:
        return TrackerStep(_settle(s3_tracker(self._client, *self._place), codes, clock, settings), self._faults)


def s3_tracker(client: Any, bucket: str, prefix: str) -> type[S3Tracker]:
    """Trackers in that bucket."""

    @dataclass
    class Tracker(S3Tracker):
        @classmethod
        def get_bucket_key(cls, id: str) -> tuple[str, str]:  # type: ignore[override]  # noqa: A002
            return bucket, f"{prefix}/{_file_name(id)}.json"

        @classmethod
        def get_s3_client(cls) -> Any:
            return client

    return Tracker
