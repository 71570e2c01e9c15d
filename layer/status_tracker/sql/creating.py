"""Creating many jobs: a few hundred in each statement and transaction, and those that exist are skipped."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Iterator, Sequence
from operator import attrgetter
from typing import Any, Generic, TypeVar

import sqlalchemy as sa
from sqlalchemy import exc, orm
from sqlalchemy.dialects import mysql, postgresql, sqlite

from ..core.history import json_size
from ..core.port import StoreError
from ..core.retries import repeated, sleep_of
from ..core.task import create
from ..creating import Found
from ..creating.outcomes import Answer
from ..creating.single import one_by_one
from . import settings
from .column_types import is_mysql
from .columns import JobColumns
from .database_errors import code_of, table_of
from .errors import MissingColumnsError
from .rows import sessions_are_watched
from .store import SqlStore
from .transactions import refuse_async, storing
from .waiting import bounded_wait, wait_for_insert_at_most

JobT = TypeVar("JobT", bound=JobColumns)

CHUNK = 500
"""So many jobs are stored in one transaction."""

_LARGEST_BYTES = 4 * 1024 * 1024
"""Of data in one statement: MySQL's smallest usual `max_allowed_packet` is four times that."""

_TOO_LARGE = "54"
"""The class of PostgreSQL's errors about a row that is over one of its limits, such as that of an index."""

_LEASE_SECONDS = 300.0
_UPSERTING = frozenset({"postgresql", "sqlite", "mysql", "mariadb"})


class ManyJobs(Generic[JobT]):
    """Stores jobs with different ids, unless they exist.

    A chunk that the database refuses is halved until the job is found that it is refused for. Who created a row is told
    by its `create_token`, so that a chunk that is sent again, whole or in parts, recognizes what it has stored before.

    Raises:
        TypeError: it is not given an engine, or one for asyncio.
    """

    def __init__(self, job_class: type[JobT], engine: sa.Engine) -> None:
        refuse_async(engine)
        if not isinstance(engine, sa.Engine):
            raise TypeError(f"{engine!r} is no engine: give one, since each part is a transaction of its own.")
        self._class = job_class
        self._engine = engine
        self._clock = settings.nameless(job_class).config.clock
        self._one_by_one = one_by_one(self._created)
        mapper = sa.inspect(job_class, raiseerr=True)
        self._columns = _columns_of(mapper, table_of(job_class))
        self._token = mapper.columns["create_token"].key
        own = {name: mapper.columns[name] for name, _ in self._columns}
        self._unset = [name for name, each in own.items() if each.default is None and each.server_default is None]
        self._related = mapper.relationships.keys()
        self._skips = engine.dialect.name in _UPSERTING and _is_stored_by_its_columns_alone(mapper)

    def create(self, jobs: Sequence[JobT]) -> Sequence[Answer[JobT]]:
        """The answer for each of the jobs, in their order."""
        if not self._skips or any(map(self._has_more, jobs)):
            return self._one_by_one(jobs)
        return self._in_chunks(jobs, uuid.uuid4().hex)

    def _has_more(self, job: JobT) -> bool:
        """Whether the columns of the class are not all that there is to store."""
        return type(job) is not self._class or any(name in vars(job) for name in self._related)

    def _in_chunks(self, jobs: Sequence[JobT], token: str) -> Sequence[Answer[JobT]]:
        try:
            new = repeated(lambda: self._stored(jobs, token), sleep_of(self._clock))
        except Exception as error:  # noqa: BLE001  # the backend's own; whose it is, is found out
            if _is_of_all(error, self._engine.dialect):
                return [Answer.failed(error) for _ in jobs]
            if len(jobs) == 1:
                return self._one_by_one(jobs)
            half = len(jobs) // 2
            return [*self._in_chunks(jobs[:half], token), *self._in_chunks(jobs[half:], token)]
        return [
            Answer(Found.CREATED, self._as_stored(job, token)) if job.id in new else Answer(Found.EXISTED)
            for job in jobs
        ]

    def _as_stored(self, job: JobT, token: str) -> JobT:
        """The job, as the ORM would leave it: detached; what a default has filled is not loaded."""
        orm.make_transient(job)
        vars(job).update({name: vars(job).get(name) for name in self._unset}, create_token=token)
        orm.make_transient_to_detached(job)
        return job

    def _created(self, job: JobT) -> tuple[JobT, bool]:
        orm.make_transient(job)  # what an earlier call has created is not to be changed by this one
        return create(SqlStore(self._class, self._engine, job.id), job, self._clock)

    def _stored(self, jobs: Sequence[JobT], token: str) -> set[Any]:
        """The ids of the jobs that were stored, by this request or an earlier one with that token."""
        in_one_order = sorted(jobs, key=attrgetter("id"))  # so that two calls at once wait for each other, and no more
        rows = [{**self._row(job), self._token: token} for job in in_one_order]
        with storing(self._class, self._engine) as session:
            wait_for_insert_at_most(session, bounded_wait(_LEASE_SECONDS))
            statement, answers = _skipping(self._class, self._engine.dialect)
            new: set[Any] = set()
            for alike in _statements(rows):
                stored = session.execute(statement, alike)
                new.update(stored.scalars() if answers else ())
            rest = {job.id for job in jobs} - new
            there = {row[0]: row[1] for row in session.execute(_tokens(self._class, rest))} if rest else {}
            if missing := rest - there.keys():
                raise LookupError(f"{len(missing)} rows were skipped, and are not there")
            session.commit()
        return new | {id_ for id_, found in there.items() if found == token}

    def _row(self, job: JobT) -> dict[str, Any]:
        return {key: vars(job)[name] for name, key in self._columns if name in vars(job)}


def free(job: JobT) -> JobT:
    """The job. Raises `ValueError` if a session has it, which would store it too."""
    if orm.object_session(job) is not None:
        raise ValueError(f"The job {job.id!r} is in a session: let that store it, or expunge it first.")
    return job


def _statements(rows: Sequence[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    """The rows of each statement: they set the same columns, and are not longer than what MySQL takes at once."""
    statement: list[dict[str, Any]] = []
    size = 0
    for row in rows:
        size += json_size(row.get("data"))
        if statement and (size > _LARGEST_BYTES or row.keys() != statement[0].keys()):
            yield statement
            statement, size = [], json_size(row.get("data"))
        statement.append(row)
    yield statement


def _is_of_all(error: Exception, dialect: sa.Dialect) -> bool:
    """Whether it is no single row that the error is about."""
    if isinstance(error.__cause__, StoreError) and error.__cause__.transient:
        return True
    if isinstance(error, exc.ProgrammingError):
        return code_of(error) is not None  # otherwise the driver has refused a value
    if isinstance(error, exc.OperationalError):
        # A trigger that refuses a row raises one on MySQL; elsewhere it is about a table or a right.
        return not is_mysql(dialect) and not str(code_of(error)).startswith(_TOO_LARGE)
    return isinstance(error, MissingColumnsError)


def _skipping(job_class: type[JobColumns], dialect: sa.Dialect) -> tuple[sa.Executable, bool]:
    """The INSERT that leaves rows of the same id alone, and whether it answers with the ids of the new ones.

    Only those: another constraint that fails is an error, which MySQL's INSERT IGNORE would hide.
    """
    table, key = table_of(job_class), _id_of(job_class)
    if is_mysql(dialect):
        kept = mysql.insert(table).on_duplicate_key_update({key.key: key})
        # With RETURNING SQLAlchemy sends many rows in a statement; what MariaDB answers are those of the others too.
        return (kept.returning(key) if dialect.insert_returning else kept), False
    insert = postgresql.insert if dialect.name == "postgresql" else sqlite.insert
    skipping: Any = insert(table).on_conflict_do_nothing(index_elements=[key])
    return (skipping.returning(key) if dialect.insert_returning else skipping), dialect.insert_returning


def _tokens(job_class: type[JobColumns], ids: Iterable[Any]) -> sa.Executable:
    return sa.select(job_class.id, job_class.create_token).where(job_class.id.in_(ids))


def _id_of(job_class: type[JobColumns]) -> sa.Column[Any]:
    column: sa.Column[Any] = sa.inspect(job_class, raiseerr=True).columns["id"]
    return column


def _columns_of(mapper: orm.Mapper[Any], table: sa.Table) -> list[tuple[str, str]]:
    """The names of the attributes, and the keys of their columns."""
    stored = [each for each in mapper.column_attrs if each.columns[0].table is table]
    return [(each.key, each.columns[0].key) for each in stored]


def _is_stored_by_its_columns_alone(mapper: orm.Mapper[Any]) -> bool:
    """Whether a flush would do nothing else: no hooks of the user's, no version to count."""
    hooks = [*mapper.dispatch.before_insert, *mapper.dispatch.after_insert]
    return not hooks and not sessions_are_watched() and mapper.version_id_col is None
