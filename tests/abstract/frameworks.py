"""Trackers over the models of PynamoDB and SQLAlchemy, as users declare them, with either order of the bases."""

from __future__ import annotations

import uuid
from contextlib import AbstractContextManager, nullcontext
from datetime import UTC, datetime
from typing import Any, Self

import sqlalchemy as sa
from pynamodb.attributes import JSONAttribute, NumberAttribute, UnicodeAttribute, UTCDateTimeAttribute, VersionAttribute
from pynamodb.exceptions import DoesNotExist, PutError
from pynamodb.models import Model
from sqlalchemy import orm
from sqlalchemy.orm.exc import StaleDataError

from status_tracker.abstract import T_ID, BaseTracker, TrackerChangedError
from tests.support.steps import CREDENTIALS, REGION


class _Table:
    """What DynamoDB needs to know."""

    table_name: str
    host: str
    region = REGION
    billing_mode = "PAY_PER_REQUEST"
    aws_access_key_id = CREDENTIALS["aws_access_key_id"]
    aws_secret_access_key = CREDENTIALS["aws_secret_access_key"]


class DynamoFields(Model):
    """The ten fields, one more, and a version by which a dump compares."""

    id = UnicodeAttribute(hash_key=True)
    status = NumberAttribute()
    attempts = NumberAttribute()
    create_time = UTCDateTimeAttribute()
    update_time = UTCDateTimeAttribute()
    lock = UnicodeAttribute(null=True)
    lock_time = UTCDateTimeAttribute()
    lock_expire_time = UTCDateTimeAttribute()
    data = JSONAttribute()
    errors = JSONAttribute()
    note = UnicodeAttribute(null=True, attr_name="n")
    version = VersionAttribute()


class DynamoLoading:
    """`load` and `dump` by PynamoDB."""

    @classmethod
    def load(cls: Any, id: T_ID, **_: Any) -> Any:  # noqa: A002  # the seed's name
        try:
            return cls.get(id, consistent_read=True)
        except DoesNotExist:
            return None

    def dump(self: Any, **_: Any) -> None:
        try:
            self.save()
        except PutError as error:
            if error.cause_response_code != "ConditionalCheckFailedException":
                raise
            raise TrackerChangedError(str(error)) from error


def dynamo_jobs(host: str, *, model_first: bool) -> Any:
    """A class of trackers on a new table; the one whose model comes first has a place for what the library keeps."""
    place = {"tracker_state": JSONAttribute(null=True)} if model_first else {}

    class Meta(_Table):
        pass

    Meta.host, Meta.table_name = host, f"jobs-{uuid.uuid4().hex}"
    bases = (DynamoFields, BaseTracker) if model_first else (BaseTracker, DynamoFields)

    def load(cls: Any, id: T_ID, **_: Any) -> Any:  # noqa: A002  # the seed's name
        return DynamoLoading.load.__func__(cls, id)  # type: ignore[attr-defined]

    members = {"Meta": Meta, "load": classmethod(load), "dump": DynamoLoading.dump, "__module__": __name__, **place}
    job = type(Model)("Job", bases, members)
    job.queried = classmethod(lambda cls, task_id: next(iter(cls.query(task_id))))
    job.create_table(wait=True)
    return job


class Moment(sa.TypeDecorator[datetime]):
    """A time with its zone, also on SQLite."""

    impl = sa.DateTime(timezone=True)
    cache_ok = True

    def process_result_value(self, value: datetime | None, dialect: Any) -> datetime | None:  # noqa: ARG002
        return value.replace(tzinfo=UTC) if value is not None and value.tzinfo is None else value


def sql_jobs(
    engine: sa.Engine,
    *,
    model_first: bool,
    by_add: bool = False,
    comparing: bool = False,
    session: orm.Session | None = None,
) -> Any:
    """A class of trackers on a new table.

    Args:
        by_add: the object itself is put in the session, in place of a copy of it.
        comparing: with a version, by which a dump compares.
        session: the one for all; by default each `load` and each `dump` has a session of its own.
    """

    def opened() -> AbstractContextManager[orm.Session]:
        return orm.Session(engine, expire_on_commit=False) if session is None else nullcontext(session)

    class Base(orm.DeclarativeBase):
        pass

    class Columns:
        __tablename__ = "job"
        id: Any = sa.Column(sa.String, primary_key=True)
        status: Any = sa.Column(sa.Integer, nullable=False)
        attempts: Any = sa.Column(sa.Integer, nullable=False)
        create_time: Any = sa.Column(Moment, nullable=False)
        update_time: Any = sa.Column(Moment, nullable=False)
        lock: Any = sa.Column(sa.String)
        lock_time: Any = sa.Column(Moment, nullable=False)
        lock_expire_time: Any = sa.Column(Moment, nullable=False)
        data: Any = sa.Column(sa.JSON, nullable=False)
        errors: Any = sa.Column(sa.JSON, nullable=False)
        note: Any = sa.Column(sa.String)

        @classmethod
        def load(cls, id: T_ID, **_: Any) -> Self | None:  # noqa: A002  # the seed's name
            with opened() as now:
                return now.get(cls, id)

        def dump(self, **_: Any) -> None:
            with opened() as now:
                try:
                    (now.add if by_add else now.merge)(self)
                    now.commit()
                except (StaleDataError, sa.exc.IntegrityError) as error:
                    raise TrackerChangedError(str(error)) from error

        @classmethod
        def queried(cls, task_id: str) -> Self:
            with opened() as now:
                return now.scalars(sa.select(cls).where(cls.id == task_id)).one()

    columns = {
        name: value for name, value in vars(Columns).items() if not name.startswith("__") or name == "__tablename__"
    }
    place: dict[str, Any] = {"tracker_state": sa.Column(sa.JSON)} if model_first else {}
    if comparing:
        place["version"] = version = sa.Column(sa.Integer, nullable=False)
        place["__mapper_args__"] = {"version_id_col": version}
    bases = (Base, BaseTracker) if model_first else (BaseTracker, Base)
    job: Any = type(Base)("Job", bases, {**columns, **place, "__module__": __name__})
    Base.metadata.create_all(engine)
    return job
