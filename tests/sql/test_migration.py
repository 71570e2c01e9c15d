"""`add_missing_columns` on a table that sqlalchemy_mate made."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
import sqlalchemy as sa

from status_tracker.sql import MissingColumnsError, OperableJobs, add_missing_columns
from tests.support.clock import Clock

from .conftest import Job, make_config, make_job_class
from .test_times import mate_table

ADDED = [
    "lock_expire_at",
    "fence",
    "run_number",
    "not_before",
    "finished_locks",
    "vanished_locks",
    "update_count",
    "create_token",
]


@pytest.fixture
def old(engine: sa.Engine, clock: Clock) -> type[Job]:
    with engine.begin() as connection:
        connection.execute(mate_table(engine))
    return make_job_class(clock, config=make_config(clock))


def indexes(engine: sa.Engine) -> list[list[str | None]]:
    """All but the one of the user's unique column, which PostgreSQL counts among them."""
    found = [index["column_names"] for index in sa.inspect(engine).get_indexes("job")]
    return [columns for columns in found if columns != ["note"]]


def test_what_is_missing_is_added_once(old: type[Job], engine: sa.Engine) -> None:
    assert add_missing_columns(engine, old) == ADDED
    assert indexes(engine) == [["status", "update_at", "id"]]
    assert add_missing_columns(engine, old) == []
    old.create_and_save(engine, "job-1", 10)
    with old.start(engine, "job-1") as (job, _):
        assert job.fence == 1


def test_two_may_add_at_once(old: type[Job], engine: sa.Engine) -> None:
    with ThreadPoolExecutor(4) as pool:
        added = list(pool.map(lambda _: add_missing_columns(engine, old), range(4)))
    assert sorted(name for names in added for name in names) == sorted(ADDED)
    assert indexes(engine) == [["status", "update_at", "id"]]


def test_a_new_table_lacks_nothing(job_class: type[Job], engine: sa.Engine) -> None:
    assert add_missing_columns(engine, job_class) == []
    assert indexes(engine) == [["status", "update_at", "id"]]


def test_without_it_every_call_says_what_to_do(old: type[Job], engine: sa.Engine) -> None:
    what_to_do = r"'job' lacks the columns lock_expire_at, .*: run status_tracker.sql.add_missing_columns\(engine"
    with pytest.raises(MissingColumnsError, match=what_to_do), old.start(engine, "job-1"):
        pytest.fail("it was started")
    with pytest.raises(MissingColumnsError, match=what_to_do), old.start_next(engine):
        pytest.fail("it was started")
    with pytest.raises(MissingColumnsError, match=what_to_do):
        old.create_and_save(engine, "job-1", 10)
    with pytest.raises(MissingColumnsError, match=what_to_do):
        old.query_by_status(engine, 10)
    with pytest.raises(MissingColumnsError, match=what_to_do):
        old.rerun(engine, "job-1", reason="again")


def test_a_missing_table_is_the_databases_own_error_which_says_how_it_is_made(engine: sa.Engine, clock: Clock) -> None:
    job_class = make_job_class(clock, config=make_config(clock))
    for call in (
        lambda: job_class.start(engine, "job-1").__enter__(),
        lambda: job_class.start_next(engine).__enter__(),
        lambda: job_class.create_and_save(engine, "job-1", 10),
        lambda: job_class.query_by_status(engine, 10),
        lambda: job_class.rerun(engine, "job-1", reason="again"),
        lambda: OperableJobs(job_class, engine).count_by_status(),
    ):
        with pytest.raises(
            (sa.exc.OperationalError, sa.exc.ProgrammingError),
            match=r"no table 'job' in this database: make it with Job\.metadata\.create_all\(engine\), or by",
        ):
            call()
