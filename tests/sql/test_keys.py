"""Primary keys of other types than text."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy import orm

from status_tracker.sql import JobAlreadyExistsError, JobLockedError, OperableJobs
from tests.support.clock import Clock

from .conftest import Job, make_config, make_job_class, stored

KINDS: dict[str, tuple[Any, list[Any]]] = {
    "integers": (sa.Integer, [9, 10, 11]),
    "UUIDs": (sa.Uuid, sorted(uuid.uuid4() for _ in range(3))),
}


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> tuple[Any, list[Any]]:
    return KINDS[request.param]


@pytest.fixture
def job_class(engine: sa.Engine, clock: Clock, kind: tuple[Any, list[Any]]) -> type[Job]:
    job_class = make_job_class(clock, config=make_config(clock), id=orm.mapped_column(kind[0], primary_key=True))
    job_class.metadata.create_all(engine)  # type: ignore[attr-defined]
    return job_class


def test_a_job_is_known_by_its_key(
    job_class: type[Job], engine: sa.Engine, kind: tuple[Any, list[Any]], clock: Clock
) -> None:
    first, second, third = kind[1]
    for key in kind[1]:
        assert job_class.create_and_save(engine, key, 10).id == key
        clock.advance(1)  # MariaDB has an order of its own for UUIDs
    with pytest.raises(JobAlreadyExistsError):
        job_class.create_and_save(engine, first, 10)
    with job_class.start(engine, first, debug=True) as (job, updates):
        updates.set("data", {"n": 1})
        assert job.id == first
        with pytest.raises(JobLockedError, match=str(first)):
            job_class.start(engine, first).__enter__()
    with job_class.start_next(engine) as (job, _):
        assert job is not None
        assert job.id == second
    assert job_class.ignore(engine, third, reason="wrong").status == 50
    assert stored(job_class, engine, first).data == {"n": 1}


def test_for_bulk_actions_and_the_command_its_text_stands_for_it(
    job_class: type[Job], engine: sa.Engine, kind: tuple[Any, list[Any]], clock: Clock
) -> None:
    for key in kind[1]:
        job_class.create_and_save(engine, key, 10)
        clock.advance(1)
    jobs, texts = OperableJobs(job_class, engine), [str(key) for key in kind[1]]
    query = jobs.query_by_status([10], None)
    assert next(query).task_id == texts[0]
    assert [task.task_id for task in jobs.query_by_status([10], None, cursor=query.cursor)] == texts[1:]
    found = jobs.get_one_or_none(texts[1])
    assert found is not None
    assert found.job.id == kind[1][1]
    jobs.act_if(texts[1], "ignore", lambda _: None, reason="wrong")
    assert stored(job_class, engine, kind[1][1]).status == 50


def test_r16_what_the_column_cannot_hold_is_refused(job_class: type[Job], engine: sa.Engine) -> None:
    for wrong in ("no key", 7.5, None):
        with pytest.raises(ValueError, match="id"):
            job_class.create_and_save(engine, wrong, 10)  # type: ignore[arg-type]
        with pytest.raises(ValueError, match="id"):
            job_class.start(engine, wrong).__enter__()  # type: ignore[arg-type]


def test_an_unreadable_one_is_passed_by(
    job_class: type[Job], engine: sa.Engine, kind: tuple[Any, list[Any]], clock: Clock
) -> None:
    for key in kind[1]:
        job_class.create_and_save(engine, key, 10)
        clock.advance(1)
    with engine.begin() as connection:
        connection.execute(sa.update(job_class.__table__).where(job_class.id == kind[1][0]).values(errors=[1]))  # type: ignore[attr-defined]
    with job_class.start_next(engine) as (job, _):
        assert job is not None
        assert job.id == kind[1][1]


def test_an_integer_for_a_column_of_text_is_stored_as_text(engine: sa.Engine, clock: Clock) -> None:
    job_class = make_job_class(clock, config=make_config(clock))
    job_class.metadata.create_all(engine)  # type: ignore[attr-defined]
    assert job_class.create_and_save(engine, 7, 10).id == "7"
    with job_class.start(engine, 7) as (job, _):
        assert job.id == "7"
    assert stored(job_class, engine, "7").status == 40
