"""The trackers on which these tests work."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, ClassVar, Self

import attrs
import pydantic

from status_tracker.abstract import T_ID, BaseTracker, FileTracker, S3Tracker

LEASE = timedelta(seconds=900)


@dataclass
class FileJob(FileTracker):
    """Its files are in `folder`, which each test sets."""

    folder: ClassVar[Path]
    note: str = ""

    @classmethod
    def get_path(cls, id: T_ID) -> Path:  # noqa: A002  # the seed's name
        return cls.folder / f"{id}.json"


@dataclass
class S3Job(S3Tracker):
    """Its client and bucket are set by each test."""

    client: ClassVar[Any]
    bucket: ClassVar[str]
    note: str = ""

    @classmethod
    def get_bucket_key(cls, id: T_ID) -> tuple[str, str]:  # noqa: A002  # the seed's name
        return cls.bucket, f"jobs/{id}.json"

    @classmethod
    def get_s3_client(cls) -> Any:
        return cls.client


class InMemory(BaseTracker):
    """Keeps what is dumped, as text, by class and id."""

    stored: ClassVar[dict[tuple[str, T_ID], str]] = {}
    names: ClassVar[tuple[str, ...]] = (*BaseTracker.__mro__[2].__annotations__, "note")

    @classmethod
    def load(cls, id: T_ID, **_: Any) -> Self | None:  # noqa: A002  # the seed's name
        text = cls.stored.get((cls.__name__, id))
        if text is None:
            return None
        values = json.loads(text)
        times = {name: datetime.fromisoformat(values[name]) for name in values if name.endswith("_time")}
        return cls(**values | times)

    def dump(self, **_: Any) -> None:
        self.stored[type(self).__name__, self.id] = json.dumps(
            {name: getattr(self, name) for name in self.names}, default=datetime.isoformat
        )


@dataclass
class DataclassJob(InMemory):
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
    note: str = ""


@dataclass(slots=True)
class SlottedDataclassJob(InMemory):
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
    note: str = ""


@attrs.define(slots=False)
class AttrsJob(InMemory):
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
    note: str = ""


@attrs.define
class SlottedAttrsJob(InMemory):
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
    note: str = ""


class PydanticJob(InMemory, pydantic.BaseModel, validate_assignment=True):
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
    note: str = ""


class Column:
    """A field as frameworks have them: a descriptor; the values are in one dict of the object."""

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    def __get__(self, job: Any, owner: type | None = None) -> Any:
        return self if job is None else job.column_values.get(self.name)

    def __set__(self, job: Any, value: Any) -> None:
        job.column_values[self.name] = value


class TextColumn(Column):
    """One of a kind of its own."""


class ModelJob(InMemory):
    """As an ORM's model is."""

    id = TextColumn()
    status = Column()
    attempts = Column()
    create_time = Column()
    update_time = Column()
    lock = TextColumn()
    lock_time = Column()
    lock_expire_time = Column()
    data = Column()
    errors = Column()
    note = TextColumn()

    def __init__(self, **values: Any) -> None:
        self.column_values: dict[str, Any] = {"note": ""}
        for name, value in values.items():
            setattr(self, name, value)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ModelJob) and self.column_values == other.column_values

    __hash__ = None  # type: ignore[assignment]


class PlaceJob(ModelJob):
    """One with a column for what the library keeps."""

    names = (*InMemory.names, "tracker_state")
    tracker_state = Column()


@dataclass
class PlaceDataclassJob(DataclassJob):
    """One with a field for what the library keeps."""

    names = (*InMemory.names, "tracker_state")
    tracker_state: dict[str, Any] | None = None


VARIANTS = (
    DataclassJob,
    SlottedDataclassJob,
    AttrsJob,
    SlottedAttrsJob,
    PydanticJob,
    ModelJob,
    PlaceJob,
    PlaceDataclassJob,
)
