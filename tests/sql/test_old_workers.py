"""Workers of sqlalchemy_mate 2 on a table that we have made: what they send, in any session's time zone."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy import orm

import status_tracker.sql as sm
from status_tracker import get_utc_now

from .conftest import CODES, Job, make_job_class, stored

ZONES = ["UTC", "America/New_York", "Asia/Kathmandu"]
EXPIRE = 900


class OldBase(orm.DeclarativeBase):
    pass


class OldJob(OldBase):
    """The columns as sqlalchemy_mate 2.0.0.3 declares them."""

    __tablename__ = "job"

    id: orm.Mapped[str] = orm.mapped_column(sa.String, primary_key=True)
    status: orm.Mapped[int] = orm.mapped_column(sa.Integer)
    create_at: orm.Mapped[datetime] = orm.mapped_column(sa.DateTime)
    update_at: orm.Mapped[datetime] = orm.mapped_column(sa.DateTime)
    lock: orm.Mapped[str | None] = orm.mapped_column(sa.String)
    lock_at: orm.Mapped[datetime] = orm.mapped_column(sa.DateTime)
    retry: orm.Mapped[int] = orm.mapped_column(sa.Integer)
    data: orm.Mapped[dict[str, Any]] = orm.mapped_column(sa.JSON, nullable=True)
    errors: orm.Mapped[dict[str, Any]] = orm.mapped_column(sa.JSON, nullable=True)


def naive_now() -> datetime:
    return datetime.now(UTC).replace(tzinfo=None)


@pytest.fixture(params=["postgres", "sqlite", "mariadb"])
def shared(request: pytest.FixtureRequest, tmp_path: Any) -> Iterator[sa.Engine]:
    if request.param == "sqlite":
        yield sa.create_engine(f"sqlite:///{tmp_path / 'jobs.db'}")
    else:
        yield request.getfixturevalue(request.param)


@pytest.fixture(params=ZONES)
def old(request: pytest.FixtureRequest, shared: sa.Engine) -> Iterator[sa.Engine]:
    """The old worker's engine, whose sessions have a time zone of their own."""
    engine = sa.create_engine(shared.url)
    if shared.dialect.name == "postgresql":

        @sa.event.listens_for(engine, "connect")
        def _set(connection: Any, _record: Any) -> None:
            connection.autocommit = True
            connection.execute(f"SET TIME ZONE '{request.param}'")
            connection.autocommit = False

    yield engine
    engine.dispose()


@pytest.fixture
def job_class(shared: sa.Engine) -> type[Job]:
    job_class = make_job_class(get_utc_now)
    job_class.metadata.create_all(shared)  # type: ignore[attr-defined]
    return job_class


def old_lock(engine: sa.Engine) -> int:
    """Lock the job as the old worker does, and say how many rows that changed."""
    statement = (
        sa.update(OldJob)
        .where(OldJob.id == "job-1", OldJob.lock.is_(None))
        .values(status=20, lock=uuid.uuid4().hex, lock_at=naive_now())
    )
    with orm.Session(engine) as session:
        done: Any = session.execute(statement)
        session.commit()
        return int(done.rowcount)


def old_is_locked(engine: sa.Engine) -> bool:
    with orm.Session(engine) as session:
        job = session.get_one(OldJob, "job-1")
        return job.lock is not None and (naive_now() - job.lock_at).total_seconds() < EXPIRE


def test_we_do_not_take_what_an_old_worker_has_locked(job_class: type[Job], shared: sa.Engine, old: sa.Engine) -> None:
    job_class.create_and_save(shared, "job-1", 10)
    assert old_lock(old) == 1
    assert old_is_locked(old)
    with pytest.raises(sm.JobLockedError), job_class.start(shared, "job-1", **CODES, expire=EXPIRE):
        pytest.fail("it was started")
    with job_class.start_next(shared, **CODES, expire=EXPIRE) as (job, _):
        assert job is None
    assert stored(job_class, shared).is_locked(expire=EXPIRE)
    assert not stored(job_class, shared).is_locked(expire=0.001)


def test_an_old_worker_sees_that_we_hold_it_and_when_that_ends(
    job_class: type[Job], shared: sa.Engine, old: sa.Engine
) -> None:
    job_class.create_and_save(shared, "job-1", 10)
    with job_class.start(shared, "job-1", **CODES, expire=EXPIRE):
        assert old_is_locked(old)
        assert old_lock(old) == 0
    assert not old_is_locked(old)


def test_what_an_old_worker_creates_and_ends_is_read_rightly(
    job_class: type[Job], shared: sa.Engine, old: sa.Engine
) -> None:
    now = naive_now()
    with orm.Session(old) as session:
        epoch = datetime(1970, 1, 1)  # noqa: DTZ001  # as it stands there
        times = {"create_at": now, "update_at": now, "lock_at": epoch}
        session.add(OldJob(id="job-1", status=10, retry=0, data=None, errors={}, **times))
        session.commit()
    job = stored(job_class, shared)
    assert [job.create_at, job.data, job.errors] == [now.replace(tzinfo=UTC), None, {}]
    with job_class.start(shared, "job-1", **CODES, expire=EXPIRE) as (_, updates):
        updates.set("data", {"n": 1})
    with orm.Session(old) as session:
        seen = session.get_one(OldJob, "job-1")
        assert (seen.status, seen.lock, seen.retry, seen.data, seen.errors) == (40, None, 0, {"n": 1}, {})
        assert timedelta(0) <= naive_now() - seen.update_at < timedelta(minutes=5)
