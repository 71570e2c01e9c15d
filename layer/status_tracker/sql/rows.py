"""Jobs out of the rows of an answer: loaded by the ORM, or made of the row itself where that comes to the same.

The ORM's session takes two thirds of the CPU of a start. A class whose mapping asks for nothing but columns does
without: its statements go over a plain connection, and its jobs are made of their rows, detached.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeAlias, TypeVar

import sqlalchemy as sa
from sqlalchemy import orm

from .columns import JobColumns
from .kept import kept

JobT = TypeVar("JobT", bound=JobColumns)

Database: TypeAlias = "orm.Session | sa.Connection"
"""What statements are sent over; a plain connection only for a class that `is_plain`."""

_OF_SESSIONS = (
    *("after_transaction_create", "after_begin", "before_commit", "after_commit", "after_transaction_end"),
    *("do_orm_execute", "after_bulk_update", "loaded_as_persistent", "persistent_to_detached"),
    *("before_attach", "after_attach", "transient_to_pending", "before_flush", "after_flush", "after_flush_postexec"),
    *("pending_to_persistent", "after_rollback", "after_soft_rollback"),
)
_LISTENERS = tuple(getattr(orm.Session().dispatch, name) for name in _OF_SESSIONS)
"""What the application has to listen to every session, now and later: each is true if there is something."""
_LAZY = frozenset({"select", "raise", "raise_on_sql", "dynamic", "write_only"})
_FRESH = {"populate_existing": True, "synchronize_session": False}


def is_plain(job: type[JobColumns]) -> bool:
    """Whether loading a job of that class is no more than reading its columns: nothing is loaded along or listens."""
    mapper = sa.inspect(job, raiseerr=True)
    mapper.registry.configure()  # a class that was mapped since may have a relationship to this one
    is_simple = _has_only_columns(job, len(mapper.attrs), len(mapper.local_table.columns))
    return is_simple and not mapper.class_manager.dispatch.load and not sessions_are_watched()


def sessions_are_watched() -> bool:
    """Whether the application listens to all sessions, for example to set a tenant when a transaction begins."""
    return any(_LISTENERS)


def dialect_of(database: Database, job: type[JobColumns]) -> sa.Dialect:
    """The dialect of the database in which the jobs are."""
    return database.dialect if isinstance(database, sa.Connection) else database.get_bind(job).dialect


def execute(database: Database, statement: sa.Executable, given: Mapping[str, Any] | None = None) -> sa.Result[Any]:
    """Carry a statement out; what the session has loaded before is loaded anew."""
    if isinstance(database, sa.Connection):
        return database.execute(statement, given)
    return database.execute(statement, given, execution_options=_FRESH)


def job_of(job: type[JobT], database: Database, row: Sequence[Any]) -> JobT:
    """The job of a row of its columns, or of one that the ORM has loaded."""
    if isinstance(database, orm.Session):
        loaded: JobT = row[0]
        return loaded
    return _form(job).job(row)


@dataclass(frozen=True, slots=True)
class _Form(Generic[JobT]):
    """How the jobs of one class are made of rows of all columns of their table."""

    mapper: orm.Mapper[JobT]
    names: tuple[str, ...]

    def job(self, row: Sequence[Any]) -> JobT:
        job: JobT = self.mapper.class_manager.new_instance()
        vars(job).update(zip(self.names, row, strict=False))  # what else was selected comes after them
        orm.make_transient_to_detached(job)
        return job


@kept
def _form(job: type[JobT]) -> _Form[JobT]:
    mapper = sa.inspect(job, raiseerr=True)
    return _Form(mapper, tuple(mapper.get_property_by_column(each).key for each in mapper.local_table.columns))


@kept
def _has_only_columns(job: type[JobColumns], _attributes: int, _columns: int) -> bool:
    """It is found out anew when there are more attributes or columns than before."""
    mapper = sa.inspect(job, raiseerr=True)
    table = set(mapper.local_table.columns)
    return (
        mapper.polymorphic_on is None
        and {column for each in mapper.column_attrs for column in each.columns} == table
        and len(mapper.column_attrs) == len(table)
        and not any(each.deferred for each in mapper.column_attrs)
        and all(each.lazy in _LAZY for each in mapper.relationships)
    )
