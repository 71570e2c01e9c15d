"""Which attributes of a tracker are its fields, and what of them a start and a success store."""

from __future__ import annotations

import functools
import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar

import attrs
import pydantic
import pytest

import status_tracker as st
from status_tracker.abstract import T_ID
from tests.abstract.jobs import (
    Column,
    DataclassJob,
    InMemory,
    ModelJob,
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
