"""Thousands of tasks registered by `create_many`, beside the same by hand: ``python -m bench.registering [TASKS]``.

On DynamoDB Local beside boto3's conditional puts in 16, 32 and 64 threads, the quickest of which is the floor; on
PostgreSQL beside ``INSERT … ON CONFLICT DO NOTHING RETURNING`` of SQLAlchemy Core, 500 rows at a time. In turns, each
with ids of its own, 10,000 by default; every way counts what was new.
"""

from __future__ import annotations

import sys
import time
import uuid
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from functools import partial
from typing import Any, NamedTuple

import boto3
from botocore.config import Config
from sqlalchemy.dialects import postgresql

from bench import items
from bench.contenders import ours_sql
from bench.contenders.ours import make_step
from bench.report import aligned, number
from bench.stats import Spread, ratio, spread
from bench.worker import WrongResultError
from tests.support.dynamodb_local import run_dynamodb_local
from tests.support.postgres import run_postgres

_TASKS = 10_000
_ROUNDS = 3
_THREADS = (16, 32, 64)
_ROWS = 500
_TABLE = "registering"
_COLUMNS = ("way", "tasks a second", "wall", "CPU ms a task", "CPU")

Way = Callable[[list[str]], int]
"""Creates tasks of these ids; returns how many were new."""


class Taken(NamedTuple):
    """What one round of a way has taken, in seconds."""

    wall: float
    cpu: float


def on_dynamodb(address: str) -> dict[str, Way]:
    """The ways on DynamoDB; those by hand come first."""
    step: Any = make_step(address, _TABLE)
    step.create_table(wait=True)
    config = Config(max_pool_connections=max(_THREADS))
    client = boto3.client(
        "dynamodb", endpoint_url=address, region_name=items.REGION, config=config, **items.CREDENTIALS
    )

    def put(task_id: str) -> bool:
        task = items.item(task_id, items.CODES["pending_status"], datetime.now(UTC), {"id": task_id})
        try:
            client.put_item(
                TableName=_TABLE,
                Item={**task, "create_token": {"S": uuid.uuid4().hex}},
                ConditionExpression="attribute_not_exists(#key)",
                ExpressionAttributeNames={"#key": "key"},
            )
        except client.exceptions.ConditionalCheckFailedException:
            return False
        return True

    def by_hand(threads: int, ids: list[str]) -> int:
        with ThreadPoolExecutor(threads) as pool:
            return sum(pool.map(put, ids))

    ways: dict[str, Way] = {f"boto3, {threads} threads": partial(by_hand, threads) for threads in _THREADS}
    return {**ways, "create_many": lambda ids: int(step.create_many((each, {"id": each}) for each in ids).created)}


def on_postgresql(address: str) -> dict[str, Way]:
    """The ways on PostgreSQL; that by hand comes first."""
    tracker = ours_sql.Tracker(address, _TABLE)
    tracker.create_table()
    engine, job = tracker._engine, tracker._job
    table = job.__table__
    insert = postgresql.insert(table).on_conflict_do_nothing(index_elements=[table.c.id]).returning(table.c.id)

    def by_hand(ids: list[str]) -> int:
        new, code = 0, items.CODES["pending_status"]
        for start in range(0, len(ids), _ROWS):
            now = datetime.now(UTC)
            rows = [
                {
                    "id": each,
                    "status": code,
                    "create_at": now,
                    "update_at": now,
                    "lock_at": now,
                    "retry": 0,
                    "data": {"id": each},
                    "errors": {},
                    "create_token": uuid.uuid4().hex,
                }
                for each in ids[start : start + _ROWS]
            ]
            with engine.begin() as connection:
                new += len(connection.execute(insert, rows).all())
        return new

    return {
        "SQLAlchemy Core": by_hand,
        "create_many": lambda ids: int(job.create_many(engine, ((each, {"id": each}) for each in ids)).created),
    }


def compare(ways: Mapping[str, Way], tasks: int, rounds: int = _ROUNDS) -> str:
    """The table of the ways; the ratios are to the quickest by hand of the same round."""
    taken: dict[str, list[Taken]] = {name: [] for name in ways}
    for turn in range(-1, rounds):  # the first one warms up
        for name, way in ways.items():
            found = _round(way, [f"{turn}-{name}-{each}" for each in range(tasks if turn >= 0 else tasks // 10)])
            if turn >= 0:
                taken[name].append(found)
    *by_hand, _ = taken.values()
    floor = [min(of_round) for of_round in zip(*by_hand, strict=True)]
    cells = [_cells(name, tasks, each, floor) for name, each in taken.items()]
    return aligned(_COLUMNS, cells, frozenset({"way"}))


def _round(way: Way, ids: list[str]) -> Taken:
    wall, cpu = time.perf_counter(), time.process_time()
    new = way(ids)
    taken = Taken(time.perf_counter() - wall, time.process_time() - cpu)
    if new != len(ids):
        raise WrongResultError(f"{new} of {len(ids)} tasks were new")
    return taken


def _cells(name: str, tasks: int, taken: list[Taken], floor: list[Taken]) -> tuple[str, ...]:
    wall, cpu = ([each[place] for each in taken] for place in (0, 1))
    return (
        name,
        number(tasks / spread(wall).median),
        _told(ratio(wall, [each.wall for each in floor])),
        number(spread(cpu).median / tasks * 1000),
        _told(ratio(cpu, [each.cpu for each in floor])),
    )


def _told(found: Spread) -> str:
    return f"{found.median:.2f} ({found.low:.2f}-{found.high:.2f})"


def main() -> None:
    tasks = int(sys.argv[1]) if sys.argv[1:] else _TASKS
    with run_dynamodb_local() as port:
        sys.stdout.write(compare(on_dynamodb(f"http://127.0.0.1:{port}"), tasks))
    with run_postgres() as address:
        sys.stdout.write(f"\n{compare(on_postgresql(address), tasks)}")


if __name__ == "__main__":
    main()
