"""R1 with many workers at once: an exact count of winners."""

from __future__ import annotations

import random
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager, suppress
from typing import Any

from ...core.errors import TaskIsNotReadyToStartError
from ..clock import Clock
from .driver import Promise, Step
from .steps import LEASE, PATIENCE, SUCCEEDED, Scenes, enter, errors_of, seen

Promised = Callable[[Promise], bool]
WORKERS = 6
INTERRUPTED = 0.2
"""The share of a worker's calls and returns at which the others may go on."""
INTERRUPTIONS = 1_000
"""So many are enough for a start that is quick; one that is slow waits by itself, for files or a network."""
TASK_IDS = [f"t-{n}" for n in range(10)]


@contextmanager
def _often_interrupted() -> Iterator[None]:
    """Let the others go on again and again, at any call, so that even a quick store is met between two steps of it."""
    chance = random.Random(threading.get_ident())  # noqa: S311  # nothing is kept secret by it
    left = INTERRUPTIONS

    def interrupt(*_: Any) -> None:
        nonlocal left
        if chance.random() < INTERRUPTED:
            left -= 1
            time.sleep(1e-6)
        if left == 0:
            sys.setprofile(usual)

    usual = sys.getprofile()
    sys.setprofile(interrupt)
    try:
        yield
    finally:
        sys.setprofile(usual)


def race(step: Step, task_ids: list[str], workers: int) -> Counter[str]:
    """Every worker, a thread, starts every task, all at the same moment: how many got into each."""
    barrier = threading.Barrier(workers)
    entered: Counter[str] = Counter()
    counting = threading.Lock()

    def work() -> None:
        try:
            for task_id in task_ids:
                barrier.wait(PATIENCE)
                with _often_interrupted(), suppress(TaskIsNotReadyToStartError), step.start(task_id), counting:
                    entered[task_id] += 1
        except BaseException:
            barrier.abort()  # nobody shall wait for this one
            raise

    with ThreadPoolExecutor(workers) as pool:
        for worker in as_completed([pool.submit(work) for _ in range(workers)]):
            worker.result()
    return entered


class RaceRules(Scenes):
    """R1 and R2, with many workers."""

    def test_r1_one_winner_of_each_start(self, step1: Step, promised: Promised) -> None:
        for task_id in TASK_IDS:
            step1.create(task_id)
        entered = race(step1, TASK_IDS, WORKERS if promised(Promise.MANY_WORKERS) else 1)
        assert entered == dict.fromkeys(TASK_IDS, 1)
        for task_id in TASK_IDS:
            task = seen(step1, task_id)
            assert (task.status, task.fence, task.retry, task.history) == (SUCCEEDED, 1, 0, [])

    def test_r2_one_winner_of_each_takeover_and_one_record_of_it(
        self, step1: Step, clock: Clock, promised: Promised
    ) -> None:
        for task_id in TASK_IDS:
            step1.create(task_id)
            enter(step1, task_id)
        clock.advance(LEASE)
        entered = race(step1, TASK_IDS, WORKERS if promised(Promise.MANY_WORKERS) else 1)
        assert entered == dict.fromkeys(TASK_IDS, 1)
        for task_id in TASK_IDS:
            assert (seen(step1, task_id).status, seen(step1, task_id).fence) == (SUCCEEDED, 2)
            assert errors_of(step1, task_id) == ["LeaseExpired"]
