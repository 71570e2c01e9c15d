"""A process that works on jobs on an event loop until it is told to stop: `python asyncio_worker.py URL HOW`.

HOW is "plain", or "sigterm" for what docs/asyncio.md says of SIGTERM.
"""

from __future__ import annotations

import asyncio
import signal
import sys

import sqlalchemy as sa
from sqlalchemy import orm

from status_tracker import TrackerConfig
from status_tracker.sql import JobMixin


class Base(orm.DeclarativeBase):
    pass


class Job(Base, JobMixin):
    __tablename__ = "job"
    config = TrackerConfig.make("job", 10, 20, 30, 40, 50, lock_expire_seconds=1)


async def work(engine: sa.Engine, job_id: str) -> None:
    async with Job.astart(engine, job_id, heartbeat=0.1):
        sys.stdout.write("started\n")
        sys.stdout.flush()
        await asyncio.Event().wait()


async def main(url: str, how: str) -> None:
    task = asyncio.current_task()
    assert task is not None
    if how == "sigterm":
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    engine = sa.create_engine(url)
    async with asyncio.TaskGroup() as group:
        for n in range(5):
            group.create_task(work(engine, f"j{n}"))


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
