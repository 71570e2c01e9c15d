"""What was changed on a tracker before it is started, and what of it is stored with the start."""

from __future__ import annotations

import gc
import json
import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pytest

import status_tracker as st
from status_tracker.abstract import T_ID, BaseTracker
from tests.abstract.jobs import (
    AttrsJob,
    DataclassJob,
    FileJob,
    InMemory,
    ModelJob,
    PlaceJob,
)


def stored_of(job: InMemory) -> dict[str, Any]:
    stored: dict[str, Any] = json.loads(InMemory.stored[type(job).__name__, job.id])
    return stored


def test_what_was_changed_before_the_start_is_stored_with_it(variant: type[InMemory]) -> None:
    variant.new("1", data={"rows": 1}, note="made")
    job = variant.load("1")
    assert job is not None
    job.data["more"] = [2]
    job.note = "given"
    with pytest.raises(KeyError), job.start():
        assert (job.data, job.note) == ({"rows": 1, "more": [2]}, "given")
        stored = variant.load("1")
        assert stored == job
        job.note = "of the block"
        raise KeyError
    stored = variant.load("1")
    assert stored == job
    assert (job.data, job.note) == ({"rows": 1, "more": [2]}, "given")


def test_the_stored_bookkeeping_decides_whatever_the_object_says(variant: type[InMemory]) -> None:
    job = variant.new("1")
    with job.start():
        pass
    job.status, job.attempts, job.lock, job.errors = 0, 0, None, {"mine": True}
    with pytest.raises(st.TaskAlreadySucceedError), job.start():
        pass
    with job.start(force_execution=True):
        assert (job.status_name, job.attempts, job.fence) == ("in_progress", 1, 2)
    assert not [entry for entry in job.errors if entry == "mine"]


def test_what_others_have_stored_since_stays(variant: type[InMemory]) -> None:
    variant.new("1", data={"rows": 1}, note="made")
    job, other = variant.load("1"), variant.load("1")
    assert job is not None
    assert other is not None
    with pytest.raises(KeyError), other.start():
        other.data = {"rows": 2}
        other.update()
        raise KeyError
    job.note = "mine"
    with job.start():
        assert (job.data, job.note) == ({"rows": 2}, "mine")


def test_of_what_both_have_changed_the_stored_one_stays_and_that_is_told(
    variant: type[InMemory], caplog: pytest.LogCaptureFixture
) -> None:
    variant.new("1", data={"rows": 1})
    job, other = variant.load("1"), variant.load("1")
    assert job is not None
    assert other is not None
    with pytest.raises(KeyError), other.start():
        other.data = {"rows": 2}
        other.update()
        raise KeyError
    job.data = {"rows": 3}
    with job.start():
        assert job.data == {"rows": 2}
    (told,) = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
    assert told.startswith(f"{variant.__name__} '1': data had been changed on this object before it was started")


def test_r4_what_a_lost_block_left_is_not_stored_with_the_next_start(variant: type[InMemory]) -> None:
    job = variant.new("1")
    with pytest.raises(st.TaskLockLostError), job.start():
        job.note = "of the lost block"
        variant.unlock("1", reason="it hangs")
    assert job.note == "of the lost block"
    with job.start():
        assert (job.note, job.attempts) == ("", 2)


def test_r4_a_takeover_that_gives_up_stores_nothing_of_the_object(
    variant: type[InMemory], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(variant, "get_max_attempts", classmethod(lambda _: 1))
    job = variant.new("1")
    job.mark_as_in_progress(expire=1e-3)
    job.note = "late"
    with pytest.raises(st.NoMoreRetryError), job.start(now=job.lock_expire_time):
        pass
    assert (stored_of(job)["status"], stored_of(job)["note"]) == (30, "")


@pytest.mark.parametrize("job_class", [FileJob])
def test_what_cannot_be_stored_starts_nothing(jobs: type[FileJob], job_class: type[FileJob]) -> None:
    assert jobs is job_class
    job = jobs.new("1")
    job.data["rows"] = {1, 2}
    with pytest.raises(st.TaskExecutionError, match="set is not JSON serializable"), job.start():
        pass
    stored = jobs.load("1")
    assert stored is not None
    assert (stored.status_name, stored.attempts, stored.data) == ("pending", 0, {})


@pytest.mark.parametrize("job_class", [DataclassJob, ModelJob, PlaceJob, AttrsJob])
def test_an_object_of_a_query_may_be_started_with_its_changes(job_class: type[InMemory]) -> None:
    """A framework's query makes objects that never came from `load`."""
    job_class.new("1", data={"rows": 1})
    text = InMemory.stored[job_class.__name__, "1"]
    values = json.loads(text) | {
        name: datetime.fromisoformat(json.loads(text)[name])
        for name in ("create_time", "update_time", "lock_time", "lock_expire_time")
    }
    job: Any = job_class(**values)
    job.data["rows"] = 2
    with job.start():
        assert job.data == {"rows": 2}
        assert job.fence == 1
    assert (stored_of(job)["status"], stored_of(job)["data"]) == (40, {"rows": 2})


def test_a_load_of_a_mixin_that_is_no_tracker() -> None:
    kept: dict[T_ID, dict[str, Any]] = {}

    class Loading:
        @classmethod
        def load(cls: Any, id: T_ID, **_: Any) -> Any:  # noqa: A002  # the seed's name
            return cls(**json.loads(json.dumps(kept[id], default=str)) | {"note": ""}) if id in kept else None

        def dump(self: Any, **_: Any) -> None:
            kept[self.id] = dict(vars(self))

    @dataclass
    class Job(Loading, BaseTracker):
        id: T_ID
        status: int
        attempts: int
        create_time: Any
        update_time: Any
        lock: str | None
        lock_time: Any
        lock_expire_time: Any
        data: dict[str, Any]
        errors: dict[str, Any]
        note: str = ""

        def __post_init__(self) -> None:
            for name in ("create_time", "update_time", "lock_time", "lock_expire_time"):
                if isinstance(getattr(self, name), str):
                    setattr(self, name, datetime.fromisoformat(getattr(self, name)))

    job = Job.new("1")
    with job.start():
        assert job.errors == {}
        job.data["rows"] = 1
    assert (kept["1"]["status"], kept["1"]["errors"]["tracker"]["fence"], job.errors) == (40, 1, {})


@pytest.mark.parametrize("make", [lambda: DataclassJob, lambda: FileJob], ids=["load and dump", "files"])
def test_nothing_is_kept_for_objects_that_are_gone(jobs: type[FileJob], make: Callable[[], Any]) -> None:
    from status_tracker.abstract import known  # noqa: PLC0415  # what is looked at is private

    job_class = make()
    assert jobs
    job_class.new("1")
    gc.collect()
    before = len(known._known)
    for _ in range(100):
        with job_class.load("1").start(force_execution=True):
            pass
    gc.collect()
    assert len(known._known) <= before
