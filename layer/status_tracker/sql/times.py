"""`UTCDateTime`: moments in the columns of any database."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import mysql
from sqlalchemy.engine import Dialect
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement

from .column_types import is_mysql


class _PostgresMoment(sa.types.UserDefinedType[Any]):
    """What PostgreSQL is sent without a type of its own, so that each column takes it as its own type says."""

    cache_ok = True

    def get_col_spec(self, **_options: Any) -> str:
        return "TIMESTAMP WITHOUT TIME ZONE"


class UTCDateTime(sa.TypeDecorator[datetime]):
    """A moment: in Python always timezone-aware and in UTC. Naive values are refused with a `ValueError`.

    Columns hold naive UTC, as sqlalchemy_mate's do, so that its workers understand them whatever the time zone of the
    session; to the microsecond also on MySQL and MariaDB. On PostgreSQL a column ``TIMESTAMP WITH TIME ZONE`` is read
    and written rightly too.
    """

    impl = sa.DateTime
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> sa.types.TypeEngine[Any]:
        if is_mysql(dialect):
            return mysql.DATETIME(fsp=6)
        return _PostgresMoment() if dialect.name == "postgresql" else sa.DateTime()

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> Any:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"{value!r} has no time zone: use datetime.now(timezone.utc), or replace(tzinfo=…).")
        moment = value.astimezone(UTC)
        # PostgreSQL heeds the offset in a timestamptz column, and leaves it out in a timestamp column.
        return moment.isoformat(" ") if dialect.name == "postgresql" else moment.replace(tzinfo=None)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class SameMoment(FunctionElement[bool]):
    """Whether a column holds that moment, also where a hand has written it in SQLite's text in another form.

    What the library writes is compared to the microsecond, and other forms to the millisecond.
    """

    name = "same_moment"
    type = sa.Boolean()
    inherit_cache = True

    def __init__(self, column: Any, moment: datetime) -> None:
        super().__init__(column, sa.literal(moment, UTCDateTime()))


@compiles(SameMoment)
def _same(element: SameMoment, compiler: SQLCompiler, **options: Any) -> str:
    column, moment = element.clauses
    return compiler.process(column == moment, **options)


@compiles(SameMoment, "sqlite")
def _same_in_text(element: SameMoment, compiler: SQLCompiler, **options: Any) -> str:
    column, moment = element.clauses
    in_our_form = sa.type_coerce(column, sa.String).like(sa.literal_column("'____-__-__ __:__:__.______'"))
    to_the_millisecond: sa.ColumnElement[str] = sa.literal_column("'%Y-%m-%d %H:%M:%f'")
    as_moments = sa.func.strftime(to_the_millisecond, column) == sa.func.strftime(to_the_millisecond, moment)
    same = sa.or_(column == moment, sa.and_(sa.not_(in_our_form), as_moments))
    return compiler.process(same.self_group(), **options)
