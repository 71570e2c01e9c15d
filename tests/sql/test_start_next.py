"""`start_next`: the oldest job that can be started, for workers that share a table."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier, Event
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy import orm

from tests.support.clock import TICK, Clock

from .conftest import CODES, LEASE, Job, Log, make_config, make_job_class, stored

WORKERS, JOBS = 4, 60


def run_next(job_class: type[Job], engine: sa.Engine) -> str | None:
    with job_class.start_next(engine) as (job, _):
        return None if job is None else job.id
    raise AssertionError("a block that does not fail is left with its value")


def start_and_vanish(job_class: type[Job], engine: sa.Engine, job_id: str) -> None:
    stored(job_class, engine, job_id).lock_it(engine, 20)


def create(job_class: type[Job], engine: sa.Engine, clock: Clock, **statuses: int) -> None:
    for job_id, status in statuses.items():
        job_class.create_and_save(engine, job_id, status)
        clock.advance(1)


def test_the_oldest_comes_first_whatever_its_status(job_class: type[Job], engine: sa.Engine, clock: Clock) -> None:
    create(job_class, engine, clock, done=40, d=10, set_aside=50, c=30, b=10, elsewhere=77, a=30)
    assert [run_next(job_class, engine) for _ in range(5)] == ["d", "c", "b", "a", None]
    assert stored(job_class, engine, "elsewhere").status == 77


def test_of_the_same_age_the_smaller_id_comes_first(job_class: type[Job], engine: sa.Engine) -> None:
    for job_id in ("b", "c", "a"):
        job_class.create_and_save(engine, job_id, 10)
    assert [run_next(job_class, engine) for _ in range(4)] == ["a", "b", "c", None]


def test_none_is_given_where_there_is_nothing_to_do(job_class: type[Job], engine: sa.Engine, log: Log) -> None:
    with job_class.start_next(engine) as (job, updates):
        assert job is None
        assert updates.values == {}
    assert log.verbs() == log.no_claim


def test_the_claim_and_its_end(job_class: type[Job], engine: sa.Engine, log: Log) -> None:
    job_class.create_and_save(engine, "job-1", 10)
    log.verbs()
    with job_class.start_next(engine) as (job, updates):
        assert log.verbs() == [*log.claim, "COMMIT"]
        assert engine.pool.checkedout() == 0  # type: ignore[attr-defined]
        assert job is not None
        assert (job.status, updates.fence, sa.inspect(job).detached) == (20, 1, True)
        updates.set("note", "seen")
    assert log.verbs() == [*log.update, "COMMIT"]
    assert job is not None
    assert (job.status, job.note) == (40, "seen")


def test_further_statuses_and_those_of_the_call(nameless: type[Job], engine: sa.Engine) -> None:
    nameless.create_and_save(engine, "job-1", 15)
    with nameless.start_next(engine, 15, expire=60, max_retry=2, **CODES) as (job, _):
        assert job is not None
    with pytest.raises(TypeError, match="needs pending_status"):
        nameless.start_next(engine, in_process_status=20, failed_status=30, success_status=40, ignore_status=50)


def test_r8_an_error_of_the_block(job_class: type[Job], engine: sa.Engine) -> None:
    job_class.create_and_save(engine, "job-1", 10)
    with job_class.start_next(engine, skip_error=True) as (job, _):
        raise RuntimeError("oh")
    with pytest.raises(RuntimeError), job_class.start_next(engine) as (job, _):
        raise RuntimeError("oh")
    assert job is not None
    assert (job.status, job.retry) == (30, 2)


def test_r9_a_job_that_is_not_due_is_left(job_class: type[Job], engine: sa.Engine, clock: Clock) -> None:
    job_class.create_and_save(engine, "job-1", 10)
    later = RuntimeError("later")
    later.retry_after = 60  # type: ignore[attr-defined]
    with job_class.start_next(engine, skip_error=True):
        raise later
    clock.now += 60 * 1_000_000 * TICK - TICK
    assert run_next(job_class, engine) is None
    clock.now += TICK
    assert run_next(job_class, engine) == "job-1"


def test_r2_a_stuck_job_is_taken_over_at_the_end_of_its_lease(
    job_class: type[Job], engine: sa.Engine, clock: Clock
) -> None:
    job_class.create_and_save(engine, "job-1", 10)
    start_and_vanish(job_class, engine, "job-1")
    clock.now += LEASE * 1_000_000 * TICK - TICK
    assert run_next(job_class, engine) is None
    clock.now += TICK
    with job_class.start_next(engine) as (job, _):
        assert job is not None
        assert (job.retry, job.errors["error"][:12]) == (1, "LeaseExpired")


def test_r2_a_job_stuck_in_its_last_attempt_is_set_aside_and_the_next_claimed(engine: sa.Engine, clock: Clock) -> None:
    job_class = make_job_class(clock, config=make_config(clock, max_retry=1))
    job_class.metadata.create_all(engine)  # type: ignore[attr-defined]
    create(job_class, engine, clock, a=10, b=10)
    for job_id in ("a", "b"):
        start_and_vanish(job_class, engine, job_id)
    clock.advance(LEASE)
    job_class.create_and_save(engine, "c", 10)
    assert run_next(job_class, engine) == "c"
    assert job_class.count_by_status(engine) == {40: 1, 50: 2}


def test_r2_a_stuck_job_comes_in_its_turn_among_those_that_wait(
    job_class: type[Job], engine: sa.Engine, clock: Clock
) -> None:
    for job_id in "abcde":
        create(job_class, engine, clock, **{job_id: 10})
        if job_id in "bde":
            start_and_vanish(job_class, engine, job_id)
    clock.advance(LEASE)
    create(job_class, engine, clock, f=10)
    assert [run_next(job_class, engine) for _ in range(7)] == [*"abcdef", None]


def test_workers_share_the_jobs_and_none_is_done_twice(job_class: type[Job], engine: sa.Engine) -> None:
    with orm.Session(engine) as session:
        session.add_all(job_class.create(f"job-{number:03}", 10) for number in range(JOBS))
        session.commit()
    together = Barrier(WORKERS)

    def work(_: int) -> list[str]:
        together.wait(60)
        done = []
        while (job_id := run_next(job_class, engine)) is not None:
            done.append(job_id)
        return done

    with ThreadPoolExecutor(WORKERS) as pool:
        done = Counter(job_id for ids in pool.map(work, range(WORKERS)) for job_id in ids)
    assert len(done) == JOBS
    assert set(done.values()) == {1}
    assert job_class.count_by_status(engine) == {40: JOBS}
    assert all(job.fence == 1 for job in job_class.query_by_status(engine, 40, limit=JOBS))


def test_a_locked_row_is_passed_over(postgres: sa.Engine, clock: Clock) -> None:
    job_class = make_job_class(clock, config=make_config(clock))
    job_class.metadata.create_all(postgres)  # type: ignore[attr-defined]
    with orm.Session(postgres) as session:
        session.add_all(job_class.create(f"job-{number:03}", 10) for number in range(40))
        session.commit()
    with postgres.begin() as other:
        # More than are looked at in the first place.
        other.execute(sa.text("SELECT id FROM job WHERE id < 'job-036' FOR UPDATE"))
        assert run_next(job_class, postgres) == "job-036"
        other.execute(sa.text("SELECT id FROM job FOR UPDATE"))
        assert run_next(job_class, postgres) is None
    assert run_next(job_class, postgres) == "job-000"


def test_a_worker_that_was_outrun_takes_the_next(job_class: type[Job], engine: sa.Engine, clock: Clock) -> None:
    create(job_class, engine, clock, a=10, b=10)
    outrun = Event()

    def before(*args: object) -> None:
        if str(args[2]).startswith("UPDATE") and not outrun.is_set():
            outrun.set()
            if engine.dialect.name == "sqlite":  # elsewhere the row is locked by then
                other = sa.create_engine(engine.url)
                with job_class.start(other, "a"):
                    pass
                other.dispose()

    sa.event.listen(engine, "before_cursor_execute", before)
    assert run_next(job_class, engine) == ("b" if engine.dialect.name == "sqlite" else "a")


def fill(job_class: type[Job], engine: sa.Engine, rows: str, count: int) -> None:
    job_class.metadata.create_all(engine)  # type: ignore[attr-defined]
    many = (
        "INSERT INTO job (id, status, create_at, update_at, lock_at, retry, lock, lock_expire_at) "  # noqa: S608  # rows of ours
        f"SELECT 'job-' || n, {rows} FROM generate_series(1, {count}) n, "
        "(SELECT timestamp '2025-12-31' AS at) AS once"
    )
    with engine.begin() as connection:
        connection.execute(sa.text(many))
        connection.execute(sa.text("ANALYZE job"))


def explained(engine: sa.Engine, how: str) -> list[str]:
    """The plans of the claims to come."""
    plan: list[str] = []

    def explain(connection: sa.Connection, _cursor: object, statement: str, parameters: Any, *_: object) -> None:
        if "SKIP LOCKED" in statement:
            cursor = connection.connection.cursor()
            cursor.execute("SAVEPOINT before")
            cursor.execute(f"EXPLAIN {how} {statement}", parameters)
            plan.extend(row[0] for row in cursor.fetchall())
            cursor.execute("ROLLBACK TO before")

    sa.event.listen(engine, "before_cursor_execute", explain)
    return plan


def test_the_index_finds_the_oldest_among_many(postgres: sa.Engine, clock: Clock) -> None:
    job_class = make_job_class(clock, config=make_config(clock))
    fill(job_class, postgres, "CASE WHEN n > 19990 THEN 10 ELSE 40 END, at, at, at, 0, NULL, NULL", 20_000)
    plan = explained(postgres, "")
    assert run_next(job_class, postgres) == "job-19991"
    assert "ix_job_status" in "\n".join(plan)
    assert "Seq Scan" not in "\n".join(plan)


def test_jobs_in_progress_that_are_younger_than_those_that_wait_are_not_looked_at(
    postgres: sa.Engine, clock: Clock
) -> None:
    job_class = make_job_class(clock, config=make_config(clock))
    held = "20, at, at + n * interval '1 s', at, 0, 'lock', timestamp '9999-01-01'"
    fill(job_class, postgres, held, 5_000)
    job_class.create_and_save(postgres, "waits", 10)
    with postgres.begin() as connection:
        connection.execute(sa.text("UPDATE job SET update_at = timestamp '2025-12-30' WHERE id = 'waits'"))
    plan = explained(postgres, "ANALYZE")
    assert run_next(job_class, postgres) == "waits"
    assert plan
    assert not [line for line in plan if "Rows Removed" in line]


def test_a_job_whose_status_seems_to_have_changed_later_is_claimed(
    job_class: type[Job], engine: sa.Engine, clock: Clock
) -> None:
    """As `start` takes it: by a clock that was ahead, or by SQL of the user's in a time zone ahead of UTC."""
    job_class.create_and_save(engine, "job-1", 10)
    clock.advance(-3600)
    assert run_next(job_class, engine) == "job-1"
