"""The errors' names and hierarchy, and which of the database's errors may pass."""

from __future__ import annotations

import pickle
from datetime import UTC, datetime
from typing import Any

import pytest
import sqlalchemy as sa

import status_tracker as st
from status_tracker import sql
from status_tracker.sql import JobLockedError
from tests.support.clock import Clock

from .conftest import Job, make_config, make_job_class, stored
from .test_creating import busy


@pytest.mark.parametrize(
    ("ours", "matching"),
    [
        (sql.JobLockedError, st.TaskLockedError),
        (sql.JobIsNotReadyToStartError, st.TaskIsNotReadyToStartError),
        (sql.JobAlreadySucceededError, st.TaskAlreadySucceedError),
        (sql.JobIgnoredError, st.TaskIgnoredError),
        (sql.JobExhaustedError, st.TaskExhaustedError),
        (sql.JobNotDueError, st.TaskNotDueError),
        (sql.JobIsNotInitializedError, st.TaskIsNotInitializedError),
        (sql.JobAlreadyExistsError, st.TaskAlreadyExistsError),
    ],
)
def test_each_error_is_also_the_matching_one_and_can_be_pickled(ours: Any, matching: Any) -> None:
    assert issubclass(ours, matching)
    assert issubclass(ours, sql.JobExecutionError)
    error = ours("why", use_case_id="job", task_id="job-1")
    error.until = datetime(2026, 1, 1, tzinfo=UTC)
    again = pickle.loads(pickle.dumps(error))  # noqa: S301
    assert (type(again), str(again), again.task_id, again.until) == (ours, "why", "job-1", error.until)


def test_the_hierarchy_is_that_of_sqlalchemy_mate() -> None:
    assert not issubclass(sql.JobLockedError, sql.JobIsNotReadyToStartError)
    assert issubclass(sql.JobAlreadySucceededError, sql.JobIsNotReadyToStartError)
    assert issubclass(sql.JobIgnoredError, sql.JobIsNotReadyToStartError)
    assert issubclass(sql.JobIsNotInitializedError, ValueError)


def lose_commits(patch: pytest.MonkeyPatch, engine: sa.Engine, times: int, *, after: bool) -> list[Any]:
    """Let the next commits get no answer, before or after they were carried out."""
    lost: list[Any] = []
    commit = engine.dialect.do_commit

    def commit_without_answer(connection: Any) -> None:
        lose = len(lost) < times
        if after or not lose:
            commit(connection)
        if lose:
            lost.append(connection)
            raise busy(engine)

    patch.setattr(engine.dialect, "do_commit", commit_without_answer)
    return lost


@pytest.mark.parametrize("after", [True, False])
def test_r5_a_lost_answer_to_a_start_or_an_end(
    job_class: type[Job], engine: sa.Engine, monkeypatch: pytest.MonkeyPatch, after: bool
) -> None:
    job_class.create_and_save(engine, "job-1", 10)
    lost = lose_commits(monkeypatch, engine, 1, after=after)
    with job_class.start(engine, "job-1") as (job, updates):
        assert (job.status, updates.fence) == (20, 1)
        lost.clear()
        updates.set("note", "seen")
    assert (job.status, job.note, stored(job_class, engine).note) == (40, "seen", "seen")


@pytest.mark.parametrize("after", [True, False])
def test_r5_a_lost_answer_to_a_claim(
    job_class: type[Job], engine: sa.Engine, clock: Clock, monkeypatch: pytest.MonkeyPatch, after: bool
) -> None:
    job_class.create_and_save(engine, "job-1", 10)
    clock.advance(1)
    job_class.create_and_save(engine, "job-2", 10)
    lose_commits(monkeypatch, engine, 1, after=after)
    with job_class.start_next(engine) as (job, updates):
        assert job is not None
        assert (job.id, updates.fence) == ("job-1", 1)
    assert job_class.count_by_status(engine) == {10: 1, 40: 1}


def test_a_start_gives_up_with_the_databases_own_error(
    job_class: type[Job], engine: sa.Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    job_class.create_and_save(engine, "job-1", 10)
    lost = lose_commits(monkeypatch, engine, 9, after=False)
    with pytest.raises(sa.exc.OperationalError, match="no answer"), job_class.start(engine, "job-1"):
        pytest.fail("it was started")
    assert len(lost) == 3


def test_r4_a_refused_end_whose_rollback_gets_no_answer_keeps_the_workers_own_exception(
    job_class: type[Job], engine: sa.Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    job_class.create_and_save(engine, "job-1", 10)
    rollback, lost = engine.dialect.do_rollback, list[Any]()

    def roll_back_without_answer(connection: Any) -> None:
        rollback(connection)
        if not lost:
            lost.append(connection)
            raise busy(engine)

    with pytest.raises(ValueError, match="its own") as raised, job_class.start(engine, "job-1"):
        job_class.unlock(engine, "job-1", reason="it was thought to be gone")
        monkeypatch.setattr(engine.dialect, "do_rollback", roll_back_without_answer)
        raise ValueError("its own")
    (connection,) = lost
    connection.close()  # SQLAlchemy has given it up
    assert "not held by this worker any more" in raised.value.__notes__[0]


def test_r6_a_connection_that_the_server_ends_is_made_anew(postgres: sa.Engine, clock: Clock) -> None:
    job_class = make_job_class(clock, config=make_config(clock))
    job_class.metadata.create_all(postgres)  # type: ignore[attr-defined]
    job_class.create_and_save(postgres, "job-1", 10)
    end_all = (
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> {own}"
    )
    other = sa.create_engine(postgres.url)
    with job_class.start(postgres, "job-1") as (job, _), other.connect() as connection:
        connection.execute(sa.text(end_all.format(own="pg_backend_pid()")))
    other.dispose()
    assert job.status == 40


def test_r6_an_end_that_meets_a_locked_database_waits(job_class: type[Job], engine: sa.Engine) -> None:
    if engine.dialect.name != "sqlite":
        return
    impatient = sa.create_engine(engine.url, connect_args={"timeout": 0})
    job_class.create_and_save(engine, "job-1", 10)
    met: list[bool] = []
    with job_class.start(impatient, "job-1") as (job, _):
        other = engine.connect()
        other.execute(sa.text("BEGIN IMMEDIATE"))

        def let_go(context: sa.engine.interfaces.ExceptionContext) -> None:
            met.append("locked" in str(context.original_exception))
            other.rollback()
            other.close()

        sa.event.listen(impatient, "handle_error", let_go, once=True)
    impatient.dispose()
    assert (job.status, met) == (40, [True])


def test_a_locked_job_tells_until_when(job_class: type[Job], engine: sa.Engine) -> None:
    job_class.create_and_save(engine, "job-1", 10)
    with job_class.start(engine, "job-1"), pytest.raises(JobLockedError) as caught, job_class.start(engine, "job-1"):
        pytest.fail("it was started")
    error = pickle.loads(pickle.dumps(caught.value))  # noqa: S301
    assert (error.use_case_id, error.task_id, error.status) == ("job", "job-1", 20)
    assert error.until == caught.value.until
