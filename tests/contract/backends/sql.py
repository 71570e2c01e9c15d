"""The driver of SQL databases."""

from __future__ import annotations

import functools
import itertools
import sqlite3
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import psycopg
import pymysql
import sqlalchemy as sa
from sqlalchemy import orm

import status_tracker as st
from status_tracker.sql import JobMixin
from status_tracker.sql.store import SqlStore
from status_tracker.testing.contract import Attempt, Promise, Seen

PROMISES = frozenset(Promise) - {Promise.SIZE_LIMIT}
MYSQL_PROMISES = PROMISES - {Promise.LONG_IDS}


class JobAttempt:
    """The updates of a job, as the suite uses them."""

    def __init__(self, updates: Any) -> None:
        self.updates = updates
        self.update = updates.update
        self.extend_lock = updates.extend_lock

    @property
    def fence(self) -> int:
        return self.updates.fence

    def set_data(self, data: dict[str, Any] | None) -> None:
        self.updates.set("data", data)


class JobStep:
    """A class of jobs, and an engine."""

    def __init__(self, job_class: Any, engine: sa.Engine, faults: FaultyCommits) -> None:
        self.job_class = job_class
        self.engine = engine
        self.lose_answers = faults.lose_answers
        self.refuse_writes = faults.refuse
        self.heal = faults.heal

    def create(self, task_id: str, data: dict[str, Any] | None = None) -> object:
        return self.job_class.create_and_save(self.engine, task_id, self.job_class.config.pending_status, data)

    def create_many(self, tasks: Any, *, each: Any) -> Any:
        return self.job_class.create_many(self.engine, tasks, each=each)

    @contextmanager
    def start(
        self,
        task_id: str,
        *,
        lease: float | None = None,
        **arguments: Any,
    ) -> Iterator[Attempt]:
        with self.job_class.start(self.engine, task_id, expire=lease, **arguments) as (_, updates):
            yield JobAttempt(updates)

    def read(self, task_id: str) -> Seen | None:
        with orm.Session(self.engine) as session:
            job = session.get(self.job_class, task_id)
            if job is None:
                return None
            return Seen(
                status=job.status,
                retry=job.retry,
                locked=job.is_locked(),
                create_time=job.create_at,
                update_time=job.update_at,
                lock_expire_time=job.lock_expire_at,
                fence=job.fence or 0,
                run=job.run_number or 0,
                not_before=job.not_before,
                data={} if job.data is None else job.data,
                errors={"history": [], **job.errors},
            )

    def store(self, task_id: str) -> SqlStore[Any]:
        return SqlStore(self.job_class, self.engine, task_id)

    def rerun(self, task_id: str, **why: Any) -> object:
        return self.job_class.rerun(self.engine, task_id, **why)

    def ignore(self, task_id: str, **why: Any) -> object:
        return self.job_class.ignore(self.engine, task_id, **why)

    def cancel(self, task_id: str, **why: Any) -> object:
        return self.job_class.cancel(self.engine, task_id, **why)

    def unignore(self, task_id: str, **why: Any) -> object:
        return self.job_class.unignore(self.engine, task_id, **why)

    def unlock(self, task_id: str, **why: Any) -> object:
        return self.job_class.unlock(self.engine, task_id, **why)

    def listed(self, status: int) -> list[str]:
        return [job.id for job in self.job_class.query_by_status(self.engine, status, limit=1000)]

    def also_impossible(self, attempt: Any) -> None:
        attempt.updates.also(sa.insert(self.job_class).values(id="without all else"))


class FaultyCommits:
    """Lets the next commits of an engine go wrong."""

    def __init__(self, engine: sa.Engine) -> None:
        self._broken = engine.dialect.name
        self._commit = engine.dialect.do_commit
        self._coming: list[bool] = []
        self._one_at_a_time = threading.Lock()
        engine.dialect.do_commit = self._do_commit  # type: ignore[method-assign]

    def lose_answers(self, times: int = 1) -> None:
        self._coming += [True] * times

    def refuse(self, times: int = 1) -> None:
        self._coming += [False] * times

    def heal(self) -> None:
        self._coming.clear()

    def _do_commit(self, connection: Any) -> None:
        with self._one_at_a_time:
            carried_out = self._coming.pop(0) if self._coming else None
        if carried_out is False:
            connection.rollback()
        else:
            self._commit(connection)
        if carried_out is not None:
            raise self._error()

    def _error(self) -> Exception:
        if self._broken == "postgresql":
            return psycopg.errors.AdminShutdown("terminating connection due to administrator command")
        if self._broken == "mysql":
            return pymysql.err.OperationalError(2013, "Lost connection to MySQL server during query")
        error = sqlite3.OperationalError("disk I/O error")
        error.sqlite_errorcode = sqlite3.SQLITE_IOERR
        return error


@functools.cache
def mapped(table: str, _nth: int) -> Any:
    """The nth mapping of jobs to that table: made once, for that takes SQLAlchemy longer than a test takes."""

    class Base(orm.DeclarativeBase):
        pass

    class Job(Base, JobMixin):
        __tablename__ = table

    return Job


class SqlBackend:
    """A table of jobs; each step has a mapping of its own.

    Args:
        table: by default one that the tests of an engine share, and that is empty at first.
    """

    backend_errors = (sa.exc.DBAPIError,)

    def __init__(self, engine: sa.Engine, faults: FaultyCommits, table: str | None = None) -> None:
        self.promises = MYSQL_PROMISES if engine.dialect.name == "mysql" else PROMISES
        self._engine = engine
        self._faults = faults
        self._table = table or "jobs"
        self._steps = itertools.count()
        faults.heal()
        jobs = mapped(self._table, 0)
        jobs.metadata.create_all(engine)
        if table is None:
            with engine.begin() as connection:
                connection.execute(sa.delete(jobs))

    def step(self, codes: Mapping[str, int], clock: Any, **settings: Any) -> JobStep:
        job = mapped(self._table, next(self._steps))
        job.config = st.TrackerConfig.make(**{"use_case_id": "test", "clock": clock, **codes, **settings})
        return JobStep(job, self._engine, self._faults)


def sqlite_engine(path: str, *, wal: bool) -> sa.Engine:
    """A file of SQLite, that many processes may use."""
    engine = sa.create_engine(f"sqlite:///{path}", connect_args={"timeout": 60})

    @sa.event.listens_for(engine, "connect")
    def _prepare(connection: sqlite3.Connection, _record: Any) -> None:
        connection.execute(f"PRAGMA journal_mode={'WAL' if wal else 'DELETE'}")
        connection.execute("PRAGMA synchronous=OFF")  # no test takes the power away

    return engine
