"""Jobs on an event loop; what several threads cannot use is refused at once."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy import orm
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, create_async_engine
from sqlalchemy.pool import QueuePool, StaticPool

from status_tracker.sql import JobIsNotInitializedError, JobLockedError, JobMixin, Updates
from status_tracker.sql.aio import AsyncJobs
from status_tracker.sql.aio_blocks import AsyncUpdates
from tests.support.clock import Clock

from .conftest import Job, make_config, make_job_class

STARTS: list[Callable[..., Any]] = [
    lambda job, engine: job.start(engine, "job-1").__enter__(),
    lambda job, engine: job.start_next(engine).__enter__(),
    lambda job, engine: job.create_and_save(engine, "job-1", 10),
    lambda job, engine: job.query_by_status(engine, 10),
    lambda job, engine: job.rerun(engine, "job-1", reason="again"),
    lambda job, engine: job.count_by_status(engine),
    lambda job, engine: job.astart(engine, "job-1"),
    lambda job, engine: asyncio.run(job.acreate_and_save(engine, "job-1", 10)),
]


@pytest.mark.parametrize("call", STARTS)
def test_an_engine_for_asyncio_is_refused_with_what_to_do(clock: Clock, call: Callable[..., Any]) -> None:
    job_class = make_job_class(clock, config=make_config(clock))
    engine: AsyncEngine = create_async_engine("postgresql+psycopg://nobody@localhost/none")
    for given in (engine, engine.sync_engine):
        with pytest.raises(TypeError, match=r"is for asyncio.*create_engine\(.*astart"):
            call(job_class, given)


def test_a_session_for_asyncio_is_refused_too(clock: Clock) -> None:
    job_class = make_job_class(clock, config=make_config(clock))
    engine = create_async_engine("postgresql+psycopg://nobody@localhost/none")
    for session in (AsyncSession(engine), orm.Session(engine.sync_engine)):
        for call in STARTS[:-2]:
            with pytest.raises(TypeError, match="is for asyncio"):
                call(job_class, session)


@pytest.fixture
def job_class(clock: Clock, engine: sa.Engine) -> type[Job]:
    made = make_job_class(clock, config=make_config(clock))
    made.metadata.create_all(engine)  # type: ignore[attr-defined]
    return made


def stored(engine: sa.Engine, job_class: Any, job_id: str) -> Any:
    with orm.Session(engine, expire_on_commit=False) as session:
        return session.get(job_class, job_id)


def test_a_job_on_an_event_loop(engine: sa.Engine, job_class: Any) -> None:
    async def main() -> None:
        await job_class.acreate_and_save(engine, "a", 10, {"version": 1})
        assert (await job_class.aget_or_create(engine, "a", 10))[1] is False
        async with job_class.astart(engine, "a", heartbeat=0.01) as (job, updates):
            assert (job.is_locked(), updates.fence, updates.lost) == (True, 1, False)
            updates.set("data", {"version": 2})
            await updates.update()
            await updates.extend_lock()
            updates.also(sa.update(job_class).where(job_class.id == "a").values(note="also"))
            with pytest.raises(JobLockedError):
                async with job_class.astart(engine, "a"):
                    raise AssertionError
        assert await job_class.acount_by_status(engine) == {40: 1}
        with pytest.raises(JobIsNotInitializedError):
            async with job_class.astart(engine, "none"):
                raise AssertionError
        assert (await job_class.arerun(engine, "a", reason="again")).run_number == 1

    asyncio.run(main())
    job = stored(engine, job_class, "a")
    assert (job.status, job.data, job.note, job.lock) == (10, {"version": 2}, "also", None)


def test_workers_take_the_next_job_until_there_is_none(engine: sa.Engine, job_class: Any) -> None:
    async def worker() -> list[str]:
        done = []
        while True:
            async with job_class.astart_next(engine) as (job, updates):
                if job is None:
                    return done
                updates.set("note", job.id)
                done.append(job.id)

    async def main() -> None:
        for n in range(12):
            await job_class.acreate_and_save(engine, f"j{n:02}", 10)
        done = await asyncio.gather(*(worker() for _ in range(4)))
        assert sorted(each for one in done for each in one) == [f"j{n:02}" for n in range(12)]
        assert [job.note async for job in job_class.aquery_by_status(engine, 40, 100)] == [
            f"j{n:02}" for n in range(12)
        ]

    asyncio.run(main())


def test_a_cancelled_job_has_failed(engine: sa.Engine, job_class: Any) -> None:
    async def main() -> None:
        async with asyncio.timeout(0.5), job_class.astart_next(engine):
            await asyncio.Event().wait()

    job_class.create_and_save(engine, "a", 10)
    with pytest.raises(TimeoutError):
        asyncio.run(main())
    job = stored(engine, job_class, "a")
    assert (job.status, job.lock, job.errors["history"][0]["error"]) == (30, None, "CancelledError()")


def test_a_database_in_memory_is_refused_unless_its_connection_is_used_by_one_thread_at_a_time(clock: Clock) -> None:
    job_class: Any = make_job_class(clock, config=make_config(clock))
    shared = {"connect_args": {"check_same_thread": False}}
    for engine in (sa.create_engine("sqlite://"), sa.create_engine("sqlite://", poolclass=StaticPool, **shared)):
        with pytest.raises(ValueError, match=r"asyncio makes its requests in threads.*poolclass=QueuePool"):
            job_class.astart(engine, "a")
    engine = sa.create_engine("sqlite://", poolclass=QueuePool, pool_size=1, max_overflow=0, **shared)
    job_class.metadata.create_all(engine)

    async def one(n: int) -> None:
        async with job_class.astart(engine, f"j{n}", create=True, heartbeat=0.01):
            await asyncio.sleep(0.02)

    async def main() -> None:
        await asyncio.gather(*map(one, range(50)))
        assert await job_class.acount_by_status(engine) == {40: 50}

    asyncio.run(main())
    engine.dispose()


def test_a_session_is_refused(engine: sa.Engine, job_class: Any) -> None:
    with orm.Session(engine) as session, pytest.raises(TypeError, match="is a session, which belongs to one thread"):
        asyncio.run(job_class.acount_by_status(session))


@pytest.mark.parametrize("name", [name for name in vars(AsyncJobs) if name.startswith("a")])
def test_it_takes_what_the_one_without_asyncio_takes(name: str) -> None:
    ours, theirs = (inspect.signature(getattr(JobMixin, each)).parameters for each in (name, name.removeprefix("a")))
    renamed = {"engine_or_session": "engine"}
    assert [(each.name, each.default) for each in ours.values()] == [
        (renamed.get(each.name, each.name), each.default) for each in theirs.values()
    ]


def test_the_updates_of_a_block_have_every_name_of_those_without_asyncio() -> None:
    public = {name for name in dir(Updates) if not name.startswith("_")} | {"values"}
    assert {name for name in dir(AsyncUpdates) if not name.startswith("_")} == public
