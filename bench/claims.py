"""How many jobs a second workers claim and finish on PostgreSQL: ``python -m bench.claims [JOBS]``.

`start_next`, beside the same two transactions written by hand with psycopg; in turns, each with a table of its own, in
which JOBS jobs wait (20,000 by default). Each worker is a process.
"""

from __future__ import annotations

import multiprocessing
import sys
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from multiprocessing.connection import Connection

import psycopg
import sqlalchemy as sa

from bench.contenders.ours_sql import Tracker
from bench.items import CODES, LEASE
from bench.report import aligned, number
from bench.stats import spread
from tests.support.postgres import run_postgres

_JOBS = 20_000
_ROUNDS = 3
_SHARES = {1: 400, 16: 40}
"""How many jobs each of so many workers does in a round."""

_FILL = """
INSERT INTO {table} (id, status, create_at, update_at, lock_at, retry, data, errors)
SELECT 'job-' || n, {pending}, at, at + n * interval '1 ms', at, 0, '{{"n": 1}}', '{{}}'
FROM generate_series(1, {jobs}) n, (SELECT timestamp '2025-12-31' AS at) AS once
"""
_CLAIM = """
UPDATE {table} SET status = {in_progress}, lock = %(lock)s, lock_at = %(now)s, update_at = %(now)s,
    lock_expire_at = %(end)s, fence = coalesce(fence, 0) + 1
WHERE id = (
    SELECT id FROM {table} WHERE status = {pending} AND lock IS NULL
    ORDER BY update_at, id LIMIT 1 FOR UPDATE SKIP LOCKED
) RETURNING id, fence, data
"""
_FINISH = """
UPDATE {table} SET status = {succeeded}, lock = NULL, lock_expire_at = NULL, update_at = %(now)s, retry = 0
WHERE id = %(id)s AND lock = %(lock)s AND fence = %(fence)s
"""


class NothingLeftError(Exception):
    """A worker found no job, though there are enough."""


def start_next(address: str, table: str) -> Callable[[], object]:
    """What claims and finishes one job with the library; gives its id."""
    tracker = Tracker(address, table)

    def one() -> object:
        with tracker._job.start_next(tracker._engine) as (job, _):
            return None if job is None else job.id
        raise AssertionError

    return one


def by_hand(address: str, table: str) -> Callable[[], object]:
    """The same with psycopg alone."""
    connection = psycopg.connect(address.replace("+psycopg", ""))
    codes = {name.removesuffix("_status"): code for name, code in CODES.items()}
    claim, finish = (text.format(table=table, **codes).encode() for text in (_CLAIM, _FINISH))

    def one() -> object:
        now, lock = datetime.now(UTC).replace(tzinfo=None), uuid.uuid4().hex
        found = connection.execute(claim, {"lock": lock, "now": now, "end": now + LEASE}).fetchone()
        connection.commit()
        if found is None:
            return None
        now = datetime.now(UTC).replace(tzinfo=None)
        connection.execute(finish, {"lock": lock, "now": now, "id": found[0], "fence": found[1]})
        connection.commit()
        return found[0]

    return one


WAYS = {"start_next": start_next, "psycopg by hand": by_hand}


def work(way: str, address: str, table: str, orders: Connection) -> None:
    """In a process of its own: do a share of the jobs when told so, and tell when that began and ended, and its CPU."""
    one = WAYS[way](address, table)
    while share := orders.recv():
        cpu, begun = time.process_time(), time.monotonic()
        done = [one() for _ in range(share)]
        if None in done:
            raise NothingLeftError(way)
        orders.send((begun, time.monotonic(), time.process_time() - cpu))


@contextmanager
def team(way: str, address: str, table: str) -> Iterator[Sequence[Connection]]:
    """The processes of one way, by what each is told its orders."""
    processes, ends = multiprocessing.get_context("spawn"), []
    for _ in range(max(_SHARES)):
        here, there = processes.Pipe()
        processes.Process(target=work, args=(way, address, table, there), daemon=True).start()
        there.close()  # so that the end of a process that fails is seen here
        ends.append(here)
    yield ends
    for each in ends:
        each.send(0)


def measure(workers: Sequence[Connection], share: int) -> tuple[float, float]:
    """Jobs a second of the workers together, and seconds of a client's CPU for one job."""
    for each in workers:
        each.send(share)
    times = [each.recv() for each in workers]
    wall = max(end for _, end, _ in times) - min(begun for begun, _, _ in times)
    return len(workers) * share / wall, sum(cpu for *_, cpu in times) / len(workers) / share


def compare(address: str, jobs: int) -> str:
    """The table of all ways."""
    tables = {way: f"job_{number}" for number, way in enumerate(WAYS)}
    engine = sa.create_engine(address, isolation_level="AUTOCOMMIT")
    for table in tables.values():
        Tracker(address, table).create_table()
        with engine.connect() as connection:
            connection.execute(sa.text(_FILL.format(table=table, jobs=jobs, pending=CODES["pending_status"])))
            connection.execute(sa.text(f"VACUUM ANALYZE {table}"))
    cells = []
    with ExitStack() as stack:
        teams = {way: stack.enter_context(team(way, address, table)) for way, table in tables.items()}
        for size, share in _SHARES.items():
            found: dict[str, list[tuple[float, float]]] = {way: [] for way in WAYS}
            for turn in range(-1, _ROUNDS):  # the first one warms up
                for way, workers in teams.items():
                    sample = measure(workers[:size], share)
                    if turn >= 0:
                        found[way].append(sample)
            for way, samples in found.items():
                rate, cpu = (spread([each[what] for each in samples]).median for what in (0, 1))
                cells.append((way, str(size), number(rate), number(cpu * 1e6)))
    return aligned(("way", "workers", "jobs a second", "CPU µs a job"), cells, frozenset({"way"}))


def main() -> None:
    jobs = int(sys.argv[1]) if len(sys.argv) > 1 else _JOBS
    with run_postgres() as address:
        sys.stdout.write(compare(address, jobs) + "\n")


if __name__ == "__main__":
    main()
