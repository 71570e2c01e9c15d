"""What is special to SQL in starting and finishing: settings, transactions, what the job tells afterwards."""

from __future__ import annotations

import dataclasses
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from status_tracker import NonRetryableError, TaskLockLostError
from status_tracker.sql import (
    JobAlreadySucceededError,
    JobIgnoredError,
    JobIsNotInitializedError,
    JobIsNotReadyToStartError,
    JobLockedError,
    JobNotDueError,
)
from tests.support.clock import TICK, Clock

from .conftest import CODES, LEASE, Codes, Job, Log, make_config, make_job_class, stored

OLD_CODES: Codes = {"in_process_status": 20, "failed_status": 30, "success_status": 40, "ignore_status": 50}


def test_r1_acquire_and_finish_are_two_statements_and_two_commits(
    job_class: type[Job], engine: sa.Engine, log: Log
) -> None:
    job_class.create_and_save(engine, "job-1", 10)
    assert log.verbs() == [*log.insert, "COMMIT"]

    with job_class.start(engine, "job-1") as (_, updates):
        assert log.verbs() == [*log.update, "COMMIT"]
        updates.set("data", {"pages": 3})
        updates.set("note", "three pages")
    assert log.verbs() == [*log.update, "COMMIT"]

    with pytest.raises(JobAlreadySucceededError), job_class.start(engine, "job-1"):
        pytest.fail("it was started")
    assert log.verbs() == log.refusal


def test_r1_without_update_returning_the_row_is_read_in_the_same_transaction(
    job_class: type[Job], engine: sa.Engine, log: Log
) -> None:
    engine.dialect.update_returning = False
    job_class.create_and_save(engine, "job-1", 10, {"pages": 1})
    log.verbs()
    with job_class.start(engine, "job-1") as (job, updates):
        assert log.verbs() == ["UPDATE", "SELECT", "COMMIT"]
        assert (job.status, job.data, updates.fence) == (20, {"pages": 1}, 1)
    with pytest.raises(JobAlreadySucceededError), job_class.start(engine, "job-1"):
        pytest.fail("it was started")


def test_no_connection_is_in_use_while_the_block_runs(job_class: type[Job], engine: sa.Engine) -> None:
    job_class.create_and_save(engine, "job-1", 10)
    pool: Any = engine.pool
    with job_class.start(engine, "job-1") as (job, updates):
        assert pool.checkedout() == 0
        assert sa.inspect(job).detached
        assert not sa.inspect(job).unloaded
        updates.set("note", "seen")
        updates.update()
        updates.extend_lock(60)
        assert pool.checkedout() == 0


def test_no_transaction_or_row_lock_is_open_while_the_block_runs(postgres: sa.Engine, clock: Clock) -> None:
    job_class = make_job_class(clock, config=make_config(clock))
    job_class.metadata.create_all(postgres)  # type: ignore[attr-defined]
    job_class.create_and_save(postgres, "job-1", 10)
    with job_class.start(postgres, "job-1"), postgres.connect() as other:
        idle = sa.text(
            "SELECT state FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        assert set(other.scalars(idle)) <= {"idle"}
        locks = sa.text("SELECT count(*) FROM pg_locks JOIN pg_class ON pg_class.oid = relation WHERE relname = 'job'")
        assert other.scalar(locks) == 0
        assert other.scalars(sa.text("SELECT id FROM job FOR UPDATE NOWAIT")).all() == ["job-1"]


def test_after_the_block_the_job_tells_what_was_stored(job_class: type[Job], engine: sa.Engine, clock: Clock) -> None:
    job_class.create_and_save(engine, "job-1", 10)
    with job_class.start(engine, "job-1", skip_error=True) as (failed, _):
        assert (failed.status, failed.lock_expire_at) == (20, clock.now + timedelta(seconds=LEASE))
        raise RuntimeError("oh")
    assert (failed.status, failed.retry, failed.lock, failed.errors["error"]) == (30, 1, None, "RuntimeError('oh')")


def test_skip_error_swallows_what_is_stored(job_class: type[Job], engine: sa.Engine) -> None:
    job_class.create_and_save(engine, "job-1", 10)
    with job_class.start(engine, "job-1", skip_error=True):
        raise RuntimeError("first")
    assert stored(job_class, engine).retry == 1
    with job_class.start(engine, "job-1", skip_error=True):
        raise NonRetryableError("hopeless")
    assert stored(job_class, engine).status == 50
    with pytest.raises(JobIgnoredError), job_class.start(engine, "job-1", skip_error=True):
        pytest.fail("it was started")


def test_skip_error_does_not_swallow_an_interruption(job_class: type[Job], engine: sa.Engine) -> None:
    job_class.create_and_save(engine, "job-1", 10)
    with pytest.raises(SystemExit), job_class.start(engine, "job-1", skip_error=True):
        raise SystemExit(1)
    assert stored(job_class, engine).status == 30


def test_skip_error_does_not_swallow_what_could_not_be_stored(
    job_class: type[Job], engine: sa.Engine, clock: Clock
) -> None:
    job_class.create_and_save(engine, "job-1", 10)

    def overtaken(error: Exception | None) -> None:
        with job_class.start(engine, "job-1", skip_error=True):
            clock.advance(LEASE)
            with job_class.start(engine, "job-1"):
                pass
            job_class.rerun(engine, "job-1", reason="again")
            if error:
                raise error

    with pytest.raises(RuntimeError) as caught:
        overtaken(RuntimeError("oh"))
    assert "is not held by this worker any more" in caught.value.__notes__[0]
    with pytest.raises(TaskLockLostError):
        overtaken(None)


@pytest.mark.parametrize("spelling", [{**OLD_CODES, "pending_status": 10}, OLD_CODES, CODES])
def test_statuses_in_either_spelling(nameless: type[Job], engine: sa.Engine, spelling: Codes) -> None:
    nameless.create_and_save(engine, "job-1", 10)
    with nameless.start(engine, "job-1", expire=60, max_retry=2, **spelling) as (job, _):
        assert job.status == 20
    assert job.status == 40


def test_statuses_by_position_as_sqlalchemy_mate_has_them(nameless: type[Job], engine: sa.Engine, clock: Clock) -> None:
    nameless.create_and_save(engine, "job-1", 15)
    with nameless.start(engine, "job-1", 10, 20, 30, 40, 50, 60, 2, [15]) as (job, _):
        assert job.lock_expire_at == clock.now + timedelta(seconds=60)


@pytest.mark.parametrize(
    ("statuses", "message"),
    [
        ({}, "in_progress_status, failed_status, succeeded_status, ignored_status must be given"),
        ({"pending_status": 10, "success_status": 40}, "in_progress_status, failed_status, ignored_status must be"),
        (Codes(**CODES, success_status=40), "succeeded_status and success_status are two spellings"),
    ],
)
def test_statuses_that_are_missing_or_mixed_up(
    nameless: type[Job], engine: sa.Engine, statuses: Codes, message: str
) -> None:
    with pytest.raises(TypeError, match=message):
        nameless.start(engine, "job-1", **statuses)


def test_settings_that_cannot_work(job_class: type[Job], nameless: type[Job], engine: sa.Engine) -> None:
    with pytest.raises(ValueError, match="different integers"):
        nameless.start(engine, "job-1", 10, 20, 30, 40, 10)
    with pytest.raises(TypeError, match=r"max_retry is given, but Job.config says 3"):
        job_class.start(engine, "job-1", max_retry=5)
    with pytest.raises(ValueError, match="task_id is ''"):
        job_class.start(engine, "")
    with pytest.raises(TypeError, match=r"Job.rerun needs pending_status"):
        nameless.rerun(engine, "job-1", reason="again", **OLD_CODES)


def test_a_ttl_is_refused_where_nothing_deletes_rows(engine: sa.Engine, clock: Clock) -> None:
    job_class = make_job_class(clock, config=make_config(clock, ttl={40: timedelta(days=1)}))
    with pytest.raises(ValueError, match=r"Job.config has a ttl, and no SQL database deletes rows by itself"):
        job_class.start(engine, "job-1")


@pytest.mark.parametrize(("found", "starts"), [(10, True), (77, True), (30, True), (20, True), (40, False)])
def test_without_a_pending_status_a_job_starts_from_the_one_it_has(
    nameless: type[Job], engine: sa.Engine, found: int, starts: bool
) -> None:
    nameless.create_and_save(engine, "job-1", found)
    started = nameless.start(engine, "job-1", **OLD_CODES)
    if starts:
        with started as (job, _):
            assert job.status == 20
    else:
        with pytest.raises(JobAlreadySucceededError), started:
            pytest.fail("it was started")


def test_r2_each_refusal_is_the_jobs_error_with_all_it_tells(
    job_class: type[Job], engine: sa.Engine, clock: Clock
) -> None:
    def refusal(kind: type[Exception]) -> Any:
        with pytest.raises(kind) as caught, job_class.start(engine, "job-1"):
            pytest.fail("it was started")
        return caught.value

    assert refusal(JobIsNotInitializedError).status is None
    job_class.create_and_save(engine, "job-1", 77)
    assert refusal(JobIsNotReadyToStartError).status == 77
    job_class.rerun(engine, "job-1", reason="from the beginning")
    with job_class.start(engine, "job-1"):
        assert refusal(JobLockedError).until == clock.now + timedelta(seconds=LEASE)
    refusal(JobAlreadySucceededError)
    job_class.rerun(engine, "job-1", reason="again")
    late = RuntimeError("later")
    late.retry_after = 60  # type: ignore[attr-defined]
    with job_class.start(engine, "job-1", skip_error=True):
        raise late
    assert refusal(JobNotDueError).not_before == clock.now + timedelta(seconds=60)


def test_r3_a_lease_ends_exactly_at_its_end(job_class: type[Job], engine: sa.Engine, clock: Clock) -> None:
    job_class.create_and_save(engine, "job-1", 10)
    with pytest.raises(TaskLockLostError), job_class.start(engine, "job-1"):
        clock.now += timedelta(seconds=LEASE) - TICK
        with pytest.raises(JobLockedError), job_class.start(engine, "job-1"):
            pytest.fail("it was started")
        clock.now += TICK
        with job_class.start(engine, "job-1") as (job, updates):
            assert (job.retry, updates.fence) == (1, 2)
            assert job.errors["error"].startswith("LeaseExpired(")


def test_a_start_makes_the_job_on_request(job_class: type[Job], engine: sa.Engine) -> None:
    with job_class.start(engine, "job-1", create=True, data={"n": 1}) as (job, updates):
        assert (job.status, job.data, updates.fence) == (20, {"n": 1}, 1)
    assert (stored(job_class, engine).status, stored(job_class, engine).errors) == (40, {})


def test_a_start_leaves_the_data_of_a_job_that_has_none(job_class: type[Job], engine: sa.Engine) -> None:
    job_class.create_and_save(engine, "job-1", 10)
    with job_class.start(engine, "job-1", create=True, data={"n": 1}) as (job, _):
        assert job.data is None


def test_a_block_is_entered_once(job_class: type[Job], engine: sa.Engine) -> None:
    job_class.create_and_save(engine, "job-1", 10)
    started = job_class.start(engine, "job-1")
    with started:
        pass
    with pytest.raises(RuntimeError, match="was made already"), started:
        pytest.fail("it was started")


def test_the_config_may_name_further_statuses(engine: sa.Engine, clock: Clock) -> None:
    config = dataclasses.replace(make_config(clock), more_pending_status=(15,))
    job_class = make_job_class(clock, config=config)
    job_class.metadata.create_all(engine)  # type: ignore[attr-defined]
    job_class.create_and_save(engine, "job-1", 15)
    with job_class.start(engine, "job-1", expire=5) as (job, _):
        assert job.lock_expire_at == clock.now + timedelta(seconds=5)


def test_a_class_that_hides_a_column_is_refused(clock: Clock) -> None:
    with pytest.raises(TypeError, match="has a fence of its own, which hides a column"):
        make_job_class(clock, fence=lambda _: None)


def test_a_call_that_names_its_statuses_keeps_the_other_settings_of_the_class(engine: sa.Engine, clock: Clock) -> None:
    settings: dict[str, Any] = {"postponing": {TimeoutError: 30}, "postpone_at_most": 30, "traceback_stack_limit": 1}
    config = make_config(clock, max_retry=5, non_retryable=[ZeroDivisionError], **settings)
    job_class = make_job_class(clock, config=config)
    job_class.metadata.create_all(engine)  # type: ignore[attr-defined]
    job_class.create_and_save(engine, "job-1", 10)
    seen = []
    for _ in range(2):
        with job_class.start(engine, "job-1", **CODES, skip_error=True) as (job, _updates):
            raise TimeoutError("no answer")
        seen.append((job.status, job.retry, job.not_before == clock.now + timedelta(seconds=30)))
        clock.advance(30)
    assert seen == [(10, 0, True), (30, 1, True)]

    def fail_deep(depth: int) -> None:
        if depth:
            fail_deep(depth - 1)
        raise ZeroDivisionError("deep")

    with job_class.start(engine, "job-1", 10, 20, 30, 40, 60, skip_error=True) as (job, _updates):
        fail_deep(5)
    assert job.status == 60
    assert job.errors["traceback"].count("  File ") == 1
