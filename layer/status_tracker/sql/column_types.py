"""The types of the columns that differ from database to database."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa
from sqlalchemy import orm
from sqlalchemy.dialects import mysql, postgresql
from sqlalchemy.engine import Dialect

ID_LENGTH = 750
"""Characters of an id on MySQL and MariaDB, whose index keys have 3,072 bytes at most."""

TOKEN_LENGTH = 64

_NOTHING: Mapping[str, Any] = {"history": []}
"""What some versions store for a job without a failure and without an action."""


_POSTGRESQL = postgresql.dialect()  # type: ignore[no-untyped-call]


def is_mysql(dialect: Dialect) -> bool:
    """Whether it is MySQL's, which MariaDB shares."""
    return dialect.name in {"mysql", "mariadb"}


def is_mariadb(dialect: Dialect) -> bool:
    """Whether it is MariaDB's; known once there was a connection."""
    return is_mysql(dialect) and bool(getattr(dialect, "is_mariadb", False))


def is_jsonb(column: sa.types.TypeEngine[Any]) -> bool:
    """Whether a column of that type is PostgreSQL's JSONB."""
    return isinstance(column.dialect_impl(_POSTGRESQL), postgresql.JSONB)


class ExactText(sa.TypeDecorator[str]):
    """An id or a token: two are the same only if all their characters are.

    On MySQL and MariaDB a VARCHAR whose collation tells case and trailing spaces apart; that of the server often does
    not.

    Args:
        mysql_length: its characters there; elsewhere there is no limit.
    """

    impl = sa.String
    cache_ok = True

    def __init__(self, mysql_length: int) -> None:
        super().__init__()
        self.mysql_length = mysql_length

    @property
    def python_type(self) -> type[str]:
        return str

    def load_dialect_impl(self, dialect: Dialect) -> sa.types.TypeEngine[Any]:
        if not is_mysql(dialect):
            return sa.String()
        collation = "utf8mb4_nopad_bin" if is_mariadb(dialect) else "utf8mb4_0900_bin"
        return mysql.VARCHAR(self.mysql_length, collation=collation)


def check_length(column: orm.InstrumentedAttribute[Any], id: Any, dialect: Dialect) -> None:  # noqa: A002
    """Raise `ValueError` for an id that MySQL or MariaDB would cut, where they are told to, and refuse otherwise."""
    if not is_mysql(dialect) or not isinstance(id, str):
        return
    kind = column.type
    length = kind.mysql_length if isinstance(kind, ExactText) else getattr(kind, "length", None)
    if length is not None and len(id) > length:
        raise ValueError(
            f"The id {id[:80]!r}… has {len(id):,} characters, and its column holds {length} on {dialect.name}: use a "
            "shorter id, for example a hash of it."
        )


class Errors(sa.TypeDecorator[dict[str, Any]]):
    """What has gone wrong with a job, as JSON; read as empty for a job without failure and action (R8)."""

    impl = sa.JSON(none_as_null=True)
    cache_ok = True

    def process_result_value(self, value: Any, dialect: Dialect) -> Any:  # noqa: ARG002
        return {} if value == _NOTHING else value

    def coerce_compared_value(self, op: Any, value: Any) -> Any:
        return self.impl_instance.coerce_compared_value(op, value)  # so that ``Job.errors["error"]`` is as of any JSON


def stored_errors(errors: Mapping[str, Any]) -> Any:
    """The errors as they are stored: empty where there are none, and every text one that any database takes."""
    return {} if errors == _NOTHING else _storable(errors)


def _storable(value: Any) -> Any:
    if isinstance(value, str):  # PostgreSQL's JSONB has no NUL; MySQL's JSON, too, has no half of a surrogate pair
        return value.replace("\0", "\\x00").encode(errors="backslashreplace").decode()
    if isinstance(value, Mapping):
        return {name: _storable(each) for name, each in value.items()}
    return [_storable(each) for each in value] if isinstance(value, list | tuple) else value
