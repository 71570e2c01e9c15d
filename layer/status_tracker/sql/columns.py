"""The columns of a job, and their index."""

from __future__ import annotations

from collections.abc import Callable, Container, Mapping
from datetime import UTC, datetime
from typing import Any, ClassVar, cast

import sqlalchemy as sa
from sqlalchemy import orm

from ..core.config import TrackerConfig, get_utc_now
from ..core.steps import DeclaredSteps
from .column_types import ID_LENGTH, TOKEN_LENGTH, Errors, ExactText
from .times import UTCDateTime

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
"""`lock_at` of a job that has never been locked."""


class JobColumns:
    """The columns of a job.

    Those of sqlalchemy_mate come first; the others are nullable, so that `add_missing_columns` can add them.

    Attributes:
        config: the settings of the step, for calls that do not name them; its `use_case_id` is only a name here.
        clock: returns the present time, timezone-aware, if the class has no config.
        id: unique in the table; on MySQL and MariaDB at most 750 characters long.
        status: the status code.
        create_at, update_at: when it was created; when its status changed last.
        lock: the token of the worker that holds it; None when nobody does.
        lock_at: when it was locked last.
        retry: how many attempts in a row have failed.
        data: the user's own; None or anything JSON can hold, usually a dictionary.
        errors: the `history` of failed attempts, `error` and `traceback` of the last one, and deliberate `actions`;
            empty if there was none of them.
        lock_expire_at: when the lease ends.
        fence: how often it was started.
        run_number: how often it was run again deliberately.
        not_before: the first moment at which it may be started again.
        finished_locks, vanished_locks, update_count, create_token: they identify repeated requests.
    """

    config: ClassVar[TrackerConfig]
    clock: ClassVar[Callable[[], datetime]] = staticmethod(get_utc_now)

    id: orm.Mapped[str] = orm.mapped_column(ExactText(ID_LENGTH), primary_key=True)
    status: orm.Mapped[int] = orm.mapped_column(sa.Integer)
    create_at: orm.Mapped[datetime] = orm.mapped_column(UTCDateTime)
    update_at: orm.Mapped[datetime] = orm.mapped_column(UTCDateTime)
    lock: orm.Mapped[str | None] = orm.mapped_column(ExactText(TOKEN_LENGTH))
    lock_at: orm.Mapped[datetime] = orm.mapped_column(UTCDateTime)
    retry: orm.Mapped[int] = orm.mapped_column(sa.Integer)
    data: orm.Mapped[dict[str, Any]] = orm.mapped_column(sa.JSON(none_as_null=True), nullable=True)
    errors: orm.Mapped[dict[str, Any]] = orm.mapped_column(Errors, nullable=True)
    lock_expire_at: orm.Mapped[datetime | None] = orm.mapped_column(UTCDateTime)
    fence: orm.Mapped[int | None] = orm.mapped_column(sa.Integer)
    run_number: orm.Mapped[int | None] = orm.mapped_column(sa.Integer)
    not_before: orm.Mapped[datetime | None] = orm.mapped_column(UTCDateTime)
    finished_locks: orm.Mapped[str | None] = orm.mapped_column(sa.Text)
    vanished_locks: orm.Mapped[str | None] = orm.mapped_column(sa.Text)
    update_count: orm.Mapped[int | None] = orm.mapped_column(sa.Integer)
    create_token: orm.Mapped[str | None] = orm.mapped_column(ExactText(TOKEN_LENGTH))


OWN_COLUMNS = tuple(name for name, value in vars(JobColumns).items() if isinstance(value, orm.MappedColumn))
"""The names of all columns of `JobColumns`, in their order."""

MANAGED_COLUMNS = frozenset(OWN_COLUMNS) - {"data", "errors"}
"""The columns that a worker cannot set: the library keeps them."""

_INDEXED = ("status", "update_at", "id")


def job_index(job_class: type[JobColumns]) -> sa.Index | None:
    """The index that lists the jobs of a status, the oldest first."""
    mapper = sa.inspect(job_class, raiseerr=True)
    wanted = [mapper.columns[name] for name in _INDEXED]
    return next((index for index in mapper.local_table.indexes if list(index.columns) == wanted), None)


@sa.event.listens_for(JobColumns, "after_mapper_constructed", propagate=True)
def _complete_table(mapper: orm.Mapper[Any], job_class: type[Any]) -> None:
    if mapper.inherits is not None and mapper.local_table is not mapper.inherits.local_table and not mapper.concrete:
        raise TypeError(
            f"{job_class.__name__} has a table of its own beside {mapper.inherits.class_.__name__}'s, and a job is one "
            "row: leave out its __tablename__ (single-table inheritance), or refer to the job by a foreign key."
        )
    hidden = [name for name in OWN_COLUMNS if name not in mapper.columns]
    if hidden:
        raise TypeError(
            f"{job_class.__name__} has a {hidden[0]} of its own, which hides a column of JobMixin: rename it."
        )
    if mapper.inherits is None and job_index(job_class) is None:
        # Not by __table_args__, which is the user's.
        # Nor by SQLAlchemy's own name for it, which is that of an index on status alone; 63 characters fit everywhere.
        table = cast("sa.Table", mapper.local_table).name
        name = f"ix_{table[:45]}_status_update"
        sa.Index(name, *(mapper.columns[name] for name in _INDEXED))
    if hasattr(job_class, "config"):
        _steps.add(job_class)


def _table_of(job_class: type[Any]) -> sa.Table:
    return cast("sa.Table", sa.inspect(job_class, raiseerr=True).local_table)


_steps: DeclaredSteps[JobColumns] = DeclaredSteps(
    lambda one, other: _table_of(one) is _table_of(other), lambda step: f"table {_table_of(step).fullname!r}"
)


def column_values(job: JobColumns) -> Mapping[str, Any]:
    """All loaded columns of a job, including the user's own."""
    about = sa.inspect(job, raiseerr=True)
    unloaded = about.unloaded if about.detached else frozenset()
    return {name: getattr(job, name) for name in about.mapper.column_attrs.keys() if name not in unloaded}  # noqa: SIM118


def changed_values(job: JobColumns) -> Mapping[str, Any]:
    """The columns of a job that were set since it was read, with their new values."""
    about = sa.inspect(job, raiseerr=True)
    untouched = about.unmodified
    touched = [name for name in about.mapper.column_attrs.keys() if name not in untouched]  # noqa: SIM118
    changed = [name for name in touched if about.attrs[name].history.has_changes()]
    return {name: getattr(job, name) for name in changed}


def mirror(job: JobColumns, stored: JobColumns, names: Container[str] | None = None) -> None:
    """Copy the stored values into `job`, for the named columns or all."""
    if job is not stored:
        for name, value in column_values(stored).items():
            if names is None or name in names:
                orm.attributes.set_committed_value(job, name, value)
