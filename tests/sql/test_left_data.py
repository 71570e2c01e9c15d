"""`job.data` changed in a block is stored with the success, as if it had been set; no change is lost silently."""

from __future__ import annotations

import asyncio
import threading
from contextlib import nullcontext
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy import orm

from status_tracker.sql.store import SqlStore
from status_tracker.sql.updates import MAX_DEPTH
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


def test_a_reference_to_the_data_outlives_an_update(engine: sa.Engine, job_class: Any) -> None:
    with job_class.start(engine, "a") as (job, updates):
        data = job.data
        data["page"] = 2
        updates.update()
        updates.set("note", "read")
        updates.update()
        assert job.data is data
        data["page"] = 3
    assert stored(engine, job_class).data["page"] == 3


@pytest.mark.parametrize("first", ["set", "left"])
@pytest.mark.parametrize("meanwhile", ["changed", "assigned", "set", "changed and set", "note"])
def test_what_is_changed_during_an_update_is_stored_at_the_end(
    monkeypatch: pytest.MonkeyPatch, engine: sa.Engine, job_class: Any, first: str, meanwhile: str
) -> None:
    under_way, go_on = threading.Event(), threading.Event()
    write = SqlStore.write

    def waiting(store: Any, request: Any) -> Any:
        answer = write(store, request)
        if getattr(request.guard, "growing", None) == "update_count" and not under_way.is_set():
            under_way.set()
            go_on.wait(60)
        return answer

    def change(job: Any, updates: Any) -> None:
        if "changed" in meanwhile:
            job.data["page"] = 3
        if "assigned" in meanwhile:
            job.data = {"page": 3}
        if "set" in meanwhile:
            updates.set("data", {"page": 4})
        if meanwhile == "note":
            job.note = "read"

    async def main() -> None:
        async with job_class.astart(engine, "a") as (job, updates):
            if first == "set":
                updates.set("data", {"page": 2})
            else:
                job.data["page"] = 2
            update = asyncio.create_task(updates.update())
            await asyncio.to_thread(under_way.wait, 10)
            change(job, updates)
            go_on.set()
            await update
            assert stored(engine, job_class).data["page"] == 2

    monkeypatch.setattr(SqlStore, "write", waiting)
    conflicts = first == "set" and meanwhile in {"changed", "assigned"}
    with pytest.raises(ValueError, match="was changed after") if conflicts else nullcontext():
        asyncio.run(main())
    job = stored(engine, job_class)
    page = {"note": 2, "set": 4, "changed and set": 4}.get(meanwhile, 2 if conflicts else 3)
    note = "read" if meanwhile == "note" else None
    assert (job.status, job.data["page"], job.note) == (30 if conflicts else 40, page, note)


@pytest.mark.parametrize("by_update", [True, False])
def test_data_that_is_left_is_checked_as_data_that_is_set(engine: sa.Engine, job_class: Any, by_update: bool) -> None:
    deep: dict[str, Any] = {}
    for _ in range(MAX_DEPTH + 1):
        deep = {"in": deep}
    with pytest.raises(ValueError, match="nested more than"), job_class.start(engine, "a") as (job, updates):
        job.data = deep
        if by_update:
            updates.update()
    job = stored(engine, job_class)
    assert (job.status, job.lock, job.data["page"]) == (30, None, 1)
