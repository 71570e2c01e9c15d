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
from .rows import Database, dialect_of, execute, job_of
from .transactions import EngineOrSession, loading, reading, refuse_async, refuse_autocommit, sending, storing, undoable
from .waiting import bounded_wait, is_bounded, wait_at_most, wait_for_insert_at_most

JobT = TypeVar("JobT", bound=JobColumns)

logger = logging.getLogger("status_tracker")


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
        check_length(job_class.id, key, _dialect_of(job_class, engine_or_session))
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
        if not statements:
            with sending(self._class, self._bind) as database:
                answer = self.apply(database, write, values)
                if answer.applied:
                    database.commit()
                return answer
        with storing(self._class, self._bind) as session:
            refuse_autocommit(session)
            answer = self.apply(session, write, values)
            if answer.applied:
                for statement in statements:
                    session.execute(statement)
                session.commit()
            return answer

    def apply(self, database: Database, write: Write, values: Mapping[str, Any] | None = None) -> WriteResult[JobT]:
        """Carry the write out in the open transaction, which is left open."""
        with undoable(self._bind, database):
            answer = self._answer(database, write, values or {})
            if answer.applied and answer.task is not None:
                _require_readable(database, answer.task)
                return answer
        if answer.task is None and isinstance(write.guard, Startable) and write.guard.or_absent:
            return self._insert_started(database, write)
        return answer

    def _answer(self, database: Database, write: Write, values: Mapping[str, Any]) -> WriteResult[JobT]:
        dialect = dialect_of(database, self._class)
        if isinstance(write.guard, Startable) and dialect.name == "postgresql" and dialect.update_returning:
            plain, wait = isinstance(database, sa.Connection), self._waits(database)
            found = execute(database, *start_or_refusal(self._class, self._id, write, wait, plain=plain))
            with loading(self._class, self._id):
                row = found.one_or_none()
            if row is None:
                return WriteResult(applied=False, task=None)
            return WriteResult(applied=row[-1], task=job_of(self._class, database, row))
        job = self._updated(database, write, values)
        if job is not None:
            return WriteResult(applied=True, task=job)
        return WriteResult(applied=False, task=find(database, self._class, self._id))

    def _updated(self, database: Database, write: Write, values: Mapping[str, Any]) -> JobT | None:
        wait = self._waits(database)
        if isinstance(write.guard, Unchanged):
            where = sa.and_(condition(self._class, write), is_bounded(wait))
            return update(database, self._class, self._id, where, {**values, **columns_of(self._class, write.changes)})
        answered, plain = answers(database, self._class), isinstance(database, sa.Connection)
        statement, given = guarded(self._class, self._id, write, values, wait, answered=answered, plain=plain)
        return updated(database, self._class, self._id, statement, given)

    def _waits(self, database: Database) -> str | None:
        return None if self._wait is None else wait_at_most(database, self._wait)

    def _insert_started(self, database: Database, write: Write) -> WriteResult[JobT]:
        job = new(self._class, {"id": self._id, **columns_of(self._class, changed(None, write))})
        if isinstance(database, orm.Session):
            return self._insert(database, job)
        with orm.Session(database, expire_on_commit=False) as session:  # in the connection's transaction
            return self._insert(session, job)

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


def find(database: Database, job_class: type[JobT], id: JobId, *, latest: bool = False) -> JobT | None:  # noqa: A002
    """The row with that id, as the transaction sees it; with `latest`, as it is stored now, whatever that has seen.

    Raises:
        TaskUnreadableError: it is not that of a job.
    """
    statement = by_id(job_class, isinstance(database, sa.Connection), latest)
    return _one(database, job_class, id, execute(database, statement, {"id__guard": id}))


def _one(database: Database, job_class: type[JobT], id: JobId, found: sa.Result[Any]) -> JobT | None:  # noqa: A002
    with loading(job_class, id):
        row = found.one_or_none()
    return None if row is None else job_of(job_class, database, row)


def _require_readable(database: Database, job: JobColumns) -> None:
    try:
        state_of(job)
    except TaskUnreadableError:
        if isinstance(database, orm.Session):
            database.expire(job)  # it shows what is not going to be stored
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
    database: Database,
    job_class: type[JobT],
    id: JobId,  # noqa: A002
    where: Condition,
    values: Mapping[str, Any],
) -> JobT | None:
    """The row as the UPDATE has left it; None if there is none of that id for which the condition holds."""
    statement = sa.update(job_class).where(job_class.id == id, where).values(**values)
    if not answers(database, job_class):
        return updated(database, job_class, id, statement)
    plain = isinstance(database, sa.Connection)
    return updated(database, job_class, id, answering(job_class, statement, plain=plain))


def updated(
    database: Database,
    job_class: type[JobT],
    id: JobId,  # noqa: A002
    statement: sa.Executable,
    given: Mapping[str, Any] | None = None,
) -> JobT | None:
    """As `update`, by a statement with the values that it is given; it returns the job where the database `answers`."""
    found = execute(database, statement, given)
    if answers(database, job_class):
        return _one(database, job_class, id, found)
    # Where the database cannot answer with the row, it is read in the same transaction.
    result: sa.CursorResult[Any] = found  # type: ignore[assignment]
    return find(database, job_class, id) if result.rowcount else None


def answers(database: Database, job_class: type[JobColumns]) -> bool:
    """Whether the database can answer an UPDATE with the row."""
    return dialect_of(database, job_class).update_returning


def _is_update_of_block(write: Write) -> bool:
    return isinstance(write.guard, HeldBy) and write.guard.growing == "update_count"
