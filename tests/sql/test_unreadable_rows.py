"""Rows that are no jobs, edited by hand perhaps: they are named, left as they are, and stop none of the others."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy import orm

import status_tracker as st
from status_tracker.sql import OperableJobs, Updates
from tests.support.clock import Clock

from .conftest import LEASE, Job, stored

EVERYWHERE = {"errors a list": ("errors", "[1]"), "history no list": ("errors", '{"history": {"a": 1}}')}
ON_SQLITE = {
    "no JSON": ("data", "{broken"),
    "no moment": ("create_at", "yesterday"),
    "no number": ("retry", "one"),
    "run no number": ("run_number", "one"),
}
DAMAGES = [pytest.param(*damage, id=name) for name, damage in {**EVERYWHERE, **ON_SQLITE}.items()]


@pytest.fixture
def damaged(job_class: type[Job], engine: sa.Engine, clock: Clock, column: str, value: str) -> type[Job]:
    """Three jobs, of which the oldest cannot be read."""
    if engine.dialect.name == "postgresql" and (column, value) in ON_SQLITE.values():
        column, value = "create_at", "infinity"  # what PostgreSQL takes, and Python has no datetime for
    if engine.dialect.name == "mysql" and (column, value) in ON_SQLITE.values():
        column, value = "errors", '"text"'  # the others are refused by the server
    for name in ("bad", "job-1", "job-2"):
        job_class.create_and_save(engine, name, 10)
        clock.advance(1)
    with engine.begin() as connection:
        connection.execute(sa.text(f"UPDATE job SET {column} = :value WHERE id = 'bad'"), {"value": value})  # noqa: S608
    return job_class


def raw(engine: sa.Engine) -> Any:
    with engine.connect() as connection:
        columns = "id, status, retry, data, errors, fence"
        return connection.execute(sa.text(f"SELECT {columns} FROM job WHERE id = 'bad'")).one()  # noqa: S608


@pytest.mark.parametrize(("column", "value"), DAMAGES)
def test_start_next_passes_it_by_and_tells(
    damaged: type[Job], engine: sa.Engine, caplog: pytest.LogCaptureFixture
) -> None:
    before, done = raw(engine), []
    caplog.set_level(logging.WARNING, logger="status_tracker")
    while True:
        with damaged.start_next(engine) as (job, _):
            if job is None:
                break
            done.append(job.id)
    assert done == ["job-1", "job-2"]
    assert raw(engine) == before
    assert "The row 'bad' of the table 'job' cannot be read" in caplog.text


@pytest.mark.parametrize(("column", "value"), DAMAGES)
def test_a_start_says_so_and_leaves_it_as_it_is(damaged: type[Job], engine: sa.Engine) -> None:
    before = raw(engine)
    with (
        pytest.raises(st.TaskUnreadableError, match="'bad' of the table 'job' cannot be read"),
        damaged.start(engine, "bad"),
    ):
        pytest.fail("it was started")
    assert raw(engine) == before


@pytest.mark.parametrize(("column", "value"), DAMAGES)
@pytest.mark.parametrize("act", ["rerun", "ignore", "cancel", "unlock"])
def test_an_action_says_so(damaged: type[Job], engine: sa.Engine, act: str) -> None:
    before = raw(engine)
    with pytest.raises(st.TaskUnreadableError, match="cannot be read"):
        getattr(damaged, act)(engine, "bad", reason="again")
    assert raw(engine) == before


@pytest.mark.parametrize(("column", "value"), DAMAGES[2:3])
def test_listings_have_the_others(damaged: type[Job], engine: sa.Engine, clock: Clock) -> None:
    if engine.dialect.name == "mysql":
        return  # each column of its rows can be loaded
    assert [job.id for job in damaged.query_by_status(engine, 10, limit=1)] == ["job-1"]
    assert [job.id for job in damaged.query_by_status(engine, 10)] == ["job-1", "job-2"]
    assert [task.task_id for task in OperableJobs(damaged, engine).query_by_status([10], None)] == ["job-1", "job-2"]
    assert damaged.count_by_status(engine) == {10: 3}
    with engine.begin() as connection:
        connection.execute(sa.text("UPDATE job SET status = 20, lock = 'x', lock_at = update_at"))
    clock.advance(10 * LEASE)
    assert [job.id for job in damaged.query_stuck(engine)] == ["job-1", "job-2"]


def test_many_of_them_do_not_hide_a_job(job_class: type[Job], engine: sa.Engine, clock: Clock) -> None:
    for number in range(40):  # more than are looked at together
        job_class.create_and_save(engine, f"bad-{number:02}", 10)
    clock.advance(1)
    job_class.create_and_save(engine, "job-1", 10)
    with engine.begin() as connection:
        connection.execute(sa.text("UPDATE job SET errors = '[1]' WHERE id <> 'job-1'"))
    with job_class.start_next(engine) as (job, _):
        assert job is not None
        assert job.id == "job-1"


def test_r8_a_row_that_is_damaged_while_the_block_runs_is_told(job_class: type[Job], engine: sa.Engine) -> None:
    job_class.create_and_save(engine, "job-1", 10)
    with pytest.raises(ValueError, match="no page"), job_class.start(engine, "job-1"):
        with engine.begin() as connection:
            connection.execute(sa.text("UPDATE job SET errors = '[1]'"))
        raise ValueError("no page")
    job = stored(job_class, engine)
    assert (job.status, [each["error"] for each in job.errors["history"]]) == (30, ["ValueError('no page')"])


@pytest.mark.parametrize("value", ["[1]", '{"history": {"a": 1}}'])
def test_a_users_session_that_is_committed_after_all_stores_nothing(
    job_class: type[Job], engine: sa.Engine, value: str
) -> None:
    columns = "status, lock_at, fence, retry"
    job_class.create_and_save(engine, "bad", 10)
    with orm.Session(engine) as session:
        job = session.get_one(job_class, "bad")
        job.note = "the user's own"
        session.flush()
        session.execute(sa.text("UPDATE job SET errors = :value"), {"value": value})
        before = session.execute(sa.text(f"SELECT {columns} FROM job")).one()  # noqa: S608
        with pytest.raises(st.TaskUnreadableError, match="'bad' of the table 'job' cannot be read"):
            job.lock_it(session, 20)
        assert job.lock is None
        session.commit()
    with engine.connect() as connection:
        assert connection.execute(sa.text(f"SELECT {columns} FROM job")).one() == before  # noqa: S608
        assert connection.scalar(sa.text("SELECT note FROM job")) == "the user's own"


def test_values_for_it_in_a_users_session_are_not_stored_either(job_class: type[Job], engine: sa.Engine) -> None:
    if engine.dialect.name != "sqlite":
        return  # each column of its rows can be loaded
    job_class.create_and_save(engine, "bad", 10)
    with orm.Session(engine) as session:
        job = session.get_one(job_class, "bad")
        session.execute(sa.text("UPDATE job SET errors = '{broken'"))
        with pytest.raises(st.TaskUnreadableError):
            job.update(session, Updates({"note": "seen"}))
        session.commit()
    with engine.connect() as connection:
        assert connection.scalar(sa.text("SELECT note FROM job")) is None


WAYS_TO_A_ROW: dict[str, Callable[[type[Job], sa.Engine], object]] = {
    "start": lambda job_class, engine: job_class.start(engine, "job-1").__enter__(),
    "start_next": lambda job_class, engine: job_class.start_next(engine).__enter__(),
    "query_by_status": lambda job_class, engine: job_class.query_by_status(engine, 10),
    "rerun": lambda job_class, engine: job_class.rerun(engine, "job-1", reason="again"),
}


@pytest.mark.parametrize("way", WAYS_TO_A_ROW)
@pytest.mark.parametrize("nth", range(3))
def test_what_the_application_s_own_hook_raises_is_no_unreadable_row(
    job_class: type[Job], engine: sa.Engine, way: str, nth: int
) -> None:
    job_class.create_and_save(engine, "job-1", 10)
    statements: list[str] = []

    def refuse(*event: Any) -> None:
        statements.append(event[2])
        if len(statements) == nth + 1:
            raise LookupError("no tenant")

    sa.event.listen(engine, "before_cursor_execute", refuse)
    try:
        WAYS_TO_A_ROW[way](job_class, engine)
    except LookupError as error:
        assert str(error) == "no tenant"  # noqa: PT017  # how many statements there are depends on the database
    else:
        assert len(statements) <= nth
    finally:
        sa.event.remove(engine, "before_cursor_execute", refuse)


@pytest.mark.parametrize("way", WAYS_TO_A_ROW)
def test_a_connection_that_the_application_cannot_make_is_no_unreadable_row(
    job_class: type[Job], engine: sa.Engine, way: str
) -> None:
    job_class.create_and_save(engine, "job-1", 10)

    def refuse() -> Any:
        raise LookupError("no password")

    with pytest.raises(LookupError, match="no password"):
        WAYS_TO_A_ROW[way](job_class, sa.create_engine(engine.url, creator=refuse))
