"""R20 in SQL: the table of the pauses, which is made where it is missing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from status_tracker.sql import SqlPauseBoard


def test_r20_two_who_pause_first_at_once_are_both_answered(engine: sa.Engine) -> None:
    other = sa.create_engine(engine.url)
    faster: list[bool] = []

    def be_faster(*event: Any) -> None:
        if event[2].lstrip().startswith("CREATE TABLE") and not faster:
            faster.append(SqlPauseBoard(other, "invoices").replace(None, "theirs"))

    sa.event.listen(engine, "before_cursor_execute", be_faster)
    board = SqlPauseBoard(engine, "orders")
    assert board.replace(None, "ours")
    assert faster == [True]
    assert (board.read(), SqlPauseBoard(other, "invoices").read()) == ("ours", "theirs")
    other.dispose()


def test_r20_a_table_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "jobs.db").touch()
    engine = sa.create_engine(f"sqlite:///file:{tmp_path / 'jobs.db'}?mode=ro&uri=true")
    board = SqlPauseBoard(engine, "orders")
    with pytest.raises(sa.exc.OperationalError, match="readonly"):
        board.replace(None, "ours")
    assert board.read() is None
    engine.dispose()
