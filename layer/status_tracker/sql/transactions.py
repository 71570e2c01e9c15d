"""One short transaction, over an engine or in a session of the user's."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import TypeAlias

import sqlalchemy as sa
from sqlalchemy import exc, orm

from ..core.errors import TaskUnreadableError
from ..core.history import told
from ..core.port import StoreError
from .columns import JobColumns
from .database_errors import store_error, unreadable
from .rows import Database, is_plain

EngineOrSession: TypeAlias = "sa.Engine | orm.Session | orm.scoped_session[orm.Session]"


@contextmanager
def session_of(engine_or_session: EngineOrSession) -> Iterator[orm.Session]:
    """The user's session as it is; of an engine a new one, which is closed, and what it has read stays readable."""
    refuse_async(engine_or_session)
    if isinstance(engine_or_session, sa.Engine):
        with orm.Session(engine_or_session, expire_on_commit=False) as session:
            try:
                yield session
            except exc.SQLAlchemyError:
                _roll_back(session)
                raise
    elif isinstance(engine_or_session, orm.scoped_session):
        yield engine_or_session()
    else:
        yield engine_or_session


@contextmanager
def undoable(engine_or_session: EngineOrSession, session: Database) -> Iterator[None]:
    """Take back what the block has done in the user's session if it raises; that of an engine is rolled back anyway."""
    if isinstance(engine_or_session, sa.Engine):
        yield
        return
    savepoint = session.begin_nested()
    try:
        yield
    except BaseException:
        with suppress(exc.SQLAlchemyError):  # after a deadlock MySQL has no savepoint any more
            savepoint.rollback()
        raise
    savepoint.commit()


def refuse_async(engine_or_session: object) -> None:
    """Raise `TypeError` for engines with drivers for asyncio, such as asyncpg: requests are made in threads."""
    dialect = getattr(getattr(engine_or_session, "bind", engine_or_session), "dialect", None)
    if getattr(dialect, "is_async", False) or type(engine_or_session).__module__.startswith("sqlalchemy.ext.asyncio"):
        raise TypeError(
            f"{engine_or_session!r} is for asyncio's drivers, and requests are made in threads: give create_engine(…) "
            "with a driver such as psycopg for the same database. On an event loop, astart(…) and the like take it too."
        )


def _roll_back(session: Database) -> None:
    # Closing is not enough: after a COMMIT that failed (a busy SQLite leaves the transaction open) the pool would get
    # the connection back in the middle of it.
    with suppress(exc.SQLAlchemyError):
        session.rollback()


def refuse_autocommit(session: orm.Session) -> None:
    """Raise `InvalidRequestError` where each statement is committed by itself: nothing could be stored together."""
    connection = session.connection()
    detect = getattr(connection.dialect, "detect_autocommit_setting", None)  # SQLAlchemy before 2.0.43 cannot tell
    if detect is not None and detect(connection.connection.dbapi_connection):
        raise exc.InvalidRequestError(
            "the engine commits each statement by itself (AUTOCOMMIT): updates.also() needs one with transactions"
        )


@contextmanager
def loading(job: type[JobColumns], id: object | Callable[[], object]) -> Iterator[None]:  # noqa: A002
    """Tell by name of the row that cannot be loaded, whatever its column's type raises for it.

    The statement is carried out before: what the application's own hooks raise meanwhile says nothing of a row.

    Args:
        id: of the row, or what finds it.

    Raises:
        TaskUnreadableError: the row is not that of a job.
    """
    try:
        yield
    except TaskUnreadableError:
        raise
    except exc.SQLAlchemyError as error:
        if not isinstance(error, exc.DataError) or error.statement is not None:  # the database, not the driver
            raise
        broken: Exception = error
    except Exception as error:  # noqa: BLE001  # whatever the type of a column raises
        broken = error
    else:
        return
    raise unreadable(job, id() if callable(id) else id, told(broken)) from broken


@contextmanager
def _connection_of(engine: sa.Engine) -> Iterator[sa.Connection]:
    refuse_async(engine)
    with engine.connect() as connection:
        try:
            yield connection
        except exc.SQLAlchemyError:
            _roll_back(connection)
            raise


@contextmanager
def storing(job: type[JobColumns], engine_or_session: EngineOrSession) -> Iterator[orm.Session]:
    """As `session_of`, with errors as the port tells them. The block commits.

    Raises:
        StoreError: as of `sending`.
    """
    with _told(job, engine_or_session), session_of(engine_or_session) as session:
        yield session


@contextmanager
def sending(job: type[JobColumns], engine_or_session: EngineOrSession) -> Iterator[Database]:
    """As `storing`; of an engine only a connection, where the class `is_plain`.

    Raises:
        StoreError: the database refused, or did not answer; or the row cannot be read, or a hook on the engine raised.
    """
    with _told(job, engine_or_session):
        if isinstance(engine_or_session, sa.Engine) and is_plain(job):
            with _connection_of(engine_or_session) as connection:
                yield connection
        else:
            with session_of(engine_or_session) as session:
                yield session


@contextmanager
def _told(job: type[JobColumns], engine_or_session: EngineOrSession) -> Iterator[None]:
    try:
        yield
    except exc.SQLAlchemyError as error:  # of closing too: a refused write ends with a ROLLBACK
        raise store_error(job, _engine_of(job, engine_or_session), error) from error
    except StoreError:
        raise
    except Exception as error:
        raise StoreError(error, transient=False) from error


@contextmanager
def reading(job: type[JobColumns], engine_or_session: EngineOrSession) -> Iterator[orm.Session]:
    """As `session_of`, with SQLAlchemy's own errors, and `MissingColumnsError`."""
    try:
        with session_of(engine_or_session) as session:
            yield session
    except exc.SQLAlchemyError as error:
        cause = store_error(job, _engine_of(job, engine_or_session), error).cause
        if cause is error:
            raise
        raise cause from error


def _engine_of(job: type[JobColumns], engine_or_session: EngineOrSession) -> sa.Engine:
    return engine_or_session if isinstance(engine_or_session, sa.Engine) else engine_or_session.get_bind(job).engine
