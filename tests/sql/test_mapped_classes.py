"""What a class maps besides its columns is loaded with a job that was started, as the ORM loads it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import pytest
import sqlalchemy as sa
from sqlalchemy import orm
from sqlalchemy.ext.mutable import MutableDict

from status_tracker.sql import JobMixin
from tests.support.clock import Clock

from .conftest import make_config

Base: TypeAlias = Any
Make: TypeAlias = Callable[[Base], type[Any]]


def with_columns_only(base: Base) -> type[Any]:
    return type("Job", (base, JobMixin), {"__tablename__": "job"})


def with_a_reconstructor(base: Base) -> type[Any]:
    def remember(self: Any) -> None:
        self.seen = self.id

    return type("Job", (base, JobMixin), {"__tablename__": "job", "remember": orm.reconstructor(remember)})


def with_mutable_data(base: Base) -> type[Any]:
    notes = orm.mapped_column(MutableDict.as_mutable(sa.JSON()), nullable=True)
    return type("Job", (base, JobMixin), {"__tablename__": "job", "notes": notes})


def with_pages(base: Base) -> type[Any]:
    page = {"__tablename__": "page", "n": orm.mapped_column(sa.Integer, primary_key=True)}
    base.others = type("Page", (base,), {**page, "job_id": orm.mapped_column(sa.String(40))})
    pages = orm.relationship("Page", lazy="selectin", viewonly=True, primaryjoin="Job.id == foreign(Page.job_id)")
    return type("Job", (base, JobMixin), {"__tablename__": "job", "pages": pages})


def of_two_kinds(base: Base) -> type[Any]:
    kind = orm.mapped_column(sa.String(8), nullable=True)
    arguments = {"polymorphic_on": "kind", "polymorphic_identity": "job"}
    job = type("Job", (base, JobMixin), {"__tablename__": "job", "kind": kind, "__mapper_args__": arguments})
    base.others = type("Letter", (job,), {"__mapper_args__": {"polymorphic_identity": "letter"}})
    return job


def with_a_flag(base: Base) -> type[Any]:
    flag = orm.mapped_column(sa.Boolean, nullable=True)
    return type("Job", (base, JobMixin), {"__tablename__": "job", "is_started": flag})


KINDS: dict[Make, tuple[dict[str, Any], Callable[[Any], Any], Any]] = {
    with_columns_only: ({}, lambda job: job.data, {"n": 1}),
    with_a_flag: ({"is_started": True}, lambda job: job.is_started, True),
    with_a_reconstructor: ({}, lambda job: job.seen, "job-1"),
    with_mutable_data: ({"notes": {"n": 1}}, lambda job: type(job.notes), MutableDict),
    with_pages: ({}, lambda job: job.pages, []),
    of_two_kinds: ({"kind": "letter"}, lambda job: type(job).__name__, "Letter"),
}


@pytest.mark.parametrize("make", KINDS, ids=lambda make: make.__name__)
@pytest.mark.parametrize("by", ["start", "start_next"])
def test_a_started_job_is_as_the_orm_loads_it(engine: sa.Engine, clock: Clock, make: Make, by: str) -> None:
    values, shown, expected = KINDS[make]
    base = orm.declarative_base()  # it keeps the other classes, which the registry does not
    base.config = make_config(clock)
    job_class = make(base)
    base.metadata.create_all(engine)
    with orm.Session(engine) as session:
        session.execute(sa.insert(job_class.__table__).values(_row(job_class, values)))
        session.commit()
    block = job_class.start(engine, "job-1") if by == "start" else job_class.start_next(engine)
    with block as (job, _):
        assert shown(job) == expected
        assert sa.inspect(job).detached
        assert not sa.inspect(job).modified
    with orm.Session(engine) as session:
        session.add(job)  # it is a job of the session's from then on
        assert (job.status, session.get(job_class, "job-1")) == (40, job)


def test_a_class_that_is_mapped_after_the_first_start_may_refer_to_jobs(engine: sa.Engine, clock: Clock) -> None:
    base = orm.declarative_base()
    base.config = make_config(clock)
    job_class: Any = with_columns_only(base)
    base.metadata.create_all(engine)
    for job_id in ("job-1", "job-2"):
        job_class.create_and_save(engine, job_id, 10)
    with job_class.start(engine, "job-1"):
        pass
    key = orm.mapped_column(sa.String(40), primary_key=True)
    of_job = "Job.id == foreign(Page.job_id)"
    job = orm.relationship(job_class, primaryjoin=of_job, backref=orm.backref("pages", lazy="selectin"))
    base.others = type("Page", (base,), {"__tablename__": "page", "job_id": key, "job": job})
    base.metadata.create_all(engine)
    with job_class.start(engine, "job-2") as (started, _):
        assert started.pages == []


def test_who_listens_to_every_session_hears_of_starts_and_ends(engine: sa.Engine, clock: Clock) -> None:
    base = orm.declarative_base()
    base.config = make_config(clock)
    job_class: Any = with_columns_only(base)
    base.metadata.create_all(engine)
    job_class.create_and_save(engine, "job-1", 10)
    begun: list[Any] = []

    def begin(_session: orm.Session, _transaction: Any, connection: sa.Connection) -> None:
        begun.append(connection.engine)  # a tenant may be set here

    sa.event.listen(orm.Session, "after_begin", begin)
    try:
        with job_class.start_next(engine):
            assert begun == [engine]
    finally:
        sa.event.remove(orm.Session, "after_begin", begin)
    assert begun == [engine, engine]


def _row(job_class: type[Any], values: dict[str, Any]) -> dict[str, Any]:
    job = job_class.create("job-1", 10, {"n": 1})
    columns = [each.name for each in job_class.__table__.columns]
    return {**{name: getattr(job, name) for name in columns}, **values}
