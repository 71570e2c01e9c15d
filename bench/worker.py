"""A worker process: does what the conductor asks of one contender, and tells what it cost.

``python -m bench.worker CONTENDER ADDRESS TABLE``; a line of JSON in, a line of JSON out, until the input ends.
"""

from __future__ import annotations

import dataclasses
import json
import sys
import time
from collections.abc import Callable
from contextlib import nullcontext
from typing import Any, TypeAlias

from bench.contender import Contender, Data, UnsupportedError, load
from bench.meter import Meter

Act: TypeAlias = Callable[[Contender, list[str], Data], int | None]


class WrongResultError(Exception):
    """A contender did not do what was asked; its figures would mean nothing."""


def _make(contender: Contender, task_ids: list[str], data: Data) -> None:
    for task_id in task_ids:
        try:
            contender.create(task_id, data)
        except UnsupportedError:  # its tasks are made by being started
            return


def _hold_first(contender: Contender, task_ids: list[str], data: Data) -> None:
    _make(contender, task_ids[:1], data)
    _expect(contender.try_start(task_ids[0]), True)


def _put_stuck(contender: Contender, task_ids: list[str], _data: Data) -> None:
    contender.put_stuck(task_ids)


def _create_start_finish(contender: Contender, task_ids: list[str], data: Data) -> None:
    for task_id in task_ids:
        contender.create(task_id, data)
        contender.start_finish(task_id, data)


def _start_create_finish(contender: Contender, task_ids: list[str], data: Data) -> None:
    for task_id in task_ids:
        contender.start_create_finish(task_id, data)


def _refused(contender: Contender, task_ids: list[str], _data: Data) -> None:
    for _ in task_ids:
        _expect(contender.try_start(task_ids[0]), False)


def _takeover(contender: Contender, task_ids: list[str], _data: Data) -> None:
    for task_id in task_ids:
        _expect(contender.try_start(task_id), True)


def _contend(contender: Contender, task_ids: list[str], _data: Data) -> int:
    return sum(contender.try_start(task_id) for task_id in task_ids)


def _expect(found: bool, expected: bool) -> None:
    if found is not expected:
        raise WrongResultError(f"a start gave {found} where {expected} was expected")


PREPARATIONS: dict[str, Act] = {"refused": _hold_first, "takeover": _put_stuck}
MEASURES: dict[str, Act] = {
    "create_table": lambda contender, _ids, _data: contender.create_table(),
    "make": _make,
    "create_start_finish": _create_start_finish,
    "start_create_finish": _start_create_finish,
    "refused": _refused,
    "takeover": _takeover,
    "contend": _contend,
    "list": lambda contender, _ids, _data: contender.list_refreshed(),
    "count": lambda contender, _ids, _data: contender.count(),
}


@dataclasses.dataclass
class Order:
    """What the conductor asks for.

    Attributes:
        measure: one of `MEASURES`.
        prefix: of the task ids, new for each order unless the same tasks are meant.
        n: how many tasks.
        data_bytes: the size of their data.
        metered: count the requests and units, which costs time of its own.
    """

    measure: str
    prefix: str = ""
    n: int = 1
    data_bytes: int = 20
    metered: bool = False


def obey(contender: Contender, order: Order) -> dict[str, Any]:
    """What came of an order, and what it cost: seconds of `cpu` and `wall`, `requests`, `units`; or `unsupported`."""
    task_ids = [f"{order.prefix}-{number}" for number in range(order.n)]
    data = {"text": "x" * (order.data_bytes - len('{"text": ""}'))}
    try:
        if order.measure in PREPARATIONS:
            PREPARATIONS[order.measure](contender, task_ids, data)
        with contender.metered() if order.metered else nullcontext(Meter()) as meter:
            cpu, wall = time.process_time(), time.perf_counter()
            result = MEASURES[order.measure](contender, task_ids, data)
            cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    except UnsupportedError:
        return {"unsupported": True}
    cost = {"cpu": cpu, "wall": wall, "requests": meter.requests, "units": meter.units}
    return {"n": order.n, "result": result, **cost}


def main() -> None:
    contender = load(*sys.argv[1:4])
    for line in sys.stdin:
        answer = obey(contender, Order(**json.loads(line)))
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
