"""What PostgreSQL and SQLite have in common: the tables, the tracked job, and what its workers write downstream."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any, cast

import sqlalchemy as sa
from sqlalchemy import exc, orm

import status_tracker as st
from status_tracker.core.port import PauseBoard
from status_tracker.sql import JobMixin, SqlPauseBoard, Updates

from .. import plan
from ..faults import Faults
from ..journal import SkewedClock
from .base import Block


class Base(orm.DeclarativeBase):
    pass


class Step(Base, JobMixin):
    """The tracked job; its config is given by `SqlBackend`."""

    __tablename__ = "tasks"


class Effect(Base):
    """What the attempts at one task wrote downstream, by which of them, the newest fence only."""

    __tablename__ = "effects"

    key: orm.Mapped[str] = orm.mapped_column(primary_key=True)
    newest: orm.Mapped[int]
    by: orm.Mapped[str]
    applied: orm.Mapped[str]


class Receipt(Base):
    """What a success stored in one transaction with itself. Nothing here keeps a second one out: the checker looks."""

    __tablename__ = "receipts"

    id: orm.Mapped[int] = orm.mapped_column(primary_key=True)
    key: orm.Mapped[str]
    task: orm.Mapped[str]


class Lease(Base):
    """Every end of a lease that was ever stored, written by a trigger: it knows nothing of the library."""

    __tablename__ = "leases"

    id: orm.Mapped[int] = orm.mapped_column(primary_key=True)
    task: orm.Mapped[str]
    fence: orm.Mapped[int]
    locked: orm.Mapped[float]
    end: orm.Mapped[float]


_UPSERT = sa.text("""
    INSERT INTO effects (key, newest, by, applied) VALUES (:key, :newest, :by, :applied)
    ON CONFLICT (key) DO UPDATE SET
        newest = excluded.newest, by = excluded.by, applied = effects.applied || ',' || excluded.applied
    WHERE effects.newest <= excluded.newest
""")


class _Block:
    def __init__(self, job: Step, updates: Updates) -> None:
        assert job.lock is not None
        assert job.lock_expire_at is not None
        self._updates = updates
        self.task = job.id
        self.fence = updates.fence
        self.lock = job.lock
        self.end: datetime = job.lock_expire_at
        self.status = job.status
        self.retry = job.retry
        self.data: Mapping[str, Any] = job.data or {}

    def extend(self) -> None:
        self._updates.extend_lock()

    def update(self, data: dict[str, Any]) -> None:
        self._updates.set("data", data)
        self._updates.update()

    def finish(self, data: dict[str, Any], receipt: str | None) -> None:
        self._updates.set("data", data)
        if receipt is not None:
            self._updates.also(sa.insert(Receipt).values(key=receipt, task=self.task))


class SqlBackend:
    """`JobMixin`; a subclass runs the database, and sets the engine, which connects in forked processes only."""

    unreachable = (exc.DBAPIError,)
    claims = True
    receipts = True
    deeds = frozenset({"cancel", "restart"})
    engine: sa.Engine

    def __init__(self, options: plan.Options, directory: Path, clock: SkewedClock) -> None:
        self.options = options
        self.directory = directory
        Step.config = st.TrackerConfig.make(
            use_case_id=plan.USE_CASE_ID,
            pending_status=plan.PENDING,
            in_progress_status=plan.IN_PROGRESS,
            failed_status=plan.FAILED,
            succeeded_status=plan.SUCCEEDED,
            ignored_status=plan.IGNORED,
            max_retry=options.max_retry,
            lock_expire_seconds=options.lease,
            clock=clock,
        )

    def enter_process(self, faults: Faults) -> None:
        """Log what the database refuses for contention."""

        def on_error(context: sa.engine.ExceptionContext) -> None:
            if "database is locked" in str(context.original_exception):
                faults.log("locked")

        sa.event.listen(self.engine, "handle_error", on_error)

    def create(self, task: str, maker: str, mode: str) -> bool:
        if mode == "get_or_create":
            return Step.get_or_create(self.engine, task, plan.PENDING, {"maker": maker})[1]
        Step.create_and_save(self.engine, task, plan.PENDING, {"maker": maker})
        return True

    @contextmanager
    def start(
        self, task: str, *, create: bool, data: dict[str, Any] | None, heartbeat: float | None
    ) -> Iterator[Block]:
        with Step.start(self.engine, task, create=create, data=data, heartbeat=heartbeat) as (job, updates):
            yield _Block(job, updates)

    @contextmanager
    def claim(self) -> Iterator[Block | None]:
        with Step.start_next(self.engine) as (job, updates):
            yield None if job is None else _Block(job, updates)

    @contextmanager
    def renewals_seen(self, note: partial[None], lock: str) -> Iterator[None]:  # noqa: ARG002  # see `Lease`
        yield

    def act(self, deed: str, task: str, name: str) -> None:
        if deed == "cancel":
            Step.cancel(self.engine, task, reason=name, by="operator", request_id=name)
            return
        with orm.Session(self.engine) as session:
            found = session.get(Step, task)
        if found is None:
            raise st.TaskIsNotInitializedError(task)
        Step.restart(self.engine, task, run=found.run_number or 0, reason=name, by="operator")

    def pause_board(self) -> PauseBoard:
        return SqlPauseBoard(self.engine, plan.USE_CASE_ID)

    def affect(self, task: str, start: str, fence: int) -> bool:
        new = {"key": task, "newest": fence, "by": start, "applied": str(fence)}
        with self.engine.begin() as connection:
            return connection.execute(_UPSERT, new).rowcount == 1


def dump_tables(engine: sa.Engine, directory: Path) -> None:
    """Write each table as it stands into ``{table}.table.jsonl``, a row a line, with the names of `records`."""
    with engine.connect() as connection:
        for model, plain in ((Step, _plain_task), (Effect, _plain_effect), (Receipt, dict), (Lease, dict)):
            table = cast("sa.Table", cast("type[Base]", model).__table__)
            with (directory / f"{table.name}.table.jsonl").open("w") as file:
                for row in connection.execute(sa.select(table)):
                    file.write(json.dumps(plain(row._asdict())) + "\n")


def _plain_task(row: Mapping[str, Any]) -> dict[str, Any]:
    lease = {} if row["lock_expire_at"] is None else {"lock_expire_time": str(row["lock_expire_at"])}
    return {
        "key": row["id"],
        "status": row["status"],
        "lock": row["lock"] or "__not_locked__",
        "fence": row["fence"] or 0,
        "retry": row["retry"],
        "run": row["run_number"] or 0,
        "data": json.dumps(row["data"]),
        "errors": json.dumps(row["errors"]),
        **lease,
    }


def _plain_effect(row: Mapping[str, Any]) -> dict[str, Any]:
    return {**row, "applied": [int(fence) for fence in row["applied"].split(",")]}
