"""How long a write waits for a row that another transaction holds, which may be one that the block itself left open."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy import orm

from .column_types import is_mariadb
from .rows import Database

LONGEST_SECONDS = 5.0
_SHORTEST_SECONDS = 0.1


def bounded_wait(lease_seconds: float) -> float:
    """Seconds after which a write stops to wait, to be repeated while the lease lasts."""
    return min(LONGEST_SECONDS, max(lease_seconds / 4, _SHORTEST_SECONDS))


def wait_at_most(database: Database, seconds: float) -> str | None:
    """Bound the waits of the next statements, for this transaction.

    SQLite has the ``timeout`` of its connection for that, and MySQL the server's ``innodb_lock_wait_timeout``.

    Returns:
        On PostgreSQL what `is_bounded` is to be given for each UPDATE and DELETE: the same request then sets the bound.
    """
    connection = database if isinstance(database, sa.Connection) else database.connection()
    if is_mariadb(connection.dialect):
        _prefix(connection, f"SET STATEMENT innodb_lock_wait_timeout = {max(round(seconds), 1)} FOR ")
    return f"{max(round(seconds * 1000), 1)}ms" if connection.dialect.name == "postgresql" else None


def is_bounded(wait: Any) -> sa.ColumnElement[bool]:
    """The condition that bounds the wait of PostgreSQL's statement by `wait`; with None there is no bound."""
    return sa.true() if wait is None else sa.select(_bound(wait)).scalar_subquery().is_not(None)


def wait_for_insert_at_most(session: orm.Session, seconds: float) -> None:
    """As `wait_at_most`, for an INSERT, which has no condition."""
    wait = wait_at_most(session, seconds)
    if wait is not None:
        session.execute(sa.select(_bound(wait)))


def _bound(wait: Any) -> sa.ColumnElement[Any]:
    return sa.func.set_config("lock_timeout", wait, True)


def _prefix(connection: sa.Connection, prefix: str) -> None:
    def prefixed(
        _connection: Any, _cursor: Any, statement: str, parameters: Any, _context: Any, _many: bool
    ) -> tuple[str, Any]:
        writes = statement.startswith(("UPDATE", "INSERT"))
        return (f"{prefix}{statement}" if writes else statement), parameters

    sa.event.listen(connection, "before_cursor_execute", prefixed, retval=True)
