"""Jobs in memory: every engine of SQLAlchemy leads to one SQLite database of this process."""

from __future__ import annotations

from ..._extras import missing_extra

try:
    import sqlalchemy  # noqa: F401
except ModuleNotFoundError as error:
    raise missing_extra("sql", error) from error

import sqlite3
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest import mock
from urllib.parse import quote

import sqlalchemy as sa
from sqlalchemy import event, orm
from sqlalchemy.pool import QueuePool
from sqlalchemy.schema import CreateIndex, CreateTable
from sqlalchemy.sql import visitors

from ...sql.store import SqlStore
from ..faults import Faults
from .faulty import faulty

_LONGEST_WAIT = 30.0
_MAIN = "main"
"""As SQLite calls the database of a connection itself."""


class _PoolInMemory(QueuePool):
    """The connections to a database in memory; an engine that is disposed of keeps it."""

    def dispose(self) -> None:
        """Leave the database as it is: it is gone when its last connection is."""

    def recreate(self) -> _PoolInMemory:
        return self


@contextmanager
def sql_in_memory(faults: Faults) -> Iterator[None]:
    """Give all engines the pool and the dialect of the database in memory; make tables on first use."""
    database = _Database()
    pool = _PoolInMemory(database.connect, pool_size=0, max_overflow=-1)
    engine = sa.create_engine("sqlite://", pool=pool)
    event.listen(pool, "checkout", database.attach)
    event.listen(sa.Engine, "before_execute", database.prepare)
    try:
        with (
            mock.patch.object(sa.Engine, "pool", _always("pool", pool), create=True),
            mock.patch.object(sa.Engine, "dialect", _always("dialect", engine.dialect), create=True),
            faulty(SqlStore, faults),
        ):
            yield
    finally:
        event.remove(sa.Engine, "before_execute", database.prepare)
        QueuePool.dispose(pool)
        database.close()


class _Database:
    """A database in memory, and one more for each schema that was named: all connections have it attached."""

    def __init__(self) -> None:
        self._name = f"status-tracker-{uuid.uuid4().hex}"
        self._one_at_a_time = threading.Lock()
        self._kept = {_MAIN: self.connect()}

    def connect(self, schema: str = _MAIN) -> Any:
        return sqlite3.connect(self._uri(schema), timeout=_LONGEST_WAIT, check_same_thread=False, uri=True)

    def attach(self, driver: Any, *_: Any) -> None:
        """Give the connection the schemas that have been named by now."""
        attached = {name for _, name, _ in driver.execute("PRAGMA database_list")}
        for schema in sorted(self._kept.keys() - attached):
            driver.execute("ATTACH ? AS ?", (self._uri(schema), schema))

    def prepare(self, connection: sa.Connection, statement: Any, *_: Any) -> None:
        """Make the tables that the statement names, with those that their keys refer to, unless they are there."""
        if isinstance(statement, orm.FromStatement):
            statement = statement.element
        if isinstance(statement, CreateTable):
            self._name_schema(connection, statement.element.schema)
        elif isinstance(statement, sa.Select | sa.CompoundSelect | sa.UpdateBase):
            for element in visitors.iterate(statement):
                if isinstance(element, sa.Table) and not sa.inspect(connection).has_table(element.name, element.schema):
                    _make(connection, element)

    def close(self) -> None:
        for connection in self._kept.values():
            connection.close()

    def _name_schema(self, connection: sa.Connection, schema: str | None) -> None:
        if schema is None:
            return
        with self._one_at_a_time:
            if schema not in self._kept:
                self._kept = {**self._kept, schema: self.connect(schema)}
        self.attach(connection.connection.driver_connection)

    def _uri(self, schema: str) -> str:
        return f"file:/{self._name}-{quote(schema, safe='')}?vfs=memdb"


def _always(name: str, value: Any) -> property:
    """The attribute of all engines for now; what an engine sets itself is its own again afterwards."""

    def keep(engine: sa.Engine, own: Any) -> None:
        if own is not value:
            vars(engine)[name] = own

    return property(lambda _: value, keep)


def _make(connection: sa.Connection, table: sa.Table) -> None:
    for each in _with_referred(table):
        connection.execute(CreateTable(each, if_not_exists=True))
        for index in each.indexes:
            connection.execute(CreateIndex(index, if_not_exists=True))


def _with_referred(table: sa.Table) -> list[sa.Table]:
    """The table, the tables that its foreign keys refer to, those that theirs do, and so on."""
    found = [table]
    for each in found:
        found += {key.referred_table for key in each.foreign_key_constraints}.difference(found)
    return found
