"""sqlalchemy_mate 2.0.0.3 on PostgreSQL. It cannot take a stuck job over: its lock is asked to be NULL."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any

import sqlalchemy as sa
import sqlalchemy_mate.api as sm  # type: ignore[import-not-found]  # only .venv-bench has it
from sqlalchemy import orm

from bench import items
from bench.contender import Contender, Data
from bench.meter import Meter
from bench.sql_meter import sql_metered

st = sm.patterns.status_tracker
_SETTINGS = {**items.CODES, "expire": int(items.LEASE.total_seconds()), "max_retry": 3}


def _make_job(table: str) -> Any:
    class Base(orm.DeclarativeBase):
        pass

    class Job(Base, st.JobMixin):  # type: ignore[misc, name-defined]
        __tablename__ = table

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
        with self._job.start(self._engine, task_id, **_SETTINGS) as (_, updates):
            updates.set(key="data", value=data)

    def try_start(self, task_id: str) -> bool:
        try:
            self._job.start(self._engine, task_id, **_SETTINGS).__enter__()
        except st.JobLockedError:
            return False
        return True
