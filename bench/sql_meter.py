"""Counts what an SQLAlchemy engine sends."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Engine, event

from bench.meter import Meter


@contextmanager
def sql_metered(engine: Engine) -> Iterator[Meter]:
    """Counts statements by their verb, and commits."""
    meter = Meter()

    def executed(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        meter.requests[statement.split(None, 1)[0].upper()] += 1

    def committed(_connection: Any) -> None:
        meter.requests["COMMIT"] += 1

    handlers: dict[str, Callable[..., Any]] = {"before_cursor_execute": executed, "commit": committed}
    for name, handler in handlers.items():
        event.listen(engine, name, handler)
    try:
        yield meter
    finally:
        for name, handler in handlers.items():
            event.remove(engine, name, handler)
