"""What a database's error means: whether the same write may succeed later."""

from __future__ import annotations

import sqlite3

import sqlalchemy as sa
from sqlalchemy import exc

from ..core.errors import TaskUnreadableError
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
_TRANSIENT_MYSQL = frozenset(
    {
        *(1020, 1205, 1206, 1213),  # rolled back: the row has changed, lock wait timeout, no room for locks, deadlock
        *(1021, 1037, 1038, 1040, 1041, 1114, 1135, 1203, 1226),  # no disk, memory or connections
        *(1053, 1077, 1079, 1152, 1317, 1927, 1969, 3024, 4031),  # stopped, interrupted, killed, took too long
        *(1290, 1792, 1836),  # read-only
        *(1158, 1159, 1160, 1161, 2002, 2003, 2006, 2013, 2027, 2055),  # the connection
    }
)
_ROW_IS_LOCKED = frozenset({"55P03", 1205})


def store_error(job: type[JobColumns], engine: sa.Engine, error: exc.SQLAlchemyError) -> StoreError:
    """The port's error for an error of SQLAlchemy. Where there is no table, that error says how it is made."""
    if not is_transient(error):
        return StoreError(_missing_columns(job, engine, error) or error, transient=False)
    found = StoreError(error, transient=True)
    if _is_of_a_lock(error):
        found.args = (
            "another transaction holds the row: end it before the block ends, for it may be the block's own that was "
            f"left open; {error}",
        )
    return found


def is_transient(error: exc.SQLAlchemyError) -> bool:
    """Whether the same transaction may succeed later; this one may even have been stored."""
    if not isinstance(error, exc.DBAPIError):
        return isinstance(error, exc.TimeoutError)  # no connection in the pool
    if error.connection_invalidated:
        return True
    code = code_of(error)
    if isinstance(error.orig, sqlite3.Error):
        return _sqlite_code(error.orig) in _TRANSIENT_SQLITE
    if isinstance(code, int):
        return code in _TRANSIENT_MYSQL
    return code.startswith(_TRANSIENT_CLASSES) if code else isinstance(error, exc.OperationalError)


def _is_of_a_lock(error: exc.SQLAlchemyError) -> bool:
    cause = getattr(error, "orig", None)
    if isinstance(cause, sqlite3.Error):
        return _sqlite_code(cause) in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}
    return code_of(error) in _ROW_IS_LOCKED


def _sqlite_code(error: sqlite3.Error) -> int:
    return getattr(error, "sqlite_errorcode", 0) & _PRIMARY_CODE


def code_of(error: exc.SQLAlchemyError) -> str | int | None:
    """The database's own code: a number of MySQL and MariaDB, an SQLSTATE elsewhere; None where there is none."""
    cause = getattr(error, "orig", None)
    number = getattr(cause, "errno", None) or next(iter(getattr(cause, "args", ())), None)
    if isinstance(number, int):
        return number
    return getattr(cause, "sqlstate", None) or getattr(cause, "pgcode", None)


def unreadable(job: type[JobColumns], id: object, why: object) -> TaskUnreadableError:  # noqa: A002
    """The error for a row that cannot be read as a job, perhaps edited by hand."""
    table = table_of(job).fullname
    return TaskUnreadableError(
        f"The row {id!r} of the table {table!r} cannot be read: {why}. It was left as it is; mend it by hand.",
        use_case_id=table,
        task_id=str(id),
    )


def _missing_columns(
    job: type[JobColumns], engine: sa.Engine, error: exc.SQLAlchemyError
) -> MissingColumnsError | None:
    if not isinstance(error, exc.ProgrammingError | exc.OperationalError):
        return None
    try:
        missing = missing_columns(job, engine)
    except exc.NoSuchTableError:
        table = table_of(job).fullname
        error.add_detail(
            f"There is no table {table!r} in this database: make it with {job.__name__}.metadata.create_all(engine), "
            "or by your migration."
        )
        return None
    except exc.SQLAlchemyError:  # no such database: the first error says it
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
