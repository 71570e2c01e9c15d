"""Many tasks at once in one process, on an event loop and in threads: ``python -m bench.on_loop [TASKS]``.

All tasks are in their blocks at once before the first one ends; each is started with `create`, updated and finished.
The pauses of an idle loop are those that the machine makes by itself.
"""

from __future__ import annotations

import asyncio
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from bench.contenders.ours import make_step
from bench.fresh import in_fresh_process, tell
from bench.report import Row, aligned, number
from bench.start import MEGABYTE
from bench.stats import spread
from tests.support.dynamodb_local import run_dynamodb_local

TASKS_OF_THE_BENCH = 200
_TASKS = 500
_TABLE = "on-loop"
_TICK = 0.001
_IDLE = "an idle loop"
_IDLE_SECONDS = 5
_COLUMNS = ("way", "tasks at once", "threads", "MB more", "longest pause ms", "wall ms", "CPU ms")


def measure(tasks: int) -> str:
    """The table of all ways, each in a fresh process."""
    with run_dynamodb_local() as port:
        told = _measured(f"http://127.0.0.1:{port}", tasks)
    return aligned(_COLUMNS, [_cells(way, tasks, each) for way, each in told.items()], frozenset({"way"}))


def at_once(address: str, tasks: int = TASKS_OF_THE_BENCH) -> Iterator[Row]:
    """For the table of `make bench`: what so many tasks at once take, and the longest pause of their loop."""
    for way, told in _measured(address, tasks).items():
        besides = [f"{told['threads']} threads", f"{number(told['bytes'] / MEGABYTE)} MB more"]
        if told["pause"]:
            besides.insert(0, f"longest pause {number(told['pause'] * 1000)} ms")
        cpu, wall = (None if way == _IDLE else spread([told[what] / tasks]) for what in ("cpu", "wall"))
        yield Row(f"{tasks} tasks at once", way, cpu=cpu, wall=wall, besides=", ".join(besides))


def _measured(address: str, tasks: int) -> dict[str, dict[str, float]]:
    make_step(address, _TABLE).create_table(wait=True)
    return {way: in_fresh_process("bench.on_loop", way, address, str(tasks)) for way in _WAYS}


def _cells(way: str, tasks: int, told: Mapping[str, float]) -> tuple[str, ...]:
    pause = number(told["pause"] * 1000) if told["pause"] else ""
    return (
        *(way, str(tasks), str(told["threads"]), number(told["bytes"] / MEGABYTE), pause),
        *(number(told[what] * 1000) for what in ("wall", "cpu")),
    )


async def _on_loop(step: Any, tasks: int) -> dict[str, float]:
    inside, all_inside, most = 0, asyncio.Event(), 0

    async def one(n: int) -> None:
        nonlocal inside, most
        async with step.astart(f"loop-{n}", create=True) as ctx:
            inside += 1
            if inside == tasks:
                most = threading.active_count()
                all_inside.set()
            await all_inside.wait()
            await ctx.set_data({"n": n}).update()

    async def work() -> None:
        await asyncio.gather(*map(one, range(tasks)))

    pause = await _longest_pause(asyncio.create_task(work()))
    return {"threads": most, "pause": pause}


async def _longest_pause(work: asyncio.Task[None]) -> float:
    """How long the loop let a task wait that wanted to go on, at most, until that work was done."""
    longest = 0.0
    while not work.done():
        before = time.perf_counter()
        await asyncio.sleep(_TICK)
        longest = max(longest, time.perf_counter() - before - _TICK)
    await work
    return longest


async def _idle() -> dict[str, float]:
    pause = await _longest_pause(asyncio.create_task(asyncio.sleep(_IDLE_SECONDS)))
    return {"threads": threading.active_count(), "pause": pause}


def _in_threads(step: Any, tasks: int) -> dict[str, float]:
    most, all_inside = 0, threading.Barrier(tasks)

    def one(n: int) -> None:
        nonlocal most
        with step.start(f"thread-{n}", create=True) as ctx:
            if all_inside.wait() == 0:
                most = threading.active_count()
            ctx.set_data({"n": n}).update()

    with ThreadPoolExecutor(tasks) as pool:
        list(pool.map(one, range(tasks)))
    return {"threads": most, "pause": 0}


_WAYS: dict[str, Callable[[Any, int], dict[str, float]]] = {
    "asyncio": lambda step, tasks: asyncio.run(_on_loop(step, tasks)),
    "threads": _in_threads,
    _IDLE: lambda _step, _tasks: asyncio.run(_idle()),
}


def _tell(way: str, address: str, tasks: int) -> None:
    """Print what this process took."""
    step = make_step(address, _TABLE)
    with step.start(f"first-{way}", create=True):  # what is made once
        pass
    tell(lambda: _WAYS[way](step, tasks))


if __name__ == "__main__":
    if sys.argv[1:2] and sys.argv[1] in _WAYS:
        _tell(sys.argv[1], sys.argv[2], int(sys.argv[3]))
    else:
        sys.stdout.write(measure(int(sys.argv[1]) if len(sys.argv) > 1 else _TASKS))
