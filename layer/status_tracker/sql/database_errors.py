"""What a database's error means: whether the same write may succeed later."""

from __future__ import annotations

import sqlite3

import sqlalchemy as sa
from sqlalchemy import exc

from ..core.port import StoreError
from .columns import OWN_COLUMNS, JobColumns
from .errors import MissingColumnsError

_TRANSIENT_SQLITE = frozenset(
    {
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_INTERRUPT,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_LOCKED,
        sqlite3.SQLITE_NOMEM,
        sqlite3.SQLITE_PROTOCOL,
    }
)
_PRIMARY_CODE = 0xFF
# Connection lost, transaction rolled back (deadlock, serialization), no resources, asked to stop or starting, failing
# disk; then: the server has become a standby, a lock was not to be had.
_TRANSIENT_CLASSES = ("08", "40", "53", "57", "58", "25006", "55P03")


def store_error(job: type[JobColumns], engine: sa.Engine, error: exc.SQLAlchemyError) -> StoreError:
    """The port's error for an error of SQLAlchemy."""
    if is_transient(error):
        return StoreError(error, transient=True)
    return StoreError(_missing_columns(job, engine, error) or error, transient=False)


def is_transient(error: exc.SQLAlchemyError) -> bool:
    """Whether the same transaction may succeed later; this one may even have been stored."""
    if not isinstance(error, exc.DBAPIError):
        return isinstance(error, exc.TimeoutError)  # no connection in the pool
    if error.connection_invalidated:
        return True
    cause = error.orig
    if isinstance(cause, sqlite3.Error):
        return getattr(cause, "sqlite_errorcode", 0) & _PRIMARY_CODE in _TRANSIENT_SQLITE
    code = getattr(cause, "sqlstate", None) or getattr(cause, "pgcode", None)
    return code.startswith(_TRANSIENT_CLASSES) if code else isinstance(error, exc.OperationalError)


def _missing_columns(
    job: type[JobColumns], engine: sa.Engine, error: exc.SQLAlchemyError
) -> MissingColumnsError | None:
    if not isinstance(error, exc.ProgrammingError | exc.OperationalError):
        return None
    try:
        missing = missing_columns(job, engine)
    except exc.SQLAlchemyError:  # no such table, no such database: the first error says it
        return None
    if not missing:
        return None
    explained = MissingColumnsError(
        f"The table {table_of(job).fullname!r} lacks the columns {', '.join(missing)}: "
        f"run status_tracker.sql.add_missing_columns(engine, {job.__name__}) once."
    )
    explained.__cause__ = error
    return explained


def missing_columns(job: type[JobColumns], engine: sa.Engine) -> list[str]:
    """The names of our columns that the table lacks, in order."""
    table, columns = table_of(job), sa.inspect(job, raiseerr=True).columns
    there = {column["name"] for column in sa.inspect(engine).get_columns(table.name, schema=table.schema)}
    return [columns[name].name for name in OWN_COLUMNS if columns[name].name not in there]


def table_of(job: type[JobColumns]) -> sa.Table:
    """The table of the jobs."""
    table = sa.inspect(job, raiseerr=True).local_table
    if not isinstance(table, sa.Table):
        raise TypeError(f"{job.__name__} is mapped to {table!r}: derive it from a declarative base, with a table.")
    return table
