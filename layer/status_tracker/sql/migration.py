"""Bringing a table that sqlalchemy_mate made up to date."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import sqlalchemy as sa
from sqlalchemy import exc

from .columns import JobColumns, job_index
from .database_errors import missing_columns, table_of


def add_missing_columns(engine: sa.Engine, job_class: type[JobColumns]) -> list[str]:
    """Add to the table what it lacks: nullable columns, and the index by which jobs of a status are found.

    It may run twice, and by two processes at once. The columns take a moment only; the index of a large table takes
    longer, and writes may wait for it.

    Returns:
        The names of the columns that this call has added.
    """
    table = table_of(job_class)
    added = [name for name in missing_columns(job_class, engine) if _add(engine, job_class, table.c[name])]
    index = job_index(job_class)
    if index is not None and not _is_there(engine, table, index):
        _unless_done(engine, sa.schema.CreateIndex(index), lambda: _is_there(engine, table, index))
    return added


def _add(engine: sa.Engine, job_class: type[JobColumns], column: sa.Column[Any]) -> bool:
    table = engine.dialect.identifier_preparer.format_table(column.table)
    adding = sa.text(f"ALTER TABLE {table} ADD COLUMN {sa.schema.CreateColumn(column).compile(engine)}")
    return _unless_done(engine, adding, lambda: column.name not in missing_columns(job_class, engine))


def _unless_done(engine: sa.Engine, statement: sa.Executable, is_done: Callable[[], bool]) -> bool:
    """Carry the statement out; False where somebody else has done so meanwhile."""
    try:
        with engine.begin() as connection:
            connection.execute(statement)
    except exc.DBAPIError:
        if is_done():
            return False
        raise
    return True


def _is_there(engine: sa.Engine, table: sa.Table, index: sa.Index) -> bool:
    wanted = [column.name for column in index.columns]
    there = sa.inspect(engine).get_indexes(table.name, schema=table.schema)
    return any(each["column_names"] == wanted for each in there)
