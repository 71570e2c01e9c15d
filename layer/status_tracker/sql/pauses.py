"""Where it is kept in a database what is paused of a use case: a table of its own (R20)."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy import exc

_LONGEST_NAME = 255


class SqlPauseBoard:
    """One row of a small table, which is made where it is missing.

    Args:
        engine: of the database of the jobs.
        use_case_id: what is paused together, such as the name of the jobs' table; at most 255 characters.
        table: the name of the board's table.

    Example::

        pauses = Pauses("job", lambda: SqlPauseBoard(engine, "job"))
        pauses.pause(reason="the printer is out of ink", by="ada")
    """

    def __init__(self, engine: sa.Engine, use_case_id: str, table: str = "status_tracker_pauses") -> None:
        self._engine = engine
        self._use_case_id = use_case_id
        self._table = sa.Table(
            table,
            sa.MetaData(),
            sa.Column("use_case_id", sa.String(_LONGEST_NAME), primary_key=True),
            sa.Column("pauses", sa.Text, nullable=False),
        )
        self._mine = self._table.c.use_case_id == use_case_id

    def read(self) -> str | None:
        """What is paused, as text; None if there is nothing."""
        if not self._has_table():
            return None
        with self._engine.connect() as connection:
            text: str | None = connection.scalar(sa.select(self._table.c.pauses).where(self._mine))
            return text

    def replace(self, before: str | None, after: str) -> bool:
        """Store `after` if `before` is still what is stored; whether it was."""
        self._make_table()
        try:
            with self._engine.begin() as connection:
                if before is None:
                    connection.execute(sa.insert(self._table).values(use_case_id=self._use_case_id, pauses=after))
                    return True
                unchanged = sa.and_(self._mine, self._table.c.pauses == before)
                return connection.execute(sa.update(self._table).where(unchanged).values(pauses=after)).rowcount == 1
        except exc.IntegrityError:
            return False

    def _make_table(self) -> None:
        try:
            self._table.create(self._engine, checkfirst=True)
        except exc.DBAPIError:
            if not self._has_table():  # if it is there, another process has made it at the same time
                raise

    def _has_table(self) -> bool:
        return sa.inspect(self._engine).has_table(self._table.name)
