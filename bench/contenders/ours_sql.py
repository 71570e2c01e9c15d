"""status_tracker.sql on PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy import orm

import status_tracker as st
from bench import items
from bench.contender import Contender, Data
from bench.meter import Meter
from bench.sql_meter import sql_metered
from status_tracker.sql import JobLockedError, JobMixin


def _make_job(table: str) -> Any:
    class Base(orm.DeclarativeBase):
        pass

    class Job(Base, JobMixin):
        __tablename__ = table
        config = st.TrackerConfig.make(use_case_id=items.USE_CASE, **items.CODES)

    return Job


class Tracker(Contender):
    def __init__(self, address: str, table: str) -> None:
        self._engine = sa.create_engine(address)
        self._job = _make_job(table)

    def metered(self) -> AbstractContextManager[Meter]:
        return sql_metered(self._engine)

    def create_table(self) -> None:
        self._job.metadata.create_all(self._engine)

    def create(self, task_id: str, data: Data) -> None:
        self._job.create_and_save(self._engine, id=task_id, status=items.CODES["pending_status"], data=data)

    def start_finish(self, task_id: str, data: Data) -> None:
        with self._job.start(self._engine, task_id) as (_, updates):
            updates.set("data", data)

    def start_create_finish(self, task_id: str, data: Data) -> None:
        with self._job.start(self._engine, task_id, create=True) as (_, updates):
            updates.set("data", data)

    def try_start(self, task_id: str) -> bool:
        try:
            self._job.start(self._engine, task_id).__enter__()
        except JobLockedError:
            return False
        return True

    def put_stuck(self, task_ids: Iterable[str]) -> None:
        for task_id in task_ids:
            self._job.start(self._engine, task_id, create=True).__enter__()
        an_hour_ago = datetime.now(UTC) - timedelta(hours=1)
        with self._engine.begin() as connection:
            connection.execute(sa.update(self._job).values(lock_expire_at=an_hour_ago))
