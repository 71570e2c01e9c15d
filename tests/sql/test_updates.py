"""R14 and R4 in SQL: what is stored with a success, in the same statement and the same transaction."""

from __future__ import annotations

from typing import Any

import pytest
import sqlalchemy as sa

from status_tracker import TaskLockLostError, TaskTransactionError
from status_tracker.sql import Updates
from tests.support.clock import Clock

from .conftest import LEASE, Job, Log, stored


@pytest.fixture
def receipts(engine: sa.Engine) -> sa.Table:
    table = sa.Table(
        "receipt", sa.MetaData(), sa.Column("id", sa.Integer, primary_key=True), sa.Column("fence", sa.Integer)
    )
    table.create(engine)
    return table


def count(engine: sa.Engine, table: sa.Table) -> int | None:
    with engine.connect() as connection:
        return connection.scalar(sa.select(sa.func.count()).select_from(table))


@pytest.fixture(autouse=True)
def _pending_job(job_class: type[Job], engine: sa.Engine) -> None:
    job_class.create_and_save(engine, "job-1", 10, {"n": 0})


def test_columns_of_the_users_are_stored_with_the_success(job_class: type[Job], engine: sa.Engine) -> None:
    with job_class.start(engine, "job-1") as (_, updates):
        updates.set("note", "seen")
        updates.values["data"] = {"n": 1}  # as code for sqlalchemy_mate may do
    job = stored(job_class, engine)
    assert (job.status, job.note, job.data) == (40, "seen", {"n": 1})


def test_what_is_set_on_the_job_itself_is_stored_too(job_class: type[Job], engine: sa.Engine) -> None:
    with job_class.start(engine, "job-1") as (job, updates):
        job.note = "half way"
        updates.update()
        assert stored(job_class, engine).note == "half way"
        job.note = "done"
        updates.extend_lock(5000)
        job.data = {"n": 1}
        job.status = 99
        updates.set("data", {"n": 2})
    job = stored(job_class, engine)
    assert (job.status, job.note, job.data) == (40, "done", {"n": 2})


def test_data_may_be_set_to_none(job_class: type[Job], engine: sa.Engine) -> None:
    with job_class.start(engine, "job-1") as (_, updates):
        updates.set("data", None)
    assert stored(job_class, engine).data is None


def test_r8_updates_of_a_block_that_fails_are_dropped(job_class: type[Job], engine: sa.Engine) -> None:
    with job_class.start(engine, "job-1", skip_error=True) as (_, updates):
        updates.set("note", "seen")
        updates.set("data", {"n": 1})
        raise RuntimeError("oh")
    job = stored(job_class, engine)
    assert (job.status, job.note, job.data) == (30, None, {"n": 0})


@pytest.mark.parametrize(
    "key", ["id", "status", "create_at", "update_at", "lock", "lock_at", "retry", "fence", "run_number"]
)
def test_columns_that_the_library_keeps_cannot_be_set(key: str) -> None:
    with pytest.raises(KeyError, match="the library keeps it"):
        Updates().set(key, 1)


def test_a_column_that_is_not_there_is_told_at_once(job_class: type[Job], engine: sa.Engine) -> None:
    with (
        job_class.start(engine, "job-1") as (_, updates),
        pytest.raises(KeyError, match=r"no column 'nota'.*data, errors, note"),
    ):
        updates.set("nota", 1)


def test_data_that_json_cannot_hold_is_told_at_once(job_class: type[Job], engine: sa.Engine) -> None:
    with (
        pytest.raises(TypeError, match=r"data\['when'\] is a object"),
        job_class.start(engine, "job-1") as (_, updates),
    ):
        updates.set("data", {"when": object()})
    assert stored(job_class, engine).status == 30


def test_data_that_became_unfit_after_it_was_set(job_class: type[Job], engine: sa.Engine) -> None:
    data: dict[str, Any] = {}
    with (
        pytest.raises(TypeError, match=r"data\['when'\] is a object"),
        job_class.start(engine, "job-1") as (_, updates),
    ):
        updates.set("data", data)
        data["when"] = object()
    assert stored(job_class, engine).status == 30


def test_values_that_the_database_refuses_make_the_attempt_fail(job_class: type[Job], engine: sa.Engine) -> None:
    job_class.create_and_save(engine, "job-2", 10, note="taken")
    with (
        pytest.raises(TaskTransactionError, match="was not stored") as caught,
        job_class.start(engine, "job-1") as (job, updates),
    ):
        updates.set("note", "taken")
    assert isinstance(caught.value.__cause__, sa.exc.IntegrityError)
    assert (job.status, job.note, job.lock) == (30, None, None)
    assert "TaskTransactionError" in stored(job_class, engine).errors["error"]


def test_r14_a_statement_of_the_users_is_stored_with_the_success(
    job_class: type[Job], engine: sa.Engine, receipts: sa.Table, log: Log
) -> None:
    with job_class.start(engine, "job-1") as (_, updates):
        updates.also(receipts.insert().values(id=1, fence=updates.fence))
        assert count(engine, receipts) == 0
        log.verbs()
    assert log.verbs() == [*log.update, "INSERT", "COMMIT"]
    assert count(engine, receipts) == 1


def test_r14_a_statement_that_is_refused_takes_the_success_with_it(
    job_class: type[Job], engine: sa.Engine, receipts: sa.Table
) -> None:
    with pytest.raises(TaskTransactionError) as caught, job_class.start(engine, "job-1") as (job, updates):
        updates.set("note", "seen")
        updates.also(receipts.insert().values(id=1))
        updates.also(receipts.insert().values(id=1))
    assert isinstance(caught.value.__cause__, sa.exc.IntegrityError)
    assert (job.status, job.note, job.retry) == (30, None, 1)
    assert count(engine, receipts) == 0


def test_r14_a_failed_block_carries_nothing_out(job_class: type[Job], engine: sa.Engine, receipts: sa.Table) -> None:
    with job_class.start(engine, "job-1", skip_error=True) as (_, updates):
        updates.also(receipts.insert().values(id=1))
        raise RuntimeError("oh")
    assert count(engine, receipts) == 0


def test_r14_a_worker_that_was_overtaken_carries_nothing_out(
    job_class: type[Job], engine: sa.Engine, receipts: sa.Table, clock: Clock
) -> None:
    with pytest.raises(TaskLockLostError), job_class.start(engine, "job-1") as (_, updates):
        updates.also(receipts.insert().values(id=1))
        clock.advance(LEASE)
        with job_class.start(engine, "job-1"):
            pass
    assert count(engine, receipts) == 0


def test_r14_only_statements_can_be_carried_out(job_class: type[Job], engine: sa.Engine) -> None:
    with job_class.start(engine, "job-1") as (_, updates), pytest.raises(TypeError, match="no statement of SQLAlchemy"):
        updates.also("DELETE FROM job")  # type: ignore[arg-type]


def test_r4_updates_can_be_stored_before_the_end(job_class: type[Job], engine: sa.Engine) -> None:
    with job_class.start(engine, "job-1", skip_error=True) as (job, updates):
        updates.set("note", "half way")
        updates.update()
        assert (stored(job_class, engine).note, stored(job_class, engine).data) == ("half way", {"n": 0})
        assert job.note == "half way"
        updates.set("data", {"n": 1})
        updates.update()
        assert stored(job_class, engine).data == {"n": 1}
        raise RuntimeError("oh")
    job = stored(job_class, engine)
    assert (job.status, job.note, job.data) == (30, "half way", {"n": 1})


def test_r4_an_overtaken_worker_can_store_nothing(job_class: type[Job], engine: sa.Engine, clock: Clock) -> None:
    with pytest.raises(TaskLockLostError), job_class.start(engine, "job-1") as (_, updates):
        clock.advance(LEASE)
        with job_class.start(engine, "job-1"):
            pass
        updates.set("note", "late")
        with pytest.raises(TaskLockLostError):
            updates.update()
        with pytest.raises(TaskLockLostError):
            updates.extend_lock()
    assert stored(job_class, engine).note is None


def test_values_that_the_database_refuses_before_the_end(job_class: type[Job], engine: sa.Engine) -> None:
    job_class.create_and_save(engine, "job-2", 10, note="taken")
    with job_class.start(engine, "job-1") as (job, updates):
        updates.set("note", "taken")
        with pytest.raises(TaskTransactionError):
            updates.update()
        updates.set("note", "free")
    assert (job.status, job.note) == (40, "free")


def test_r12_the_lease_is_renewed(job_class: type[Job], engine: sa.Engine, clock: Clock) -> None:
    with job_class.start(engine, "job-1") as (job, updates):
        before = job.lock_expire_at
        clock.advance(60)
        updates.extend_lock()
        assert before is not None
        assert job.lock_expire_at is not None
        assert (job.lock_expire_at - before).total_seconds() == 60


def test_updates_without_a_block_hold_values_only() -> None:
    updates = Updates()
    updates.set("anything", 1)
    assert updates.values == {"anything": 1}
    with pytest.raises(TypeError, match="belong to no block"):
        updates.update()
