"""Moments: timezone-aware in Python, whatever the column and the session's time zone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
import sqlalchemy as sa

from status_tracker.sql import UTCDateTime, add_missing_columns
from tests.support.clock import TICK, Clock

from .conftest import Job, make_config, make_job_class, stored

MOMENT = datetime(2026, 3, 8, 7, 30, 0, 123456, tzinfo=UTC)  # in New York, within the hour that summer time skips
ELSEWHERE = MOMENT.astimezone(timezone(timedelta(hours=5, minutes=45)))


@pytest.fixture(params=["timestamp", "timestamptz"])
def postgres_kind(request: pytest.FixtureRequest, postgres: sa.Engine) -> tuple[sa.Engine, str]:
    with postgres.begin() as connection:
        connection.execute(sa.text(f"CREATE TABLE moment (id integer, at {request.param})"))
        assert connection.scalar(sa.text("SHOW timezone")) == "America/New_York"
    return postgres, request.param


MOMENTS = sa.Table("moment", sa.MetaData(), sa.Column("id", sa.Integer), sa.Column("at", UTCDateTime))


def test_a_moment_comes_back_in_utc_from_either_kind_of_column(postgres_kind: tuple[sa.Engine, str]) -> None:
    engine, kind = postgres_kind
    with engine.begin() as connection:
        connection.execute(MOMENTS.insert().values(id=1, at=ELSEWHERE))
        connection.execute(MOMENTS.insert(), [{"id": 2, "at": MOMENT}, {"id": 3, "at": None}])
        values = connection.scalars(sa.select(MOMENTS.c.at).order_by(MOMENTS.c.id)).all()
        assert values == [MOMENT, MOMENT, None]
        assert values[0].tzinfo is UTC
        in_utc = "at AT TIME ZONE 'UTC'" if kind == "timestamptz" else "at"
        found = connection.scalar(sa.select(sa.literal_column(in_utc)).select_from(MOMENTS).where(MOMENTS.c.id == 1))
        assert found == MOMENT.replace(tzinfo=None)


def test_a_moment_is_compared_to_the_microsecond(postgres_kind: tuple[sa.Engine, str]) -> None:
    engine, _ = postgres_kind
    with engine.begin() as connection:
        connection.execute(MOMENTS.insert().values(id=1, at=MOMENT))

        def found(condition: sa.ColumnElement[bool]) -> bool:
            return connection.scalar(sa.select(MOMENTS.c.id).where(condition)) == 1

        assert found(MOMENTS.c.at == ELSEWHERE)
        assert found(MOMENTS.c.at <= MOMENT)
        assert not found(MOMENTS.c.at < MOMENT)
        assert found(MOMENTS.c.at > MOMENT - TICK)
        assert found(MOMENTS.c.at.in_([MOMENT, MOMENT + TICK]))
        assert found(MOMENTS.c.at.between(MOMENT - TICK, MOMENT + TICK))


TIMES = ("create_at", "update_at", "lock_at", "lock_expire_at", "not_before")


def types_of(engine: sa.Engine, clock: Clock) -> dict[str, Any]:
    make_job_class(clock).metadata.create_all(engine)  # type: ignore[attr-defined]
    return {column["name"]: column["type"] for column in sa.inspect(engine).get_columns("job")}


def test_new_columns_have_no_time_zone_on_postgresql_as_sqlalchemy_mate_reads_them(
    postgres: sa.Engine, clock: Clock
) -> None:
    types = types_of(postgres, clock)
    assert not any(types[name].timezone for name in TIMES)


def test_new_columns_have_microseconds_on_mariadb(mariadb: sa.Engine, clock: Clock) -> None:
    types = types_of(mariadb, clock)
    assert {types[name].fsp for name in TIMES} == {6}


def test_a_naive_moment_is_refused(job_class: type[Job], engine: sa.Engine) -> None:
    with engine.connect() as connection, pytest.raises(sa.exc.StatementError, match="has no time zone"):
        connection.execute(sa.select(job_class.id).where(job_class.update_at < datetime(2026, 1, 1)))  # noqa: DTZ001


_MATE_TABLE = """
CREATE TABLE job (
    id {text} NOT NULL,
    status INTEGER NOT NULL,
    create_at {moment} NOT NULL,
    update_at {moment} NOT NULL,
    {lock} {text},
    lock_at {moment} NOT NULL,
    retry INTEGER NOT NULL,
    data JSON,
    errors JSON,
    note VARCHAR(40),
    PRIMARY KEY (id)
)
"""
"""As sqlalchemy_mate 2.0.0.3 makes it, with a column of the user's; on MariaDB with the lengths that it leaves out."""


def mate_table(engine: sa.Engine) -> sa.TextClause:
    """The statement that makes the table there."""
    moment = "TIMESTAMP WITHOUT TIME ZONE" if engine.dialect.name == "postgresql" else "DATETIME"
    text, lock = ("VARCHAR(255)", "`lock`") if engine.dialect.name == "mysql" else ("VARCHAR", "lock")
    return sa.text(_MATE_TABLE.format(moment=moment, text=text, lock=lock))


@pytest.fixture
def mate_class(engine: sa.Engine, clock: Clock) -> type[Job]:
    with engine.begin() as connection:
        connection.execute(mate_table(engine))
        connection.execute(
            sa.text("INSERT INTO job VALUES ('job-1', 20, :at, :at, 'abc', :at, 1, 'null', :errors, NULL)"),
            {"at": "2026-01-01 00:00:00.000000", "errors": '{"error": "E()", "traceback": "T"}'},
        )
    job_class = make_job_class(clock, config=make_config(clock))
    add_missing_columns(engine, job_class)
    return job_class


def test_a_job_of_sqlalchemy_mate_is_read(mate_class: type[Job], engine: sa.Engine) -> None:
    job = stored(mate_class, engine)
    assert job.create_at == datetime(2026, 1, 1, tzinfo=UTC)
    assert [job.data, job.errors["error"], job.is_locked(expire=1)] == [None, "E()", True]


def test_r3_a_lock_of_sqlalchemy_mate_ends_to_the_microsecond(
    mate_class: type[Job], engine: sa.Engine, clock: Clock
) -> None:
    with pytest.raises(Exception, match="is locked by another worker"), mate_class.start(engine, "job-1"):
        pytest.fail("it was started")
    clock.advance(900)
    clock.now -= TICK
    assert mate_class.query_stuck(engine) == []
    clock.now += TICK
    assert [job.id for job in mate_class.query_stuck(engine)] == ["job-1"]
    with mate_class.start(engine, "job-1", skip_error=True) as (job, updates):
        assert (job.retry, job.lock_at, updates.fence) == (2, clock.now, 1)
        error = RuntimeError("wait")
        error.retry_after = 60  # type: ignore[attr-defined]
        raise error
    job = stored(mate_class, engine)
    assert (job.status, job.update_at, job.not_before) == (50, clock.now, clock.now + timedelta(seconds=60))


def test_old_and_new_columns_of_one_table_tell_the_same_time(
    mate_class: type[Job], engine: sa.Engine, clock: Clock
) -> None:
    clock.advance(900)
    with mate_class.start(engine, "job-1") as (_, _updates):
        job = stored(mate_class, engine)
    assert job.lock_expire_at == job.lock_at + timedelta(seconds=900)
