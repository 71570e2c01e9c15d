"""One short transaction, over an engine or in a session of the user's."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TypeAlias

import sqlalchemy as sa
from sqlalchemy import exc, orm

from .columns import JobColumns
from .database_errors import store_error

EngineOrSession: TypeAlias = "sa.Engine | orm.Session | orm.scoped_session[orm.Session]"


@contextmanager
def session_of(engine_or_session: EngineOrSession) -> Iterator[orm.Session]:
    """The user's session as it is; of an engine a new one, which is closed, and what it has read stays readable."""
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


def _roll_back(session: orm.Session) -> None:
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
def storing(job: type[JobColumns], engine_or_session: EngineOrSession) -> Iterator[orm.Session]:
    """As `session_of`, with errors as the port tells them. The block commits.

    Raises:
        StoreError: the database refused, or did not answer.
    """
    try:
        with session_of(engine_or_session) as session:
            yield session
    except exc.SQLAlchemyError as error:  # of closing too: a refused write ends with a ROLLBACK
        raise store_error(job, _engine_of(job, engine_or_session), error) from error


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
