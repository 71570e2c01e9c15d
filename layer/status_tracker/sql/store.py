"""Carries the writes of the lifecycle out in SQL, each in one statement and one transaction."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Generic, TypeVar

import sqlalchemy as sa
from sqlalchemy import exc, orm

from ..core.errors import TaskTransactionError, TaskUnreadableError
from ..core.port import HeldBy, Startable, StoreError, Unchanged, Write, WriteRejectedError, WriteResult, changed
from ..core.state import TaskState
from .column_types import check_length, is_mysql
from .columns import JobColumns
from .database_errors import table_of
from .expressions import Condition, columns_of, condition, removable, state_of
from .keys import JobId, key_of
from .prepared import answering, by_id, guarded, start_or_refusal
from .transactions import EngineOrSession, loading, reading, refuse_async, refuse_autocommit, storing, undoable
from .waiting import bounded_wait, is_bounded, wait_at_most, wait_for_insert_at_most

JobT = TypeVar("JobT", bound=JobColumns)

logger = logging.getLogger("status_tracker")

_FRESH = {"populate_existing": True, "synchronize_session": False}


class SqlStore(Generic[JobT]):
    """The store of one job: the row with that id.

    Args:
        engine_or_session: with an engine, a write waits for a row that another transaction holds for a few seconds at
            most, and is then repeated; in a session it waits as the session does.
        lease_seconds: the lease that the writes are for; they wait for a part of it.

    Raises:
        TypeError: the engine is for asyncio.
        ValueError: the id is not of its column's type, or longer.

    Attributes:
        values: what the block asks to be stored in other columns, with its success and with its own updates.
        also: the statements that the block asks to be carried out along with its success.
    """

    def __init__(
        self,
        job_class: type[JobT],
        engine_or_session: EngineOrSession,
        id: JobId,  # noqa: A002
        lease_seconds: float = math.inf,
    ) -> None:
        refuse_async(engine_or_session)
        key = key_of(job_class, id)
        check_length(job_class.id.type, key, _dialect_of(job_class, engine_or_session))
        self.values: dict[str, Any] = {}
        self.also: list[sa.Executable] = []
        self._class = job_class
        self._bind = engine_or_session
        self._id = key
        self._wait = bounded_wait(lease_seconds) if isinstance(engine_or_session, sa.Engine) else None

    def read(self) -> JobT | None:
        """The row as it is stored now."""
        with reading(self._class, self._bind) as session:
            return find(session, self._class, self._id)

    def create(self, job: JobT) -> WriteResult[JobT]:
        """Insert the row if there is none of that id."""
        with storing(self._class, self._bind) as session:
            if self._wait is not None:
                wait_for_insert_at_most(session, self._wait)
            answer = self._insert(session, job)
            if answer.applied:
                session.commit()
            return answer

    def write(self, write: Write) -> WriteResult[JobT]:
        """Store the changes if the guard holds, with one UPDATE; a refusal reads the row in the same transaction."""
        values = self.values if _is_update_of_block(write) else {}
        try:
            return self._carry_out(write, values)
        except StoreError as error:
            if values and not error.transient:
                raise self._rejected(error) from error.cause
            raise

    def succeed(self, write: Write) -> WriteResult[JobT]:
        """As `write`, with the block's other columns in the same statement, and its statements in the transaction."""
        try:
            return self._carry_out(write, self.values, self.also)
        except StoreError as error:
            if error.transient:
                raise
            raise self._rejected(error) from error.cause

    def remove(self, guard: Unchanged) -> WriteResult[JobT]:
        """Delete the row if the guard holds; a refusal reads it in the same transaction."""
        with storing(self._class, self._bind) as session:
            waits = is_bounded(self._waits(session))
            with undoable(self._bind, session):
                deleted: sa.CursorResult[Any] = session.execute(  # type: ignore[assignment]
                    sa.delete(self._class).where(
                        self._class.id == self._id, removable(self._class, guard.state), waits
                    ),
                    execution_options={"synchronize_session": False},
                )
            if deleted.rowcount:
                session.commit()
                return WriteResult(applied=True, task=None)
            return WriteResult(applied=False, task=find(session, self._class, self._id))

    def state(self, task: JobT) -> TaskState:
        """What the rules need to know of a row."""
        return state_of(task)

    def _carry_out(
        self, write: Write, values: Mapping[str, Any], statements: Sequence[sa.Executable] = ()
    ) -> WriteResult[JobT]:
        with storing(self._class, self._bind) as session:
            if statements:
                refuse_autocommit(session)
            answer = self.apply(session, write, values)
            if answer.applied:
                for statement in statements:
                    session.execute(statement)
                session.commit()
            return answer

    def apply(self, session: orm.Session, write: Write, values: Mapping[str, Any] | None = None) -> WriteResult[JobT]:
        """Carry the write out in the session's transaction, which is left open."""
        with undoable(self._bind, session):
            answer = self._answer(session, write, values or {})
            if answer.applied and answer.task is not None:
                _require_readable(session, answer.task)
                return answer
        if answer.task is None and isinstance(write.guard, Startable) and write.guard.or_absent:
            return self._insert_started(session, write)
        return answer

    def _answer(self, session: orm.Session, write: Write, values: Mapping[str, Any]) -> WriteResult[JobT]:
        on_postgresql = _dialect_of(self._class, self._bind).name == "postgresql"
        if isinstance(write.guard, Startable) and on_postgresql and answers(session, self._class):
            statement, given = start_or_refusal(self._class, self._id, write, self._waits(session))
            found = session.execute(statement, given, execution_options={"populate_existing": True})
            with loading(self._class, self._id):
                row = found.one_or_none()
            return WriteResult(applied=row is not None and row[1], task=None if row is None else row[0])
        job = self._updated(session, write, values)
        if job is not None:
            return WriteResult(applied=True, task=job)
        return WriteResult(applied=False, task=find(session, self._class, self._id))

    def _updated(self, session: orm.Session, write: Write, values: Mapping[str, Any]) -> JobT | None:
        wait = self._waits(session)
        if isinstance(write.guard, Unchanged):
            where = sa.and_(condition(self._class, write), is_bounded(wait))
            return update(session, self._class, self._id, where, {**values, **columns_of(self._class, write.changes)})
        statement, given = guarded(self._class, self._id, write, values, wait, answered=answers(session, self._class))
        return updated(session, self._class, self._id, statement, given)

    def _waits(self, session: orm.Session) -> str | None:
        return None if self._wait is None else wait_at_most(session, self._wait)

    def _insert_started(self, session: orm.Session, write: Write) -> WriteResult[JobT]:
        return self._insert(
            session, new(self._class, {"id": self._id, **columns_of(self._class, changed(None, write))})
        )

    def _insert(self, session: orm.Session, job: JobT) -> WriteResult[JobT]:
        known = orm.util.identity_key(self._class, self._id) in session.identity_map
        if known and (stored := find(session, self._class, self._id)) is not None:
            return WriteResult(applied=False, task=stored)
        own = isinstance(self._bind, sa.Engine)
        try:
            with undoable(self._bind, session):  # the user's session keeps what else it has done
                session.add(job)
                session.flush()
        except exc.IntegrityError:
            if own:
                session.rollback()
            # As it is now: on MySQL and MariaDB the user's transaction may be older than the row, and not see it.
            latest = is_mysql(session.get_bind(self._class).dialect)
            if (stored := find(session, self._class, self._id, latest=latest)) is None:
                raise
            return WriteResult(applied=False, task=stored)
        return WriteResult(applied=True, task=job)

    def _rejected(self, error: StoreError) -> WriteRejectedError:
        table = table_of(self._class).fullname
        return WriteRejectedError(
            TaskTransactionError(
                f"Job {self._id!r} was not stored, nor what was to be stored with it: {error.cause}",
                use_case_id=table,
                task_id=str(self._id),
            )
        )


def _dialect_of(job_class: type[JobColumns], bind: EngineOrSession) -> sa.Dialect:
    return bind.dialect if isinstance(bind, sa.Engine) else bind.get_bind(job_class).dialect


def column_names(job_class: type[JobColumns]) -> frozenset[str]:
    """The names of all columns, also the user's own."""
    return frozenset(sa.inspect(job_class, raiseerr=True).column_attrs.keys())


def new(job_class: type[JobT], values: Mapping[str, Any]) -> JobT:
    """A job in memory, with these values of its columns."""
    construct: Callable[..., JobT] = job_class  # the keyword arguments are those of the user's declarative base
    return construct(**values)


def find(session: orm.Session, job_class: type[JobT], id: JobId, *, latest: bool = False) -> JobT | None:  # noqa: A002
    """The row with that id, as the transaction sees it; with `latest`, as it is stored now, whatever that has seen.

    Raises:
        TaskUnreadableError: it is not that of a job.
    """
    found = session.scalars(by_id(job_class, latest), {"id__guard": id}, execution_options={"populate_existing": True})
    with loading(job_class, id):
        return found.one_or_none()


def _require_readable(session: orm.Session, job: JobColumns) -> None:
    try:
        state_of(job)
    except TaskUnreadableError:
        session.expire(job)  # it shows what is not going to be stored
        raise


def readable(session: orm.Session, job_class: type[JobT], statement: sa.Select[Any]) -> list[JobT]:
    """The jobs that the statement selects, in place of rows that cannot be read the next ones; a warning names those.

    Raises:
        TaskUnreadableError: a row cannot be read, and which is not to be found out.
    """
    left_out: list[JobId] = []
    while True:
        of_others = statement.where(job_class.id.not_in(left_out)) if left_out else statement
        found = session.scalars(of_others)
        try:
            with loading(job_class, "?"):
                return list(found)
        except TaskUnreadableError:
            ids = session.scalars(of_others.with_only_columns(job_class.id)).all()
            unreadable = [each for each in ids if not _is_readable(session, job_class, each)]
            if not unreadable:
                raise
            left_out += unreadable


def _is_readable(session: orm.Session, job_class: type[JobColumns], id: JobId) -> bool:  # noqa: A002
    try:
        find(session, job_class, id)
    except TaskUnreadableError as error:
        logger.warning("%s It is left out.", error)
        return False
    return True


def update(
    session: orm.Session,
    job_class: type[JobT],
    id: JobId,  # noqa: A002
    where: Condition,
    values: Mapping[str, Any],
) -> JobT | None:
    """The row as the UPDATE has left it; None if there is none of that id for which the condition holds."""
    statement = sa.update(job_class).where(job_class.id == id, where).values(**values)
    return updated(
        session, job_class, id, answering(job_class, statement) if answers(session, job_class) else statement
    )


def updated(
    session: orm.Session,
    job_class: type[JobT],
    id: JobId,  # noqa: A002
    statement: sa.Executable,
    given: Mapping[str, Any] | None = None,
) -> JobT | None:
    """As `update`, by a statement with the values that it is given; it returns the job where the database `answers`."""
    if answers(session, job_class):
        found = session.scalars(statement, given, execution_options=_FRESH)
        with loading(job_class, id):
            return found.one_or_none()
    # Where the database cannot answer with the row, it is read in the same transaction.
    result: sa.CursorResult[Any] = session.execute(statement, given, execution_options=_FRESH)  # type: ignore[assignment]
    return find(session, job_class, id) if result.rowcount else None


def answers(session: orm.Session, job_class: type[JobColumns]) -> bool:
    """Whether the database can answer an UPDATE with the row."""
    return session.get_bind(job_class).dialect.update_returning


def _is_update_of_block(write: Write) -> bool:
    return isinstance(write.guard, HeldBy) and write.guard.growing == "update_count"
