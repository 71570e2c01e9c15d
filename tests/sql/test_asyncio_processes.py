"""Real processes that work on an event loop, and are interrupted, ended or killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy import orm

from tests.sql.asyncio_worker import Base, Job

ROOT = Path(__file__).parents[2]


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[sa.Engine]:
    engine = sa.create_engine(f"sqlite:///{tmp_path / 'jobs.db'}", connect_args={"timeout": 60})
    Base.metadata.create_all(engine)
    for n in range(5):
        Job.create_and_save(engine, f"j{n}", 10)
    yield engine
    engine.dispose()


def interrupted(engine: sa.Engine, number: signal.Signals, how: str) -> list[Any]:
    """The jobs after a worker that was in all their blocks got that signal."""
    worker = subprocess.Popen(  # noqa: S603  # the command is made here
        [sys.executable, str(ROOT / "tests" / "sql" / "asyncio_worker.py"), str(engine.url), how],
        env={**os.environ, "PYTHONPATH": str(ROOT / "layer")},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert worker.stdout is not None
    for _ in range(5):
        assert worker.stdout.readline() == "started\n"
    worker.send_signal(number)
    worker.communicate(timeout=120)
    assert worker.returncode != 0
    with orm.Session(engine, expire_on_commit=False) as session:
        return list(session.scalars(sa.select(Job).order_by(Job.id)))


@pytest.mark.parametrize(("number", "how"), [(signal.SIGINT, "plain"), (signal.SIGTERM, "sigterm")])
def test_an_interrupted_worker_has_recorded_each_of_its_jobs(
    engine: sa.Engine, number: signal.Signals, how: str
) -> None:
    jobs = interrupted(engine, number, how)
    assert [(job.status, job.lock, job.retry) for job in jobs] == [(30, None, 1)] * 5
    assert {job.errors["history"][0]["error"] for job in jobs} == {"CancelledError()"}


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_the_jobs_of_a_killed_worker_are_taken_over_when_their_leases_end(
    engine: sa.Engine, number: signal.Signals
) -> None:
    jobs = interrupted(engine, number, "plain")
    assert [job.status for job in jobs] == [20] * 5
    deadline = time.monotonic() + 60
    while len(Job.query_stuck(engine)) < 5:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    with Job.start(engine, "j0") as (job, _):
        assert job.errors["history"][0]["error"].startswith("LeaseExpired")
