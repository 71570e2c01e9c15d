"""The ways to claim and finish jobs on PostgreSQL that ``bench.claims`` measures, each in a process of its own."""

from __future__ import annotations

import asyncio
import time
import uuid
from abc import ABC, abstractmethod
from collections.abc import Callable
from datetime import UTC, datetime

import procrastinate  # type: ignore[import-not-found]  # only .venv-bench has it
import psycopg
import sqlalchemy as sa
from pgqueuer import Job, PsycopgDriver, Queries, QueueManager  # type: ignore[import-not-found]

from bench.contenders.ours_sql import Tracker
from bench.items import CODES, LEASE

_FILL = """
INSERT INTO {table} (id, status, create_at, update_at, lock_at, retry, data, errors)
SELECT 'job-' || n, {pending}, at, at + n * interval '1 ms', at, 0, '{{"n": 1}}', '{{}}'
FROM generate_series(1, {jobs}) n, (SELECT timestamp '2025-12-31' AS at) AS once
"""
_CLAIM = """
UPDATE {table} SET status = {in_progress}, lock = %(lock)s, lock_at = %(now)s, update_at = %(now)s,
    lock_expire_at = %(end)s, fence = coalesce(fence, 0) + 1
WHERE id = (
    SELECT id FROM {table} WHERE status = {pending} AND lock IS NULL
    ORDER BY update_at, id LIMIT 1 FOR UPDATE SKIP LOCKED
) RETURNING id, fence, data
"""
_FINISH = """
UPDATE {table} SET status = {succeeded}, lock = NULL, lock_expire_at = NULL, update_at = %(now)s, retry = 0
WHERE id = %(id)s AND lock = %(lock)s AND fence = %(fence)s
"""
_FILL_PROCRASTINATE = """
INSERT INTO procrastinate_jobs (queue_name, task_name, args)
SELECT 'default', 'work', '{{"n": 1}}' FROM generate_series(1, {jobs})
"""
_FILL_PGQUEUER = """
INSERT INTO pgqueuer (priority, entrypoint, payload, status)
SELECT 0, 'work', '\\x7b7d', 'queued' FROM generate_series(1, {jobs})
"""


class NothingLeftError(Exception):
    """A worker found no job, though there are enough."""


class Shift:
    """Counts the jobs of one worker for so many seconds from the first one on, and its CPU."""

    def __init__(self, seconds: float) -> None:
        self.jobs = 0
        self.begun = self.ended = time.monotonic()
        self.cpu = -time.process_time()
        self._seconds = seconds

    def done(self) -> bool:
        """One more job is done; whether it was the last one."""
        now = time.monotonic()
        if self.ended > self.begun:
            return True
        self.jobs += 1
        if now - self.begun < self._seconds:
            return False
        self.ended = now
        self.cpu += time.process_time()
        return True


class Way(ABC):
    """A worker that claims and finishes jobs one after the other.

    Args:
        address: the SQLAlchemy URL of the database.
        table: where its jobs are kept, if the way lets one say that.
    """

    def __init__(self, address: str, table: str) -> None:
        self._address = address
        self._table = table

    @property
    def _dsn(self) -> str:
        return self._address.replace("+psycopg", "")

    @abstractmethod
    def fill(self, jobs: int) -> str:
        """Make the table and its jobs; the name of the table."""

    @abstractmethod
    def work(self, seconds: float) -> Shift:
        """Claim and finish jobs for so long."""

    def _insert(self, table: str, statement: str, jobs: int) -> str:
        engine = sa.create_engine(self._address, isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            codes = {name.removesuffix("_status"): code for name, code in CODES.items()}
            connection.exec_driver_sql(statement.format(table=table, jobs=jobs, **codes))
            connection.exec_driver_sql(f"VACUUM ANALYZE {table}")
        engine.dispose()
        return table


class _InTurn(Way):
    """Jobs by a function that claims and finishes one."""

    _one: Callable[[], object]

    def fill(self, jobs: int) -> str:
        Tracker(self._address, self._table).create_table()
        return self._insert(self._table, _FILL, jobs)

    def work(self, seconds: float) -> Shift:
        shift = Shift(seconds)
        while True:
            if self._one() is None:
                raise NothingLeftError(self._table)
            if shift.done():
                return shift


class StartNext(_InTurn):
    """The library's `start_next`."""

    def __init__(self, address: str, table: str) -> None:
        super().__init__(address, table)
        self._tracker = Tracker(address, table)

    def _one(self) -> object:
        with self._tracker._job.start_next(self._tracker._engine) as (job, _):
            return None if job is None else job.id
        raise AssertionError


class ByHand(_InTurn):
    """The same two transactions with psycopg alone."""

    def __init__(self, address: str, table: str) -> None:
        super().__init__(address, table)
        self._connection = psycopg.connect(self._dsn)
        codes = {name.removesuffix("_status"): code for name, code in CODES.items()}
        self._claim, self._finish = (text.format(table=table, **codes).encode() for text in (_CLAIM, _FINISH))

    def _one(self) -> object:
        now, lock = datetime.now(UTC).replace(tzinfo=None), uuid.uuid4().hex
        found = self._connection.execute(self._claim, {"lock": lock, "now": now, "end": now + LEASE}).fetchone()
        self._connection.commit()
        if found is None:
            return None
        now = datetime.now(UTC).replace(tzinfo=None)
        self._connection.execute(self._finish, {"lock": lock, "now": now, "id": found[0], "fence": found[1]})
        self._connection.commit()
        return found[0]


class Procrastinate(Way):
    """procrastinate's worker with its defaults, one job at a time; told to stop by its own last job."""

    def fill(self, jobs: int) -> str:
        with procrastinate.App(connector=procrastinate.SyncPsycopgConnector(conninfo=self._dsn)).open() as app:
            app.schema_manager.apply_schema()
        return self._insert("procrastinate_jobs", _FILL_PROCRASTINATE, jobs)

    def work(self, seconds: float) -> Shift:
        return asyncio.run(self._work(seconds))

    async def _work(self, seconds: float) -> Shift:
        app = procrastinate.App(connector=procrastinate.PsycopgConnector(conninfo=self._dsn))
        shift: Shift | None = None

        @app.task(name="work")  # type: ignore[untyped-decorator]  # only .venv-bench has it
        async def _(n: int) -> None:  # noqa: ARG001
            nonlocal shift
            if shift is None:
                shift = Shift(seconds)
            elif shift.done():
                worker.cancel()

        async with app.open_async():
            worker = asyncio.create_task(app.run_worker_async(concurrency=1, install_signal_handlers=False))
            await asyncio.wait([worker])
        if shift is None:
            raise NothingLeftError("procrastinate")
        return shift


class PgQueuer(Way):
    """pgqueuer's queue manager with its defaults: it claims and logs ten jobs at a time."""

    def fill(self, jobs: int) -> str:
        asyncio.run(self._install())
        return self._insert("pgqueuer", _FILL_PGQUEUER, jobs)

    async def _install(self) -> None:
        async with await psycopg.AsyncConnection.connect(self._dsn, autocommit=True) as connection:
            await Queries(PsycopgDriver(connection)).install()

    def work(self, seconds: float) -> Shift:
        return asyncio.run(self._work(seconds))

    async def _work(self, seconds: float) -> Shift:
        shift: Shift | None = None
        async with await psycopg.AsyncConnection.connect(self._dsn, autocommit=True) as connection:
            manager = QueueManager(Queries(PsycopgDriver(connection)))

            @manager.entrypoint("work")  # type: ignore[untyped-decorator]
            async def _(job: Job) -> None:  # noqa: ARG001
                nonlocal shift
                if shift is None:
                    shift = Shift(seconds)
                elif shift.done():
                    manager.shutdown.set()

            await manager.run()
        if shift is None:
            raise NothingLeftError("pgqueuer")
        return shift


WAYS: dict[str, type[Way]] = {
    "start_next": StartNext,
    "psycopg by hand": ByHand,
    "procrastinate": Procrastinate,
    "pgqueuer": PgQueuer,
}
