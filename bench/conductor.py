"""Starts the worker processes, and lets them work in turns."""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.worker import Order, WrongResultError

ROOT = Path(__file__).parents[1]
PYTHON = ROOT / ".venv-bench" / "bin" / "python"
"""All contenders run on it, so that they differ in nothing but their own code."""

ENVIRONMENT = {
    # A cold start is one with compiled modules, as in a layer that was used before.
    **{name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"},
    "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'layer'}",
    "AWS_EC2_METADATA_DISABLED": "true",
    "POWERTOOLS_SERVICE_NAME": "bench",
}

BASE = ROOT / ".local" / "bench-base"
"""Where the older library is checked out that ours is measured beside."""

_BEFORE = "_before"
"""What the names of the contenders end with that are run with the older library."""


def environment_of(contender: str) -> dict[str, str]:
    """The environment of its processes."""
    if not contender.endswith(_BEFORE):
        return ENVIRONMENT
    return {**ENVIRONMENT, "PYTHONPATH": f"{ROOT}{os.pathsep}{BASE / 'layer'}"}


def module_of(contender: str) -> str:
    """The module in ``bench/contenders``."""
    return contender.removesuffix(_BEFORE)


@dataclass
class Sample:
    """What one round cost, for one task.

    Attributes:
        cpu, wall: seconds.
        requests: by operation.
        units: capacity units, by ``"table"`` and ``"index"``.
        result: what the measure answered, of all tasks.
    """

    cpu: float
    wall: float
    requests: Counter[str]
    units: Counter[str]
    result: int | None


class Worker:
    """A process that holds one contender."""

    def __init__(self, contender: str, address: str, table: str, python: Path = PYTHON) -> None:
        self.contender = contender
        self._process = subprocess.Popen(  # noqa: S603  # the command is made here
            [str(python), "-m", "bench.worker", module_of(contender), address, table],
            cwd=ROOT,
            env=environment_of(contender),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def send(self, order: Order) -> None:
        assert self._process.stdin is not None  # noqa: S101  # it is a pipe
        self._process.stdin.write(json.dumps(dataclasses.asdict(order)) + "\n")
        self._process.stdin.flush()

    def receive(self) -> Sample | None:
        """What the order cost; None where the contender has no such thing."""
        assert self._process.stdout is not None  # noqa: S101  # it is a pipe
        line = self._process.stdout.readline()
        if not line:
            raise WrongResultError(f"{self.contender} ended with code {self._process.wait()}: see above.")
        return _sample(json.loads(line))

    def ask(self, order: Order) -> Sample | None:
        self.send(order)
        return self.receive()

    def end(self) -> None:
        self._process.communicate()


@contextmanager
def workers(contenders: Sequence[str], address: str, tables: Mapping[str, str]) -> Iterator[dict[str, Worker]]:
    """A worker for each contender, with its table, until the block ends."""
    running: dict[str, Worker] = {}
    try:
        for name in contenders:
            running[name] = Worker(name, address, tables[name])
        yield running
    finally:
        for worker in running.values():
            worker.end()


def turned(names: Sequence[str], number: int) -> Sequence[str]:
    """The names in the order of that round: each begins with another one."""
    shift = number % len(names)
    return (*names[shift:], *names[:shift])


def interleaved(
    running: Mapping[str, Worker], order: Order, rounds: int, once: frozenset[str] = frozenset()
) -> dict[str, list[Sample]]:
    """The order given to each worker in turn, round after round, each round beginning with another one.

    Args:
        once: who is so slow that one round has to do.
    """
    samples: defaultdict[str, list[Sample]] = defaultdict(list)
    names = list(running)
    for number in range(rounds):
        for name in turned(names, number):
            if number and (name in once or name not in samples):
                continue
            sample = running[name].ask(dataclasses.replace(order, prefix=f"{order.prefix}-{number}"))
            if sample is not None:
                samples[name].append(sample)
    return {name: samples[name] for name in names if name in samples}


def together(team: Sequence[Worker], orders: Sequence[Order]) -> Sample:
    """All of the team at once: the CPU time of all of them, the wall time until the last one is done, for one task."""
    started = time.perf_counter()
    for worker, order in zip(team, orders, strict=True):
        worker.send(order)
    samples = [sample for worker in team if (sample := worker.receive()) is not None]
    wall = time.perf_counter() - started
    done = sum(order.n for order in orders)
    return Sample(
        cpu=sum(sample.cpu for sample in samples) / len(samples),
        wall=wall / done,
        requests=sum((sample.requests for sample in samples), Counter()),
        units=sum((sample.units for sample in samples), Counter()),
        result=sum(sample.result or 0 for sample in samples),
    )


def _sample(answer: dict[str, Any]) -> Sample | None:
    if "unsupported" in answer:
        return None
    n = answer["n"]
    return Sample(
        cpu=answer["cpu"] / n,
        wall=answer["wall"] / n,
        requests=Counter({name: count / n for name, count in answer["requests"].items()}),
        units=Counter({name: count / n for name, count in answer["units"].items()}),
        result=answer["result"],
    )
