"""`UTCDateTime`: moments in the columns of any database."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import mysql
from sqlalchemy.engine import Dialect

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
