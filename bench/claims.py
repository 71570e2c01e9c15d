"""How many jobs a second workers claim and finish on PostgreSQL: ``python -m bench.claims [JOBS [WORKERS …]]``.

`start_next`, beside psycopg by hand and beside two queues that are made for PostgreSQL; in turns, each with a table of
its own, in which JOBS jobs wait (250,000 by default), with 1, 4 and 16 WORKERS, for 1.5 seconds a round. Each
worker is a process. CPU is that of the workers, and of the server with all its processes. Give more JOBS where all of
them would be done: a queue then waits for others. All run on ``.venv-bench``.
"""

from __future__ import annotations

import multiprocessing
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from multiprocessing.connection import Connection
from pathlib import Path
from typing import NamedTuple

import sqlalchemy as sa

from bench.conductor import ENVIRONMENT, PYTHON, ROOT
from bench.processes import cpu_seconds_with_children, parent_of
from bench.report import aligned, number
from bench.stats import spread
from tests.support.postgres import run_postgres

_JOBS = 250_000
_ROUNDS = 3
_SECONDS = 1.5
_WORKERS = (1, 4, 16)


def work(way: str, address: str, table: str, orders: Connection) -> None:
    """In a process of its own: work for so long when told so, and tell when that began and ended, its CPU and jobs."""
    from bench.claim_ways import WAYS  # noqa: PLC0415  # only .venv-bench has what it imports

    worker = WAYS[way](address, table)
    while seconds := orders.recv():
        shift = worker.work(seconds)
        orders.send((shift.begun, shift.ended, shift.cpu, shift.jobs))


@contextmanager
def team(way: str, address: str, table: str, size: int) -> Iterator[Sequence[Connection]]:
    """The processes of one way, by what each is told its orders."""
    processes, ends = multiprocessing.get_context("spawn"), []
    for _ in range(size):
        here, there = processes.Pipe()
        processes.Process(target=work, args=(way, address, table, there), daemon=True).start()
        there.close()  # so that the end of a process that fails is seen here
        ends.append(here)
    yield ends
    for each in ends:
        each.send(0)


class Sample(NamedTuple):
    """What a round of all workers together took.

    Attributes:
        rate: jobs a second.
        client, server: seconds of CPU for one job.
    """

    rate: float
    client: float
    server: float


def measure(workers: Sequence[Connection], server: int) -> Sample:
    """A round; `server` is the process of PostgreSQL whose children the others are."""
    spent = -cpu_seconds_with_children(server)
    for each in workers:
        each.send(_SECONDS)
    begun, ended, cpu, jobs = zip(*(each.recv() for each in workers), strict=True)
    spent += cpu_seconds_with_children(server)
    return Sample(sum(jobs) / (max(ended) - min(begun)), sum(cpu) / sum(jobs), spent / sum(jobs))


def compare(address: str, tables: Mapping[str, str], sizes: Sequence[int]) -> str:
    """The table of all ways."""
    cells = []
    server = _server(address)
    with ExitStack() as stack:
        teams = {way: stack.enter_context(team(way, address, table, max(sizes))) for way, table in tables.items()}
        for size in sizes:
            found: dict[str, list[Sample]] = {way: [] for way in tables}
            for turn in range(-1, _ROUNDS):  # the first one warms up
                for way, workers in teams.items():
                    sample = measure(workers[:size], server)
                    if turn >= 0:
                        found[way].append(sample)
            for way, samples in found.items():
                rate, client, server_s = (spread(each).median for each in zip(*samples, strict=True))
                cells.append((way, str(size), number(rate), number(client * 1e6), number(server_s * 1e6)))
    return aligned(("way", "workers", "jobs a second", "client's CPU µs a job", "server's"), cells, frozenset({"way"}))


def _server(address: str) -> int:
    engine = sa.create_engine(address)
    with engine.connect() as connection:
        own: int = connection.scalar(sa.text("SELECT pg_backend_pid()"))
    engine.dispose()
    return parent_of(own)


def main() -> int:
    if Path(sys.prefix) != PYTHON.parents[1]:
        command = [str(PYTHON), "-m", "bench.claims", *sys.argv[1:]]
        return subprocess.run(command, cwd=ROOT, env=ENVIRONMENT, check=False).returncode  # noqa: S603  # made here
    from bench.claim_ways import WAYS  # noqa: PLC0415  # only .venv-bench has what it imports

    jobs, *sizes = (int(each) for each in sys.argv[1:]) if len(sys.argv) > 1 else (_JOBS,)
    with run_postgres() as address:
        tables = {way: kind(address, f"job_{number}").fill(jobs) for number, (way, kind) in enumerate(WAYS.items())}
        sys.stdout.write(compare(address, tables, sizes or _WORKERS) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
