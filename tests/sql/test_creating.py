"""R11 in SQL: creating never resets, and takes nothing from a session of the user's."""

from __future__ import annotations

from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy import orm

from status_tracker import TaskAlreadyExistsError
from status_tracker.sql import JobAlreadyExistsError

from .conftest import Job, Log, stored


def test_r11_a_job_that_exists_is_left_as_it_is(job_class: type[Job], engine: sa.Engine) -> None:
    job_class.create_and_save(engine, "job-1", 10, {"n": 1}, note="first")
    with pytest.raises(JobAlreadyExistsError, match="exists already, with status 10") as caught:
        job_class.create_and_save(engine, "job-1", 40, {"n": 2})
    assert isinstance(caught.value, TaskAlreadyExistsError)
    job = stored(job_class, engine)
    assert (job.status, job.data, job.note) == (10, {"n": 1}, "first")


def test_r11_a_job_is_created_once_for_many_events(job_class: type[Job], engine: sa.Engine) -> None:
    first, created = job_class.get_or_create(engine, "job-1", 10, {"n": 1})
    assert (created, first.data) == (True, {"n": 1})
    second, created = job_class.get_or_create(engine, "job-1", 10, {"n": 2})
    assert (created, second.data, second.status) == (False, {"n": 1}, 10)


def test_what_was_created_can_be_read_without_a_session(job_class: type[Job], engine: sa.Engine) -> None:
    job = job_class.create_and_save(engine, "job-1", 10)
    assert sa.inspect(job).detached
    assert [job.status, job.data, job.retry, job.errors, job.is_locked()] == [10, None, 0, {}, False]


def test_in_a_session_of_the_users_it_is_committed(job_class: type[Job], engine: sa.Engine) -> None:
    with orm.Session(engine) as session:
        session.add(job_class.create("job-0", 10))
        job = job_class.create_and_save(session, "job-1", 10)
        assert job in session
    assert job_class.count_by_status(engine) == {10: 2}


@pytest.mark.parametrize("known", [True, False])
def test_a_refusal_takes_nothing_from_the_users_session(job_class: type[Job], engine: sa.Engine, known: bool) -> None:
    job_class.create_and_save(engine, "job-1", 10)
    with orm.Session(engine) as session:
        if known:
            session.get_one(job_class, "job-1")
        session.add(job_class.create("job-0", 10))
        with pytest.raises(JobAlreadyExistsError):
            job_class.create_and_save(session, "job-1", 10)
        session.commit()
    assert job_class.count_by_status(engine) == {10: 2}


@pytest.mark.parametrize("in_session", [True, False])
def test_another_error_than_that_it_exists_goes_on(job_class: type[Job], engine: sa.Engine, in_session: bool) -> None:
    job_class.create_and_save(engine, "job-1", 10, note="taken")
    with orm.Session(engine) as session, pytest.raises(sa.exc.IntegrityError):
        job_class.create_and_save(session if in_session else engine, "job-2", 10, note="taken")


def test_r5_a_creation_whose_answer_was_lost_is_recognised(
    job_class: type[Job], engine: sa.Engine, log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    job_class.create_and_save(engine, "job-0", 10)
    log.verbs()
    lost: list[Any] = []
    commit = engine.dialect.do_commit

    def commit_without_answer(connection: Any) -> None:
        commit(connection)
        if not lost:
            lost.append(connection)
            raise busy(engine)

    monkeypatch.setattr(engine.dialect, "do_commit", commit_without_answer)
    job, created = job_class.get_or_create(engine, "job-1", 10, {"n": 1})
    assert (created, job.data) == (True, {"n": 1})
    assert log.verbs().count("INSERT") == 2


def busy(engine: sa.Engine) -> Exception:
    """What the driver raises when it got no answer."""
    driver = engine.dialect.import_dbapi()
    error: Exception = driver.OperationalError("no answer")
    if engine.dialect.name == "sqlite":
        error.sqlite_errorcode = driver.SQLITE_BUSY  # type: ignore[attr-defined]
    return error


@pytest.mark.parametrize("job_id", ["", "x" * 3000, "\ud800"])
def test_r16_ids_that_cannot_be_stored(
    job_class: type[Job], nameless: type[Job], engine: sa.Engine, job_id: str
) -> None:
    for each in (job_class, nameless):
        with pytest.raises(ValueError, match="task"):
            each.create(job_id, 10)
    with pytest.raises(ValueError, match="task"):
        job_class.start(engine, job_id)


def test_data_that_json_cannot_hold_is_refused_before_any_request(job_class: type[Job]) -> None:
    with pytest.raises(TypeError, match=r"data\['when'\] is a object"):
        job_class.create("job-1", 10, {"when": object()})
