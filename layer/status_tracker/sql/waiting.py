"""How long a write waits for a row that another transaction holds, which may be one that the block itself left open."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy import orm

from .column_types import is_mariadb

LONGEST_SECONDS = 5.0
_SHORTEST_SECONDS = 0.1


def bounded_wait(lease_seconds: float) -> float:
    """Seconds after which a write stops to wait, to be repeated while the lease lasts."""
    return min(LONGEST_SECONDS, max(lease_seconds / 4, _SHORTEST_SECONDS))


def wait_at_most(session: orm.Session, seconds: float) -> sa.ColumnElement[bool]:
    """Bound the waits of the session's next statements, for this transaction.

    SQLite has the ``timeout`` of its connection for that, and MySQL the server's ``innodb_lock_wait_timeout``.

    Returns:
        A condition for each UPDATE: PostgreSQL sets the bound with it, in the same request.
    """
    connection = session.connection()
    if is_mariadb(connection.dialect):
        _prefix(connection, f"SET STATEMENT innodb_lock_wait_timeout = {max(round(seconds), 1)} FOR ")
    if connection.dialect.name != "postgresql":
        return sa.true()
    return sa.select(_bound(seconds)).scalar_subquery().is_not(None)


def wait_for_insert_at_most(session: orm.Session, seconds: float) -> None:
    """As `wait_at_most`, for an INSERT, which has no condition."""
    wait_at_most(session, seconds)
    if session.connection().dialect.name == "postgresql":
        session.execute(sa.select(_bound(seconds)))


def _bound(seconds: float) -> sa.ColumnElement[Any]:
    return sa.func.set_config("lock_timeout", f"{max(round(seconds * 1000), 1)}ms", True)


def _prefix(connection: sa.Connection, prefix: str) -> None:
    def prefixed(
        _connection: Any, _cursor: Any, statement: str, parameters: Any, _context: Any, _many: bool
    ) -> tuple[str, Any]:
        writes = statement.startswith(("UPDATE", "INSERT"))
        return (f"{prefix}{statement}" if writes else statement), parameters

    sa.event.listen(connection, "before_cursor_execute", prefixed, retval=True)
