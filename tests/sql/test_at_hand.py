"""Jobs locked and updated without a block, and the queries."""

from __future__ import annotations

from datetime import timedelta

import pytest
import sqlalchemy as sa
from sqlalchemy import orm

from status_tracker import TaskLockLostError
from status_tracker.sql import JobIsNotInitializedError, JobIsNotReadyToStartError, JobLockedError, Updates
from tests.support.clock import TICK, Clock

from .conftest import CODES, LEASE, Job, Log, stored


def values(**new: object) -> Updates:
    return Updates(dict(new))


@pytest.fixture(autouse=True)
def _pending_job(job_class: type[Job], engine: sa.Engine) -> None:
    job_class.create_and_save(engine, "job-1", 10, {"n": 0})


def test_r1_a_lock_is_taken_in_one_statement(job_class: type[Job], engine: sa.Engine, clock: Clock, log: Log) -> None:
    job, other = stored(job_class, engine), stored(job_class, engine)
    log.verbs()
    lock, lock_at = job.lock_it(engine, 20, debug=True)
    assert log.verbs() == [*log.update, "COMMIT"]
    assert (job.status, job.lock, job.lock_at, lock_at) == (20, lock, clock.now, clock.now)
    with pytest.raises(JobLockedError):
        other.lock_it(engine, 20)
    clock.now += timedelta(seconds=LEASE) - TICK
    assert stored(job_class, engine).is_locked()
    clock.now += TICK
    assert not stored(job_class, engine).is_locked()
    assert stored(job_class, engine).lock_it(engine, 20)[0] != lock


def test_a_lock_in_a_session_of_the_users(job_class: type[Job], engine: sa.Engine) -> None:
    detached = stored(job_class, engine)
    with orm.Session(engine) as session:
        lock, _ = detached.lock_it(session, 20)
    assert (detached.lock, detached.status) == (lock, 20)
    assert stored(job_class, engine).lock == lock
    with orm.Session(engine) as session, pytest.raises(JobLockedError):
        session.get_one(job_class, "job-1").lock_it(session, 20)


def test_a_lock_is_not_taken_on_a_job_that_has_moved_on(job_class: type[Job], engine: sa.Engine) -> None:
    seen = stored(job_class, engine)
    with job_class.start(engine, "job-1"):
        pass
    with pytest.raises(JobIsNotReadyToStartError):
        seen.lock_it(engine, 20)


def test_a_lock_without_a_config_is_never_given_up(nameless: type[Job], engine: sa.Engine, clock: Clock) -> None:
    job = stored(nameless, engine)
    for taken in range(5):
        job.lock_it(engine, 20)
        assert (job.retry, job.fence, job.status) == (taken, taken + 1, 20)
        clock.advance(300)


def test_how_long_a_lock_of_an_older_library_lasts(nameless: type[Job], engine: sa.Engine, clock: Clock) -> None:
    with engine.begin() as connection:
        connection.execute(sa.update(nameless).values(lock="abc", lock_at=clock.now, status=20))
    job = stored(nameless, engine)
    clock.advance(100)
    assert [job.is_locked(expire=100), job.is_locked(expire=101), job.is_locked()] == [False, True, True]
    assert [each.id for each in nameless.query_stuck(engine, 20, expire=100)] == ["job-1"]
    assert nameless.query_stuck(engine, 20, expire=101) == []


def test_values_are_stored_at_once(job_class: type[Job], engine: sa.Engine) -> None:
    job = stored(job_class, engine)
    job.update(engine, values(note="seen", data={"n": 1}))
    assert (job.note, job.data) == ("seen", {"n": 1})
    with orm.Session(engine) as session:
        session.get_one(job_class, "job-1").update(session, values(note="seen twice"))
    assert (stored(job_class, engine).note, stored(job_class, engine).status) == ("seen twice", 10)


def test_r4_values_of_an_overtaken_holder_are_refused(job_class: type[Job], engine: sa.Engine, clock: Clock) -> None:
    job = stored(job_class, engine)
    job.lock_it(engine, 20)
    job.update(engine, values(note="held"))
    clock.advance(LEASE)
    with job_class.start(engine, "job-1"):
        pass
    with pytest.raises(TaskLockLostError, match="is not held by the lock"):
        job.update(engine, values(note="late"))
    assert stored(job_class, engine).note == "held"


def test_what_the_library_keeps_cannot_be_updated(job_class: type[Job], engine: sa.Engine) -> None:
    job = stored(job_class, engine)
    with pytest.raises(KeyError, match="the library keeps it"):
        job.update(engine, values(status=40))
    with pytest.raises(KeyError, match="no column 'nota'"):
        job.update(engine, values(nota=1))


def test_a_job_that_is_gone_cannot_be_updated(job_class: type[Job], engine: sa.Engine) -> None:
    with pytest.raises(JobIsNotInitializedError):
        job_class.create("job-9", 10).update(engine, values(note="seen"))


def test_jobs_are_found_by_status_in_order(job_class: type[Job], engine: sa.Engine, clock: Clock) -> None:
    for job_id, status in {"a": 30, "b": 10, "c": 40, "d": 30}.items():
        clock.advance(1)
        job_class.create_and_save(engine, job_id, status)
    found = job_class.query_by_status(engine, [10, 30])
    assert [job.id for job in found] == ["job-1", "a", "b", "d"]
    assert sa.inspect(found[0]).detached
    assert found[0].data == {"n": 0}
    assert [job.id for job in job_class.query_by_status(engine, 30, older_task_first=False)] == ["d", "a"]
    assert [job.id for job in job_class.query_by_status(engine, (30, 10), limit=1)] == ["job-1", "a"]
    with orm.Session(engine) as session:
        assert [job in session for job in job_class.query_by_status(session, 40)] == [True]
        assert job_class.count_by_status(session) == {10: 2, 30: 2, 40: 1}


def test_what_people_do_is_recorded(job_class: type[Job], nameless: type[Job], engine: sa.Engine) -> None:
    job_class.ignore(engine, "job-1", reason="bad scan", by="eve")
    job_class.unignore(engine, "job-1", reason="was good", by="eve")
    stored(job_class, engine).lock_it(engine, 20)
    with pytest.raises(JobLockedError):
        nameless.rerun(engine, "job-1", reason="again", **CODES)
    job_class.unlock(engine, "job-1", reason="machine is gone")
    job = nameless.rerun(engine, "job-1", reason="again", **CODES)
    assert (job.status, job.run_number, job.lock) == (10, 2, None)
    assert [(entry["action"], entry["by"]) for entry in job.errors["actions"]] == [
        ("ignore", "eve"),
        ("unignore", "eve"),
        ("unlock", None),
        ("rerun", None),
    ]
    with pytest.raises(JobIsNotInitializedError):
        job_class.rerun(engine, "job-9", reason="again")
    with pytest.raises(ValueError, match="reason is empty"):
        job_class.rerun(engine, "job-1", reason=" ")
