"""What is different on MariaDB and MySQL."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pymysql
import pytest
import sqlalchemy as sa
from sqlalchemy import orm
from sqlalchemy.dialects import mysql
from sqlalchemy.schema import CreateTable

from status_tracker.sql import Updates
from status_tracker.sql.database_errors import is_transient
from tests.support.clock import TICK, Clock

from .conftest import LEASE, Job, make_config, make_job_class, stored


@pytest.fixture
def job_class(mariadb: sa.Engine, clock: Clock) -> type[Job]:
    job_class = make_job_class(clock, config=make_config(clock))
    job_class.metadata.create_all(mariadb)  # type: ignore[attr-defined]
    return job_class


def test_r3_a_lease_ends_to_the_microsecond(job_class: type[Job], mariadb: sa.Engine, clock: Clock) -> None:
    clock.now = clock.now.replace(microsecond=999_999)
    job_class.create_and_save(mariadb, "job-1", 10)
    job_class.start(mariadb, "job-1").__enter__()
    clock.now += timedelta(seconds=LEASE) - TICK
    assert stored(job_class, mariadb).is_locked()
    with job_class.start_next(mariadb) as (job, _):
        assert job is None
    clock.now += TICK
    with job_class.start_next(mariadb) as (job, _):
        assert job is not None


@pytest.mark.parametrize("other", ["JOB-1", "job-1 ", "job-1\t", "jöb-1", "job-\N{FULLWIDTH DIGIT ONE}"])
def test_r16_ids_that_its_usual_collation_takes_for_one_are_two(
    job_class: type[Job], mariadb: sa.Engine, other: str
) -> None:
    job_class.create_and_save(mariadb, "job-1", 10, {"n": 1})
    job_class.create_and_save(mariadb, other, 10, {"n": 2})
    assert (stored(job_class, mariadb).data, stored(job_class, mariadb, other).data) == ({"n": 1}, {"n": 2})


def test_r1_workers_that_claim_at_once_do_not_wait_for_each_other(job_class: type[Job], mariadb: sa.Engine) -> None:
    """Nor is one told that there is nothing to do, because others look at the rows at that moment."""
    for number in range(5):
        job_class.create_and_save(mariadb, f"job-{number}", 10)
    inside = threading.Barrier(5, timeout=60)

    def work(_: int) -> str | None:
        with job_class.start_next(mariadb) as (job, _updates):
            inside.wait()
            return None if job is None else job.id

    with ThreadPoolExecutor(5) as pool:
        assert sorted(map(str, pool.map(work, range(5)))) == [f"job-{number}" for number in range(5)]


@pytest.mark.parametrize("level", ["READ COMMITTED", "REPEATABLE READ", "SERIALIZABLE"])
def test_r2_a_refusal_tells_what_is_stored_at_each_isolation_level(
    job_class: type[Job], mariadb: sa.Engine, level: Any
) -> None:
    engine = mariadb.execution_options(isolation_level=level)
    job_class.create_and_save(engine, "job-1", 10)
    with job_class.start(engine, "job-1"), pytest.raises(Exception, match="is locked by another worker"):
        job_class.start(engine, "job-1").__enter__()
    job = job_class.get_or_create(engine, "job-1", 10)[0]
    assert job.status == 40


def test_r11_a_job_is_found_that_is_younger_than_the_users_transaction(
    job_class: type[Job], mariadb: sa.Engine
) -> None:
    with orm.Session(mariadb) as session:
        assert session.scalars(sa.select(job_class)).all() == []  # from now on it sees no other rows
        job_class.create_and_save(mariadb, "job-1", 10, {"n": 1})
        job, created = job_class.get_or_create(session, "job-1", 10, {"n": 2})
        assert (created, job.data) == (False, {"n": 1})


def test_an_update_that_changes_nothing_is_no_refusal(job_class: type[Job], mariadb: sa.Engine) -> None:
    """The server counts the rows that it changed, unless it is asked for those that it found."""
    job = job_class.create_and_save(mariadb, "job-1", 10, {"n": 1})
    for _ in range(2):
        job.update(mariadb, Updates({"note": "same"}))
    assert stored(job_class, mariadb).note == "same"


@pytest.mark.parametrize("code", [1205, 1213, 2006, 2013, 1040])
def test_errors_that_pass_are_repeated(code: int) -> None:
    assert is_transient(sa.exc.OperationalError("UPDATE", {}, pymysql.err.OperationalError(code, "…")))


@pytest.mark.parametrize("code", [1045, 1049, 1054, 1142])
def test_errors_that_stay_are_not(code: int) -> None:
    assert not is_transient(sa.exc.OperationalError("UPDATE", {}, pymysql.err.OperationalError(code, "…")))


def test_a_deadlock_between_a_users_statement_and_another_is_repeated(job_class: type[Job], mariadb: sa.Engine) -> None:
    for name in ("job-1", "job-2"):
        job_class.create_and_save(mariadb, name, 10)
    ready = threading.Event()

    def contend() -> None:
        with orm.Session(mariadb) as session:
            session.get_one(job_class, "job-2").note = "other"
            session.flush()
            ready.set()
            session.execute(sa.text("SELECT SLEEP(0.3)"))
            try:
                session.execute(sa.update(job_class).where(job_class.id == "job-1").values(note="first"))
                session.commit()
            except sa.exc.OperationalError:
                session.rollback()

    other = threading.Thread(target=contend)
    with job_class.start(mariadb, "job-1") as (_, updates):
        other.start()
        assert ready.wait(30)
        updates.also(sa.update(job_class).where(job_class.id == "job-2").values(note="ours"))
    other.join()
    assert stored(job_class, mariadb).status == 40
    assert stored(job_class, mariadb, "job-2").note == "ours"


def test_the_table_of_mysql_has_its_own_collation() -> None:
    """MySQL, on which this is not tested, does not know MariaDB's."""
    table = make_job_class(Clock()).__table__  # type: ignore[attr-defined]
    made = str(CreateTable(table).compile(dialect=mysql.dialect()))  # type: ignore[no-untyped-call]
    assert "id VARCHAR(750) COLLATE utf8mb4_0900_bin NOT NULL" in made
    assert "lock_expire_at DATETIME(6)" in made


def test_its_collation_is_chosen_though_the_engine_was_used_before_it_had_a_connection(
    mariadb: sa.Engine, clock: Clock
) -> None:
    job_class = make_job_class(clock, config=make_config(clock))
    with pytest.raises(sa.exc.ProgrammingError, match="doesn't exist"):
        job_class.create_and_save(mariadb, "job-1", 10)
    job_class.metadata.create_all(mariadb)  # type: ignore[attr-defined]
    found = {column["name"]: column["type"] for column in sa.inspect(mariadb).get_columns("job")}
    assert (found["id"].collation, found["id"].length) == ("utf8mb4_nopad_bin", 750)
