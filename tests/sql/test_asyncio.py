"""Engines and sessions for asyncio are refused at once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import orm
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, create_async_engine

from tests.support.clock import Clock

from .conftest import make_config, make_job_class

STARTS: list[Callable[..., Any]] = [
    lambda job, engine: job.start(engine, "job-1").__enter__(),
    lambda job, engine: job.start_next(engine).__enter__(),
    lambda job, engine: job.create_and_save(engine, "job-1", 10),
    lambda job, engine: job.query_by_status(engine, 10),
    lambda job, engine: job.rerun(engine, "job-1", reason="again"),
    lambda job, engine: job.count_by_status(engine),
]


@pytest.mark.parametrize("call", STARTS)
def test_an_engine_for_asyncio_is_refused_with_what_to_do(clock: Clock, call: Callable[..., Any]) -> None:
    job_class = make_job_class(clock, config=make_config(clock))
    engine: AsyncEngine = create_async_engine("postgresql+psycopg://nobody@localhost/none")
    for given in (engine, engine.sync_engine, AsyncSession(engine), orm.Session(engine.sync_engine)):
        with pytest.raises(TypeError, match=r"is for asyncio.*create_engine\(.*asyncio.to_thread"):
            call(job_class, given)
