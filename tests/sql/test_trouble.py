"""What the tables, engines, sessions and signals of an application bring with them."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy import orm

import status_tracker as st
from status_tracker.sql import add_missing_columns
from tests.support.clock import Clock

from .conftest import CODES, LEASE, Job, make_config, make_job_class, stored


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_r8_a_signal_during_a_claim_is_recorded_and_the_job_released(
    job_class: type[Job], engine: sa.Engine, number: signal.Signals
) -> None:
    job_class.create_and_save(engine, "job-1", 10)
    committed: list[Any] = []

    def interrupt(_: Any) -> None:
        if not committed:
            committed.append(number)
            os.kill(os.getpid(), number)

    sa.event.listen(engine, "commit", interrupt)
    try:
        with pytest.raises((SystemExit, KeyboardInterrupt)), job_class.start_next(engine):
            pytest.fail("it was told to end")
    finally:
        sa.event.remove(engine, "commit", interrupt)
    job = stored(job_class, engine)
    assert (job.status, job.lock, len(job.errors["history"])) == (30, None, 1)


@pytest.mark.parametrize("heartbeat", [0, LEASE, 10_000])
def test_r12_a_heartbeat_that_cannot_work_claims_nothing(
    job_class: type[Job], engine: sa.Engine, heartbeat: float
) -> None:
    job_class.create_and_save(engine, "job-1", 10)
    for start in (
        lambda: job_class.start(engine, "job-1", heartbeat=heartbeat),
        lambda: job_class.start_next(engine, heartbeat=heartbeat),
    ):
        with pytest.raises(ValueError, match="heartbeat is"):
            start()
    assert job_class.count_by_status(engine) == {10: 1}


@pytest.mark.parametrize("act", ["rerun", "ignore", "start", "start_next"])
@pytest.mark.parametrize(
    ("column", "written"),
    [
        ("update_at", "2024-05-01 10:00:00"),
        ("lock_expire_at", "2024-05-01 10:00:00"),
        ("lock_expire_at", "2024-05-01T10:00:00"),
        ("lock_expire_at", "2024-05-01 10:00:00.5"),
        ("lock_expire_at", "2024-05-01"),
    ],
)
def test_a_stuck_row_whose_times_were_written_by_hand(
    job_class: type[Job], engine: sa.Engine, clock: Clock, act: str, column: str, written: str
) -> None:
    job_class.create_and_save(engine, "job-1", 10)
    job_class.start(engine, "job-1").__enter__()
    with engine.begin() as connection:
        connection.execute(sa.text(f"UPDATE job SET {column} = '{written}'"))  # noqa: S608
    clock.advance(LEASE)
    if act.startswith("start"):
        with job_class.start(engine, "job-1") if act == "start" else job_class.start_next(engine) as (job, _):
            assert job is not None
            assert job.retry == 1
    else:
        getattr(job_class, act)(engine, "job-1", reason="by hand")
    assert stored(job_class, engine).status == {"rerun": 10, "ignore": 50}.get(act, 40)


def test_a_row_that_cannot_be_claimed_does_not_hold_up_the_others(
    job_class: type[Job], tmp_path: Path, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    engine = sa.create_engine(f"sqlite:///{tmp_path / 'other.db'}")
    job_class.metadata.create_all(engine)  # type: ignore[attr-defined]
    for name in ("bad", "job-1"):
        job_class.create_and_save(engine, name, 10)
        clock.advance(1)
    job_class.start(engine, "bad").__enter__()
    with engine.begin() as connection:  # what Python reads as a time, and SQLite does not
        connection.execute(sa.text("UPDATE job SET lock_expire_at = '20240501T100000' WHERE id = 'bad'"))
    clock.advance(LEASE)
    job_class.create_and_save(engine, "job-2", 10)
    for name in ("job-1", "job-2", None):
        with job_class.start_next(engine) as (job, _):
            assert (job and job.id) == name
    assert "'bad'" in caplog.text
    engine.dispose()


def test_the_users_own_index_on_status_stays_beside_ours(engine: sa.Engine, clock: Clock) -> None:
    job_class = make_job_class(clock, __table_args__=(sa.Index("ix_job_status", "status"),))
    job_class.metadata.create_all(engine)  # type: ignore[attr-defined]
    assert add_missing_columns(engine, job_class) == []
    names = {index["name"]: index["column_names"] for index in sa.inspect(engine).get_indexes("job")}
    assert names["ix_job_status"] == ["status"]
    assert ["status", "update_at", "id"] in names.values()


def test_r14_without_transactions_nothing_is_stored_together(job_class: type[Job], engine: sa.Engine) -> None:
    job_class.create_and_save(engine, "job-1", 10)
    alone = engine.execution_options(isolation_level="AUTOCOMMIT")
    with pytest.raises(st.TaskTransactionError, match="AUTOCOMMIT"), job_class.start(alone, "job-1") as (_, updates):
        updates.also(sa.text("SELECT 1"))
    assert stored(job_class, engine).status == 30
    with job_class.start(alone, "job-1") as (_, updates):
        updates.set("note", "one statement needs no transaction")
    assert stored(job_class, engine).status == 40


def test_r7_an_update_in_the_block_stores_the_data_that_was_changed_in_place_too(
    job_class: type[Job], engine: sa.Engine
) -> None:
    job_class.create_and_save(engine, "job-1", 10, {"v": 0})
    with pytest.raises(ZeroDivisionError), job_class.start(engine, "job-1") as (job, updates):
        job.data["v"] = 77
        updates.set("note", "seen")
        updates.update()
        raise ZeroDivisionError
    job = stored(job_class, engine)
    assert (job.status, job.note, job.data) == (30, "seen", {"v": 77})


def test_a_session_that_is_bound_by_class(job_class: type[Job], engine: sa.Engine) -> None:
    with orm.Session(binds={job_class: engine}) as session:
        job = job_class.create_and_save(session, "job-1", 10)
        assert job.lock_it(session, 20)[0]
        assert job_class.query_by_status(session, 20) == [job]


def test_r11_a_session_that_is_bound_by_class_learns_that_a_job_exists(job_class: type[Job], engine: sa.Engine) -> None:
    job_class.create_and_save(engine, "job-1", 10, {"n": 1})
    with orm.Session(binds={job_class: engine}) as session:
        job, created = job_class.get_or_create(session, "job-1", 10, {"n": 2})
        assert (created, job.data) == (False, {"n": 1})


def test_codes_named_in_a_call_leave_the_config_s_other_settings(engine: sa.Engine, clock: Clock) -> None:
    job_class = make_job_class(clock, config=make_config(clock, non_retryable=[ZeroDivisionError]))
    job_class.metadata.create_all(engine)  # type: ignore[attr-defined]
    job_class.create_and_save(engine, "job-1", 10)
    with pytest.raises(ZeroDivisionError), job_class.start(engine, "job-1", **CODES) as (job, _):
        assert job.lock_expire_at == clock.now + timedelta(seconds=LEASE)
        raise ZeroDivisionError
    assert stored(job_class, engine).status == 50


@pytest.mark.parametrize(
    ("call", "what"),
    [
        (lambda job, engine: job.start(engine, "job-1", 10, [20], 30, 40, 50), r"in_progress_status is \[20\]"),
        (lambda job, engine: job.query_by_status(engine, "10"), "status is '10'"),
        (lambda job, engine: job.create_and_save(engine, "a\0b", 10), "NUL"),
        (lambda job, engine: job.create_and_save(engine, "job-1", 10, {"n": float("nan")}), "is nan"),
    ],
)
def test_bad_input_is_refused_before_anything_is_sent(
    job_class: type[Job], engine: sa.Engine, call: Callable[..., Any], what: str
) -> None:
    with pytest.raises(ValueError, match=what):
        call(job_class, engine)
    assert job_class.count_by_status(engine) == {}


def test_r8_a_failure_with_a_nul_in_its_message_is_recorded(job_class: type[Job], engine: sa.Engine) -> None:
    job_class.create_and_save(engine, "job-1", 10)
    with pytest.raises(ValueError, match="bad"), job_class.start(engine, "job-1"):
        raise NulError
    assert "\0" not in stored(job_class, engine).errors["error"]


class NulError(ValueError):
    def __str__(self) -> str:
        return "bad \0 byte"

    __repr__ = __str__
