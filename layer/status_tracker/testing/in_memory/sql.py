"""Jobs in memory: every engine of SQLAlchemy leads to one SQLite database of this process."""

from __future__ import annotations

from ..._extras import missing_extra

try:
    import sqlalchemy  # noqa: F401
except ModuleNotFoundError as error:
    raise missing_extra("sql", error) from error

import sqlite3
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest import mock

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.pool import QueuePool
from sqlalchemy.schema import CreateIndex, CreateTable
from sqlalchemy.sql import visitors

from ...sql.store import SqlStore
from ..faults import Faults
from .faulty import faulty

_LONGEST_WAIT = 30.0


class _PoolInMemory(QueuePool):
    """The connections to a database in memory; an engine that is disposed of keeps it."""

    def dispose(self) -> None:
        """Leave the database as it is: it is gone when its last connection is."""

    def recreate(self) -> _PoolInMemory:
        return self


@contextmanager
def sql_in_memory(faults: Faults) -> Iterator[None]:
    """Give all engines the pool and the dialect of the database in memory; make tables on first use."""
    database = f"file:/status-tracker-{uuid.uuid4().hex}?vfs=memdb"

    def connect() -> Any:
        return sqlite3.connect(database, timeout=_LONGEST_WAIT, check_same_thread=False, uri=True)

    pool = _PoolInMemory(connect, pool_size=0, max_overflow=-1)
    engine = sa.create_engine("sqlite://", pool=pool)
    kept = connect()
    event.listen(sa.Engine, "before_execute", _make_tables)
    try:
        with (
            mock.patch.object(sa.Engine, "pool", _always("pool", pool), create=True),
            mock.patch.object(sa.Engine, "dialect", _always("dialect", engine.dialect), create=True),
            faulty(SqlStore, faults),
        ):
            yield
    finally:
        event.remove(sa.Engine, "before_execute", _make_tables)
        QueuePool.dispose(pool)
        kept.close()


def _always(name: str, value: Any) -> property:
    """The attribute of all engines for now; what an engine sets itself is its own again afterwards."""

    def keep(engine: sa.Engine, own: Any) -> None:
        if own is not value:
            vars(engine)[name] = own

    return property(lambda _: value, keep)


def _make_tables(connection: sa.Connection, statement: Any, *_: Any) -> None:
    """Make the tables that the statement names, with the others of their metadata, unless they are there."""
    if isinstance(statement, sa.Select | sa.CompoundSelect | sa.UpdateBase):
        for element in visitors.iterate(statement):
            if isinstance(element, sa.Table) and not sa.inspect(connection).has_table(element.name, element.schema):
                _make_all(connection, element.metadata)


def _make_all(connection: sa.Connection, metadata: sa.MetaData) -> None:
    for table in metadata.sorted_tables:
        connection.execute(CreateTable(table, if_not_exists=True))
        for index in table.indexes:
            connection.execute(CreateIndex(index, if_not_exists=True))
