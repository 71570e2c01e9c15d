"""What is measured on PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator

from bench.base import with_before
from bench.conductor import workers
from bench.report import Row
from bench.sections import LIVES, Plan, measured
from bench.worker import Order
from tests.support.postgres import PostgresMissingError, run_postgres

_FLOOR = "sqlalchemy_mate"
_CONTENDERS = (_FLOOR, "ours_sql")


def lives(plan: Plan) -> Iterator[Row]:
    """The ways of a single job; a row that says so where PostgreSQL is not installed."""
    contenders = with_before(_CONTENDERS, before=plan.before)
    tables = {name: f"job_{name}" for name in contenders}
    try:
        with run_postgres() as address, workers(contenders, address, tables) as running:
            for worker in running.values():
                worker.ask(Order("create_table"))
            for measure, what in LIVES.items():
                order = Order(measure, measure, plan.tasks)
                yield from measured(running, order, plan.rounds, f"SQL: {what}", _FLOOR)
    except PostgresMissingError as missing:
        yield Row("SQL", "", besides=str(missing))
