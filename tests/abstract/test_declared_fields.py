"""Which attributes of a tracker are its fields, and what of them a start and a success store."""

from __future__ import annotations

import functools
import gc
import json
import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar

import attrs
import pydantic
import pytest

import status_tracker as st
from status_tracker.abstract import T_ID, BaseTracker
from tests.abstract.jobs import (
    AttrsJob,
    Column,
    DataclassJob,
    FileJob,
    InMemory,
    ModelJob,
    PlaceJob,
    PydanticJob,
    SlottedAttrsJob,
)


def stored_of(job: InMemory) -> dict[str, Any]:
    stored: dict[str, Any] = json.loads(InMemory.stored[type(job).__name__, job.id])
    return stored


class Upper:
    """A descriptor of the user's own."""

    def __get__(self, job: Any, owner: type | None = None) -> Any:
        return self if job is None else getattr(job, "_upper", "")

    def __set__(self, job: Any, value: str) -> None:
        object.__setattr__(job, "_upper", value.upper())


@dataclass
class WithProperties(DataclassJob):
    """What it stores is behind properties, a descriptor, and a private field."""

    names = (*InMemory.names, "pages", "title", "_secret")
    _secret: str = "none"
    title: ClassVar[Upper] = Upper()

    def __post_init__(self) -> None:
        self.client = object()  # undeclared, and not stored

    @property
    def pages(self) -> list[int]:
        return getattr(self, "_pages", [])

    @pages.setter
    def pages(self, pages: list[int]) -> None:
        self._pages = pages

    @property
    def count(self) -> int:
        """It cannot be set."""
        return len(self.pages)

    @classmethod
    def load(cls, id: T_ID, **_: Any) -> Any:  # noqa: A002  # the seed's name
        if (cls.__name__, id) not in cls.stored:
            return None
        values = json.loads(cls.stored[cls.__name__, id])
        job = cls(**{name: values[name] for name in InMemory.names})
        for name in ("create_time", "update_time", "lock_time", "lock_expire_time"):
            setattr(job, name, datetime.fromisoformat(values[name]))
        job.pages, job.title, job._secret = values["pages"], values["title"], values["_secret"]  # type: ignore[misc]
        return job


def test_r7_properties_descriptors_and_declared_private_fields_are_stored() -> None:
    job = WithProperties.new("1")
    with job.start():
        job.pages, job._secret = [1, 2], "mine"
        job.title = "done"  # type: ignore[misc]
    stored = stored_of(job)
    assert (stored["pages"], stored["title"], stored["_secret"], stored["status"]) == ([1, 2], "DONE", "mine", 40)
    with pytest.raises(KeyError), job.start(force_execution=True):
        job.pages = [3]
        raise KeyError
    assert (job.pages, job.count) == ([1, 2], 2)


class Aliased(ModelJob):
    """A property of the ten over a column of another name: the column is a further field, and holds the status."""

    names = (*(name for name in ModelJob.names if name != "status"), "state")
    state = Column()

    @property
    def status(self) -> int:  # type: ignore[override]
        return self.state  # type: ignore[no-any-return]

    @status.setter
    def status(self, status: int) -> None:
        self.state = status


def test_r7_a_column_that_holds_the_status_does_not_write_the_old_one_back() -> None:
    job = Aliased.new("1")
    for nth in (1, 2):
        with pytest.raises(ValueError, match="mine"), job.start():
            assert job.state == 10
            raise ValueError("mine")
        assert (job.attempts, stored_of(job)["state"]) == (nth, 20)
    with job.start():
        job.note = "done"
    stored = stored_of(job)
    assert (stored["state"], stored["lock"], stored["note"]) == (40, None, "done")


class Cached(ModelJob):
    """It keeps values that follow from others."""

    @functools.cached_property
    def summary(self) -> str:
        return f"{self.status_name}, {self.note}"


@dataclass
class CachedDataclass(DataclassJob):
    @functools.cached_property
    def summary(self) -> str:
        return f"{self.status_name}, {self.note}"


@attrs.define
class CachedAttrs(SlottedAttrsJob):
    @functools.cached_property
    def summary(self) -> str:
        return f"{self.status_name}, {self.note}"


class CachedPydantic(PydanticJob):
    @functools.cached_property
    def summary(self) -> str:
        return f"{self.status_name}, {self.note}"


@pytest.mark.parametrize("job_class", [Cached, CachedDataclass, CachedAttrs, CachedPydantic])
def test_r7_a_cached_value_does_not_travel_to_what_is_dumped(job_class: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    job, dump, dumped = job_class.new("1"), job_class.dump, []

    def telling(self: Any, **_: Any) -> None:
        dumped.append(self.summary)
        dump(self)

    with job.start():
        job.note = "done"
        assert job.summary == "in_progress, done"
        monkeypatch.setattr(job_class, "dump", telling)
    assert dumped == ["succeeded, done"]


@dataclass
class OverData(DataclassJob):
    """A property over what may not be in `data` yet."""

    @property
    def pages(self) -> int:
        return self.data["pages"]  # type: ignore[no-any-return]

    @pages.setter
    def pages(self, pages: int) -> None:
        self.data["pages"] = pages


def test_r7_a_property_that_has_no_value_yet_is_in_nobodys_way() -> None:
    job = OverData.new("1")
    with job.start():
        job.pages = 7
    again = OverData.load("1")
    assert again is not None
    assert (again.pages, again.status_name) == (7, "succeeded")
    again.pages = 8
    with again.start(force_execution=True):
        assert again.pages == 8
    assert stored_of(again)["data"] == {"pages": 8}


def test_r6_a_value_that_the_class_refuses_fails_the_attempt_and_releases() -> None:
    class Strict(PydanticJob):
        tags: list[int] = pydantic.Field(default_factory=list)

        names = (*PydanticJob.names, "tags")

    job = Strict.new("1")
    with pytest.raises(st.TaskExecutionError, match="tags"), job.start():
        job.tags.append("no number")  # type: ignore[arg-type]  # it is not validated here
    stored = stored_of(job)
    assert (stored["status"], stored["lock"], stored["tags"]) == (20, None, [])
    job = Strict.load("1")  # type: ignore[assignment]
    job.tags.append("no number")  # type: ignore[arg-type]
    with pytest.raises(st.TaskExecutionError, match="tags"), job.start():
        pass
    assert (stored_of(job)["status"], stored_of(job)["attempts"]) == (20, 1)


class Busy(ModelJob):
    """Its framework keeps what it likes on the object, also what can be set once only."""

    def __init__(self, **values: Any) -> None:
        super().__init__(**values)
        self.session = object()
        self.dirty = {"status"}


def test_r7_a_frameworks_own_state_stays_where_it_is() -> None:
    job = Busy.new("1")
    session, values = job.session, job.column_values
    with job.start():
        job.dirty.add("data")
        job.data["rows"] = 1
    assert (job.session, job.column_values) == (session, values)
    assert (job.status_name, stored_of(job)["data"]) == ("succeeded", {"rows": 1})


def test_slots_without_annotations_are_fields() -> None:
    class Slotted(InMemory):
        __slots__ = InMemory.names

        def __init__(self, **values: Any) -> None:
            self.note = ""
            for name, value in values.items():
                setattr(self, name, value)

    job = Slotted.new("1")
    with job.start():
        job.note = "done"
    assert (stored_of(job)["note"], stored_of(job)["status"]) == ("done", 40)


def test_super_in_load_and_dump_of_a_slotted_class() -> None:
    """attrs makes another class of it, and replaces the class within `super()`."""

    @attrs.define
    class Slotted(SlottedAttrsJob):
        @classmethod
        def load(cls, id: T_ID, **_: Any) -> Any:  # noqa: A002  # the seed's name
            return super().load(id)

        def dump(self, **_: Any) -> None:
            super().dump()

    job = Slotted.new("1")
    with job.start():
        job.note = "done"
    assert Slotted.load("1") == job
    assert (job.errors, job.fence, "tracker" in stored_of(job)["errors"]) == ({}, 1, True)


# what was changed before the start


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
