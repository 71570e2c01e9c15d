"""R8: `errors` of a job without failure and action is empty, as ``if job.errors:`` of older code expects."""

from __future__ import annotations

from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy import orm

from status_tracker.sql import OperableJobs

from .conftest import Job, stored


def test_r8_the_errors_of_a_clean_job_are_empty(job_class: type[Job], engine: sa.Engine) -> None:
    assert job_class.create("job-0", 10).errors == {}
    assert job_class.create_and_save(engine, "job-1", 10).errors == {}
    with job_class.start(engine, "job-1") as (job, updates):
        assert job.errors == {}
        updates.update()
        assert job.errors == {}
    assert job.errors == stored(job_class, engine).errors == {}
    with job_class.start(engine, "job-2", create=True) as (job, _):
        assert job.errors == {}
    [job] = OperableJobs(job_class, engine).query_by_status([40], 1)
    assert job.job.errors == {}


def test_r8_what_an_earlier_version_has_stored_of_a_clean_job_is_read_as_empty(
    job_class: type[Job], engine: sa.Engine
) -> None:
    job_class.create_and_save(engine, "job-1", 10)
    with engine.begin() as connection:
        connection.execute(sa.text("UPDATE job SET errors = :errors"), {"errors": '{"history": []}'})
    assert stored(job_class, engine).errors == {}
    with job_class.start(engine, "job-1") as (job, _):
        assert job.errors == {}
    with orm.Session(engine) as session:
        assert session.scalars(sa.select(job_class.errors)).all() == [{}]


def test_r8_what_is_stored_is_empty_too_for_readers_of_the_table(job_class: type[Job], engine: sa.Engine) -> None:
    job_class.create_and_save(engine, "job-1", 10)
    with job_class.start(engine, "job-2", create=True):
        pass
    with engine.connect() as connection:
        found = connection.scalars(sa.text("SELECT CAST(errors AS CHAR(100)) FROM job ORDER BY id")).all()
    assert [each.strip() for each in found] == ["{}", "{}"]


def test_r8_what_has_happened_stays_on_record(job_class: type[Job], engine: sa.Engine) -> None:
    job_class.create_and_save(engine, "job-1", 10)
    job_class.ignore(engine, "job-1", reason="wrong")
    assert set(stored(job_class, engine).errors) - {"history"} == {"actions"}
    job_class.rerun(engine, "job-1", reason="right")
    with pytest.raises(ValueError, match="no page"), job_class.start(engine, "job-1"):
        raise ValueError("no page")
    with job_class.start(engine, "job-1"):
        pass
    job = stored(job_class, engine)
    assert (job.status, len(job.errors["actions"]), job.errors["error"]) == (40, 2, "ValueError('no page')")


def test_the_errors_are_a_json_column_to_queries(job_class: type[Job], engine: sa.Engine) -> None:
    job_class.create_and_save(engine, "job-1", 10)
    with pytest.raises(ValueError, match="no page"), job_class.start(engine, "job-1"):
        raise ValueError("no page")
    column: Any = job_class.errors
    found = sa.select(job_class.id).where(column["error"].as_string() == "ValueError('no page')")
    with orm.Session(engine) as session:
        assert session.scalars(found).all() == ["job-1"]


def test_a_restart_counts_a_run_once(job_class: type[Job], engine: sa.Engine) -> None:
    job_class.create_and_save(engine, "job-1", 10)
    for _ in range(2):
        job = job_class.restart(engine, "job-1", run=0, reason="its driver stopped", by="sweep")
        assert (job.run_number, job.status, len(job.errors["actions"])) == (1, 10, 1)
    assert job_class.restart(engine, "job-1", run=1, reason="again").run_number == 2


@pytest.mark.parametrize("act", ["rerun", "ignore", "cancel"])
def test_an_action_asked_for_twice_is_done_once(job_class: type[Job], engine: sa.Engine, act: str) -> None:
    job_class.create_and_save(engine, "job-1", 10)
    first = getattr(job_class, act)(engine, "job-1", reason="once", request_id="r-1")
    second = getattr(job_class, act)(engine, "job-1", reason="once", request_id="r-1")
    assert len(second.errors["actions"]) == len(first.errors["actions"]) == 1
