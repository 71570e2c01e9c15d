"""Many tasks in one process: ``python -m bench.threads [--tasks N] [--rounds N] [--base REVISION]``.

Tasks are started with `create` and finished, by threads and by tasks of an event loop, beside the same requests made by
hand with boto3; on a loop those are handed, one by one, to as many threads as the library has. Then 500 blocks are held
open with a heartbeat: how many threads and connections their renewals take, and how late the latest one is.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, ExitStack
from functools import partial
from itertools import pairwise
from typing import Any

from bench.base import check_out, with_before
from bench.conductor import module_of
from bench.contender import Contender, load
from bench.fresh import in_fresh_process, tell
from bench.report import aligned, number
from bench.sections import FLOOR, NAMES
from bench.start import MEGABYTE
from bench.stats import ratio, spread
from tests.support.dynamodb_local import run_dynamodb_local

_TABLE = "threads"
_ON_LOOP = "on a loop"
_HEARTBEATS = {"heartbeats": False, "heartbeats on a loop": True}
_WAYS = ("1", "4", "16", "64", _ON_LOOP, *_HEARTBEATS)
_HELD = 500
_INTERVAL_SECONDS = 10.0
_INTERVALS = 2
_LOOK_SECONDS = 0.1
_AT_ONCE_ON_LOOP = 16
_COLUMNS = (
    *("way", "who", "tasks a second", "wall to boto3", "CPU ms a task", "to boto3"),
    *("threads", "connections", "thrown away", "MB more", "besides"),
)
_LEFT = frozenset({"way", "who", "besides"})


def measure(
    address: str, tasks: int, rounds: int, *, before: bool, ways: Sequence[str] = _WAYS
) -> Iterator[tuple[str, ...]]:
    """The rows of the table; the contenders take turns."""
    load("ours", address, _TABLE).create_table()
    contenders = with_before((FLOOR, "ours"), before=before)
    for way in ways:
        able, count = (contenders[1:], _HELD) if way in _HEARTBEATS else (contenders, tasks)
        told: dict[str, list[dict[str, float]]] = {name: [] for name in able}
        for turn in range(rounds):
            for name in able:
                order = (module_of(name), way, address, str(count), f"{way}-{name}-{turn}")
                told[name].append(in_fresh_process("bench.threads", *order, contender=name))
        for name, each in told.items():
            yield _row(way, name, count, each, told.get(FLOOR))


def _row(
    way: str, name: str, count: int, told: list[dict[str, float]], floor: list[dict[str, float]] | None
) -> tuple[str, ...]:
    def median(what: str) -> float:
        return spread([each[what] for each in told]).median

    def to_floor(what: str) -> str:
        return number(ratio([each[what] for each in told], [each[what] for each in floor or ()]).median)

    if floor is None:
        besides = f"{number(median('beats'))} renewals, latest {number(1000 * median('late'))} ms late"
        speed = ("", "", "", "")
    else:
        besides = f"in progress for {number(1000 * median('held'))} ms at most" if "held" in told[0] else ""
        cpu = number(1000 * median("cpu") / count)
        speed = (number(count / median("wall")), to_floor("wall"), cpu, to_floor("cpu"))
    return (
        *(f"{way} thread{'' if way == '1' else 's'}" if way.isdigit() else way, NAMES[name], *speed),
        *(number(median(what)) for what in ("threads", "connections", "thrown_away")),
        *(number(median("bytes") / MEGABYTE), besides),
    )


class _ThrownAway(logging.Handler):
    """Counts connections that find no room in the pool when they are given back."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.count = 0
        logging.getLogger("urllib3.connectionpool").addHandler(self)

    def emit(self, _: logging.LogRecord) -> None:
        self.count += 1


def _in_threads(contender: Contender, task_ids: list[str], threads: int) -> None:
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(lambda task_id: contender.start_create_finish(task_id, {"n": 1}), task_ids))


async def _on_loop(contender: Any, task_ids: list[str]) -> float:
    """Each request is handed over by itself, since the work of a task is done on the loop; the longest of that work."""
    held: list[float] = []

    async def ours(task_id: str) -> None:
        async with contender.step.astart(task_id, create=True, data={}) as ctx:
            begun = time.monotonic()
            ctx.set_data({"n": 1})
        held.append(time.monotonic() - begun)

    async def by_hand(task_id: str) -> None:
        task = await loop.run_in_executor(pool, partial(contender.acquire, task_id, create=True))
        begun = time.monotonic()
        await loop.run_in_executor(pool, contender.finish, task_id, task, {"n": 1})
        held.append(time.monotonic() - begun)

    loop = asyncio.get_running_loop()
    with ThreadPoolExecutor(_AT_ONCE_ON_LOOP) as pool:
        await asyncio.gather(*map(ours if hasattr(contender, "step") else by_hand, task_ids))
    return max(held)


def _hold(step: Any, task_ids: list[str]) -> int:
    """Hold all of them open for some intervals; the most threads."""
    with ExitStack() as blocks:
        for task_id in task_ids:
            blocks.enter_context(step.start(task_id, create=True, heartbeat=_INTERVAL_SECONDS))
        most, end = 0, time.monotonic() + _INTERVALS * _INTERVAL_SECONDS
        while time.monotonic() < end:
            time.sleep(_LOOK_SECONDS)
            most = max(most, threading.active_count())
        return most


async def _hold_on_loop(step: Any, task_ids: list[str]) -> int:
    async with AsyncExitStack() as blocks:
        for task_id in task_ids:
            await blocks.enter_async_context(step.astart(task_id, create=True, heartbeat=_INTERVAL_SECONDS))
        most, end = 0, time.monotonic() + _INTERVALS * _INTERVAL_SECONDS
        while time.monotonic() < end:
            await asyncio.sleep(_LOOK_SECONDS)
            most = max(most, threading.active_count())
        return most


def heartbeats(contender: Any, task_ids: list[str], *, on_loop: bool) -> dict[str, float]:
    """Renewals, and how many seconds later than the interval the latest one of a task was sent."""
    sent: dict[str, list[float]] = {}

    def note(request: Any, **_: Any) -> None:
        key = request.body.partition(b'"key": {"S": "')[2].partition(b'"')[0].decode()
        sent.setdefault(key, []).append(time.monotonic())

    contender.client.meta.events.register("before-send.dynamodb.UpdateItem", note)
    hold = asyncio.run(_hold_on_loop(contender.step, task_ids)) if on_loop else _hold(contender.step, task_ids)
    beats = [times[:-1] for times in sent.values()]  # the last one is the end
    late = max(after - before for times in beats for before, after in pairwise(times))
    return {"threads": hold, "beats": sum(len(times) - 1 for times in beats), "late": late - _INTERVAL_SECONDS}


def _act(contender: Contender, way: str, task_ids: list[str]) -> dict[str, float]:
    if way in _HEARTBEATS:
        return heartbeats(contender, task_ids, on_loop=_HEARTBEATS[way])
    before = threading.active_count()
    if way == _ON_LOOP:
        held = asyncio.run(_on_loop(contender, task_ids))
        return {"threads": before + _AT_ONCE_ON_LOOP, "held": held}
    _in_threads(contender, task_ids, int(way))
    return {"threads": before + int(way)}


def _tell(name: str, way: str, address: str, tasks: str, prefix: str) -> None:
    """Print what this process took."""
    contender: Any = load(name, address, _TABLE)
    contender.start_create_finish(f"{prefix}-first", {})
    thrown_away = _ThrownAway()

    def work() -> dict[str, float]:
        told = _act(contender, way, [f"{prefix}-{n}" for n in range(int(tasks))])
        pool = contender.client._endpoint.http_session._manager.connection_from_url(address)
        return {**told, "connections": pool.num_connections, "thrown_away": thrown_away.count}

    tell(work)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.threads", description="Many tasks in one process.")
    parser.add_argument("--tasks", type=int, default=500)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--base", default="", help="a revision whose library is measured too, as before")
    asked = parser.parse_args()
    if asked.base:
        check_out(asked.base)
    with run_dynamodb_local() as port:
        rows = list(measure(f"http://127.0.0.1:{port}", asked.tasks, asked.rounds, before=bool(asked.base)))
    sys.stdout.write(aligned(_COLUMNS, rows, _LEFT))


if __name__ == "__main__":
    if sys.argv[1:2] and not sys.argv[1].startswith("-"):
        _tell(*sys.argv[1:])
    else:
        main()
