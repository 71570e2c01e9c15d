"""How many jobs a second workers claim and finish on PostgreSQL: ``python -m bench.claims [JOBS [WORKERS …]]``.

`start_next`, beside psycopg by hand and beside two queues that are made for PostgreSQL; in turns, each with a table of
its own, in which JOBS jobs wait (20,000 by default), with 1, 4 and 16 WORKERS. Each worker is a process. All run on
``.venv-bench``.
"""

from __future__ import annotations

import multiprocessing
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from multiprocessing.connection import Connection
from pathlib import Path

from bench.conductor import ENVIRONMENT, PYTHON, ROOT
from bench.report import aligned, number
from bench.stats import spread
from tests.support.postgres import run_postgres

_JOBS = 20_000
_ROUNDS = 3
_WORKERS = (1, 4, 16)
_JOBS_A_ROUND = 640
"""How many jobs all workers do together in a round."""


def work(way: str, address: str, table: str, orders: Connection) -> None:
    """In a process of its own: do a share of the jobs when told so, and tell when that began and ended, and its CPU."""
    from bench.claim_ways import WAYS  # noqa: PLC0415  # only .venv-bench has what it imports

    worker = WAYS[way](address, table)
    while share := orders.recv():
        shift = worker.work(share)
        orders.send((shift.begun, shift.ended, shift.cpu))


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


def measure(workers: Sequence[Connection]) -> tuple[float, float]:
    """Jobs a second of the workers together, and seconds of a client's CPU for one job."""
    share = _JOBS_A_ROUND // len(workers)
    for each in workers:
        each.send(share)
    times = [each.recv() for each in workers]
    wall = max(end for _, end, _ in times) - min(begun for begun, _, _ in times)
    return len(workers) * share / wall, sum(cpu for *_, cpu in times) / len(workers) / share


def compare(address: str, tables: Mapping[str, str], sizes: Sequence[int]) -> str:
    """The table of all ways."""
    cells = []
    with ExitStack() as stack:
        teams = {way: stack.enter_context(team(way, address, table, max(sizes))) for way, table in tables.items()}
        for size in sizes:
            found: dict[str, list[tuple[float, float]]] = {way: [] for way in tables}
            for turn in range(-1, _ROUNDS):  # the first one warms up
                for way, workers in teams.items():
                    sample = measure(workers[:size])
                    if turn >= 0:
                        found[way].append(sample)
            for way, samples in found.items():
                rate, cpu = (spread([each[what] for each in samples]).median for what in (0, 1))
                cells.append((way, str(size), number(rate), number(cpu * 1e6)))
    return aligned(("way", "workers", "jobs a second", "CPU µs a job"), cells, frozenset({"way"}))


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
