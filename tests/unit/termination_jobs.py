"""The job that `termination_sweep` attempts, in a file of SQLite."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy import orm

from status_tracker.sql import JobMixin
from tests.unit.steps import PENDING, make_config


class Base(orm.DeclarativeBase):
    pass


class Job(Base, JobMixin):
    __tablename__ = "jobs"

    config = make_config()


def engine_in(folder: Path) -> sa.Engine:
    return sa.create_engine(f"sqlite:///{folder / 'jobs.sqlite'}", poolclass=sa.NullPool)


def prepare(folder: Path) -> None:
    engine = engine_in(folder)
    Base.metadata.create_all(engine)
    Job.create_and_save(engine, "t-1", PENDING)


def attempt_in(folder: Path) -> tuple[AbstractContextManager[Any], Callable[[], bool]]:
    """An attempt, and whether the job is locked."""
    engine = engine_in(folder)

    def locked() -> bool:
        with engine.connect() as connection:
            return connection.scalar(sa.text("SELECT lock FROM jobs")) is not None

    return Job.start_next(engine), locked
