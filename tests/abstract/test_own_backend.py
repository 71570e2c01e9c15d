"""Backends that users write: with a mere load and dump, and with a dump that compares."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, ClassVar, Self

import pydantic
import pytest

import status_tracker as st
from status_tracker.abstract import T_ID, BaseTracker, StatusEnum, TrackerChangedError, get_utc_now
from tests.abstract.jobs import DataclassJob

LAYER = Path(st.__file__).parents[1]


@dataclass
class Comparing(DataclassJob):
    """A dump of the user's own that compares, by a version that it counts in a field."""

    version: int = 0
    versions: ClassVar[dict[T_ID, int]] = {}
    one_at_a_time: ClassVar[threading.Lock] = threading.Lock()

    @classmethod
    def load(cls, id: T_ID, **_: Any) -> Self | None:  # noqa: A002  # the seed's name
        with cls.one_at_a_time:
            tracker = super().load(id)
            if tracker is not None:
                tracker.version = cls.versions[id]
            return tracker

    def dump(self, **_: Any) -> None:
        with self.one_at_a_time:
            if self.versions.get(self.id, 0) != self.version:
                raise TrackerChangedError(f"{self.id} is at version {self.versions[self.id]}")
            super().dump()
            self.version += 1
            self.versions[self.id] = self.version


@pytest.fixture(autouse=True)
def _no_versions() -> None:
    Comparing.versions.clear()


def test_a_dump_that_compares_lets_one_of_eight_threads_in() -> None:
    ids = [str(number) for number in range(60)]
    for task_id in ids:
        Comparing.new(task_id)
    starting_line, won = threading.Barrier(8), list[str]()

    def work() -> None:
        starting_line.wait()
        for task_id in ids:
            job = Comparing.load(task_id)
            assert job is not None
            try:
                with job.start():
                    won.append(task_id)
            except st.TaskIsNotReadyToStartError:
                pass

    threads = [threading.Thread(target=work) for _ in range(8)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert Counter(won) == dict.fromkeys(ids, 1)
    for task_id in ids:
        job = Comparing.load(task_id)
        assert job is not None
        assert (job.status_name, job.attempts, job.fence) == ("succeeded", 1, 1)


def test_a_tracker_that_never_stands_still_is_given_up() -> None:
    job = Comparing.new("1")
    tries = []

    class Restless(Comparing):
        def dump(self, **_: Any) -> None:
            tries.append(self.status)
            raise TrackerChangedError("again")

        @classmethod
        def load(cls, id: T_ID, **_: Any) -> Any:  # noqa: A002, ARG003  # the seed's name
            return cls(**vars(job))

    with pytest.raises(TrackerChangedError, match="again"), Restless(**vars(job)).start():
        pass
    assert 10 <= len(tries) <= 100


def test_r6_the_errors_of_ones_own_backend_are_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    class BusyError(Exception):
        pass

    job = DataclassJob.new("1")
    dump, left = DataclassJob.dump, [BusyError("busy")]

    def busy(self: DataclassJob, **_: Any) -> None:
        if left:
            raise left.pop()
        dump(self)

    monkeypatch.setattr(DataclassJob, "dump", busy)
    with pytest.raises(BusyError), job.start():
        pass
    left.append(BusyError("busy"))
    monkeypatch.setattr(DataclassJob, "is_transient", lambda error: isinstance(error, BusyError))
    with job.start():
        left.append(BusyError("busy"))
    assert job.status_name == "succeeded"


def test_r6_a_lost_connection_may_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    job = DataclassJob.new("1")
    load, left = DataclassJob.load, [ConnectionResetError("gone")]

    def shaky(task_id: T_ID) -> DataclassJob | None:
        if left:
            raise left.pop()
        return load(task_id)

    monkeypatch.setattr(DataclassJob, "load", shaky)
    with job.start():
        left.append(ConnectionResetError("gone"))
    assert job.status_name == "succeeded"


def test_r5_a_creation_whose_answer_was_lost_is_known_again(monkeypatch: pytest.MonkeyPatch) -> None:
    dump, left = DataclassJob.dump, [ConnectionResetError("gone")]

    def answer_lost(self: DataclassJob, **_: Any) -> None:
        dump(self)
        if left:
            raise left.pop()

    monkeypatch.setattr(DataclassJob, "dump", answer_lost)
    job = DataclassJob.new("1", note="mine")
    assert DataclassJob.load("1") == job
    with pytest.raises(st.TaskAlreadyExistsError):
        DataclassJob.new("1", note="theirs")
    assert DataclassJob.load("1") == job


def test_what_pydantic_has_no_field_for_is_stored_with_the_success() -> None:
    stored: dict[T_ID, str] = {}

    class Open(BaseTracker, pydantic.BaseModel, extra="allow"):
        id: T_ID
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
        def load(cls, id: T_ID, **_: Any) -> Self | None:  # noqa: A002  # the seed's name
            return cls.model_validate_json(stored[id]) if id in stored else None

        def dump(self, **_: Any) -> None:
            stored[self.id] = self.model_dump_json()

    job = Open.new("1", note="made")
    with job.start():
        job.note = "done"  # type: ignore[attr-defined]
        job.more = [1]  # type: ignore[attr-defined]
    assert Open.load("1") == job
    assert job.model_extra == {"note": "done", "more": [1]}


def test_a_slotted_dataclass_sets_its_config_by_naming_itself() -> None:
    @dataclass(slots=True)
    class Slotted(DataclassJob):
        @classmethod
        def get_config(cls, **settings: Any) -> st.TrackerConfig:
            return super(Slotted, cls).get_config(non_retryable=[KeyError], **settings)

    job = Slotted.new("1")
    with pytest.raises(KeyError), job.start():
        raise KeyError
    assert job.status_name == "ignored"


def test_after_a_success_the_object_holds_what_the_block_gave() -> None:
    job = DataclassJob.new("1")
    with job.start():
        job.data = {"1": (1, 2)}
    stored = DataclassJob.load("1")
    assert stored is not None
    assert (job.data, stored.data) == ({"1": (1, 2)}, {"1": [1, 2]})


def test_a_class_without_dataclass_attrs_or_pydantic() -> None:
    stored: dict[T_ID, dict[str, Any]] = {}

    class Plain(BaseTracker):
        def __init__(self, **fields: Any) -> None:
            for name, value in fields.items():
                setattr(self, name, value)

        @classmethod
        def load(cls, id: T_ID, **_: Any) -> Self | None:  # noqa: A002  # the seed's name
            return cls(**stored[id]) if id in stored else None

        def dump(self, **_: Any) -> None:
            stored[self.id] = {**vars(self), "data": dict(self.data)}

    job = Plain.new(7, note="made")
    with job.start():
        job.note = "done"  # type: ignore[attr-defined]
        job.data["when"] = get_utc_now()
    again = Plain.load(7)
    assert again is not None
    assert vars(again) == vars(job)
    assert (job.status, stored[7]["note"]) == (StatusEnum.succeeded, "done")


def test_load_and_dump_must_be_written() -> None:
    with pytest.raises(NotImplementedError):
        BaseTracker.load("1")
    with pytest.raises(NotImplementedError):
        BaseTracker().dump()


def test_importing_needs_no_aws() -> None:
    script = (
        "import sys; sys.modules.update(dict.fromkeys(('boto3', 'botocore', 'pynamodb', 'fcntl')))\n"
        "from status_tracker.abstract import *\n"
        "print(FileTracker.__name__, S3Tracker.__name__)"
    )
    done = subprocess.run(  # noqa: S603  # our own interpreter and script
        [sys.executable, "-c", script], check=True, capture_output=True, text=True, env={"PYTHONPATH": str(LAYER)}
    )
    assert done.stdout == "FileTracker S3Tracker\n"
