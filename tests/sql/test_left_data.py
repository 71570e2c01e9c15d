"""`job.data` changed in a block is stored with the success, as if it had been set; no change is lost silently."""

from __future__ import annotations

from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy import orm

from tests.support.clock import Clock

from .conftest import make_config, make_job_class


@pytest.fixture
def job_class(clock: Clock, engine: sa.Engine) -> Any:
    made: Any = make_job_class(clock, config=make_config(clock))
    made.metadata.create_all(engine)
    made.create_and_save(engine, "a", 10, {"page": 1, "texts": ["a"]})
    return made


def stored(engine: sa.Engine, job_class: Any) -> Any:
    with orm.Session(engine, expire_on_commit=False) as session:
        return session.get(job_class, "a")


def test_data_that_is_assigned_or_changed_in_place_is_stored(engine: sa.Engine, job_class: Any) -> None:
    with job_class.start(engine, "a") as (job, _):
        job.data = {"page": 2, "texts": []}
    assert stored(engine, job_class).data == {"page": 2, "texts": []}
    job_class.rerun(engine, "a", reason="again")
    with job_class.start(engine, "a") as (job, updates):
        job.data["texts"].append("b")
        updates.extend_lock()
        job.data["page"] = 3
    assert stored(engine, job_class).data == job.data == {"page": 3, "texts": ["b"]}


def test_update_stores_it_too(engine: sa.Engine, job_class: Any) -> None:
    with job_class.start(engine, "a") as (job, updates):
        job.data["page"] = 2
        updates.update()
        assert stored(engine, job_class).data["page"] == 2


def test_what_is_set_replaces_what_was_changed_before(engine: sa.Engine, job_class: Any) -> None:
    with job_class.start(engine, "a") as (job, updates):
        job.data["page"] = 2
        updates.set("data", {"page": 3})
    assert stored(engine, job_class).data == {"page": 3}


def test_a_change_after_it_was_set_fails_the_attempt_and_says_so(engine: sa.Engine, job_class: Any) -> None:
    told = r"job\.data was changed after updates\.set.*set all of it"
    with pytest.raises(ValueError, match=told), job_class.start(engine, "a") as (job, updates):
        updates.set("data", {"page": 3})
        job.data["page"] = 2
    job = stored(engine, job_class)
    assert (job.status, job.lock, job.data["page"]) == (30, None, 1)


def test_a_failure_drops_it(engine: sa.Engine, job_class: Any) -> None:
    with pytest.raises(KeyError), job_class.start(engine, "a") as (job, _):
        job.data["page"] = 2
        raise KeyError
    assert stored(engine, job_class).data["page"] == 1


def test_data_that_json_cannot_hold_fails_the_attempt(engine: sa.Engine, job_class: Any) -> None:
    with pytest.raises(TypeError, match=r"data\['page'\] is a object"), job_class.start(engine, "a") as (job, _):
        job.data["page"] = object()
    job = stored(engine, job_class)
    assert (job.status, job.lock, job.data["page"]) == (30, None, 1)
