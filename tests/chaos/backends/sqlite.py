"""SQLite, whose writers wait for each other: a commit that is held up holds up all, and who waits long gives up."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from ..faults import Faults
from ..journal import SkewedClock
from ..plan import Options
from .sql import Base, SqlBackend, dump_tables

_BUSY_SECONDS = 0.15
_SECONDS = "strftime('%s', {0}) + substr({0}, 20)"  # the second half is the fraction
_STORE_LEASE = (
    'INSERT INTO leases (task, fence, locked, "end") VALUES (NEW.id, NEW.fence, '  # noqa: S608  # all constants
    f"{_SECONDS.format('NEW.lock_at')}, {_SECONDS.format('NEW.lock_expire_at')})"
)
_TELL_PROCESS = "SELECT acquired(NEW.id, NEW.fence, NEW.lock)"


def _triggers(kind: str, action: str) -> str:
    """On every write that leaves a lease; `kind` is TEMP for those of one connection."""
    table = "main.tasks" if kind else "tasks"
    return "".join(
        f"CREATE {kind} TRIGGER tell_{kind}_{event[:6]} AFTER {event} ON {table} "
        f"WHEN NEW.lock IS NOT NULL AND NEW.fence IS NOT NULL BEGIN {action}; END;"
        for event in ("INSERT", "UPDATE OF lock, lock_expire_at")
    )


def make(options: Options, directory: Path, clock: SkewedClock) -> SqliteBackend:
    return SqliteBackend(options, directory, clock)


class _Connection(sqlite3.Connection):
    """Meets a fault at each of its commits."""

    faults: Faults

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._held: dict[str, Any] = {}

    def watch(self) -> None:
        """Know what a transaction has acquired. The disk is not waited for: only a power failure would tell."""
        self.execute("PRAGMA synchronous = OFF")
        self.create_function("acquired", 3, self._on_acquired)
        self.executescript(_triggers("TEMP", _TELL_PROCESS))

    def _on_acquired(self, task: str, fence: int, lock: str) -> None:
        self._held = {"task": task, "fence": fence, "lock": lock}

    def commit(self) -> None:
        if not self.in_transaction:
            return
        held, self._held = self._held, {}
        fault = self.faults.draw()
        fault.before(_io_error())
        super().commit()
        fault.after(_io_error(), held)

    def rollback(self) -> None:
        self._held = {}
        super().rollback()


def _io_error() -> sqlite3.OperationalError:
    error = sqlite3.OperationalError("disk I/O error")
    error.sqlite_errorcode = sqlite3.SQLITE_IOERR
    error.sqlite_errorname = "SQLITE_IOERR"
    return error


class SqliteBackend(SqlBackend):
    """A file in WAL mode."""

    @contextmanager
    def serving(self) -> Iterator[None]:
        url = f"sqlite:///{self.directory / 'tasks.sqlite'}"
        own = sa.create_engine(url, poolclass=sa.NullPool)
        with own.connect() as connection:
            connection.exec_driver_sql("PRAGMA journal_mode = WAL")
        Base.metadata.create_all(own)
        with own.begin() as connection:
            driver: Any = connection.connection.driver_connection
            driver.executescript(_triggers("", _STORE_LEASE))
        self.engine = sa.create_engine(url, connect_args={"timeout": _BUSY_SECONDS, "factory": _Connection})
        sa.event.listen(self.engine, "connect", lambda connection, _: connection.watch())
        yield
        dump_tables(own, self.directory)

    def enter_process(self, faults: Faults) -> None:
        super().enter_process(faults)
        _Connection.faults = faults
