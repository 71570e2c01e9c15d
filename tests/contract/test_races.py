"""Many workers at once, and one that is killed.

On DynamoDB Local, which is AWS's own engine; `tests/unit/test_mended_moto.py` has a race on moto.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

import status_tracker as st
from tests.support.clock import Clock
from tests.support.engines import Engine
from tests.support.items import stored
from tests.support.steps import STEP1_CODES, make_step

# The same lines a hundred thousand times: other tests measure them.
pytestmark = pytest.mark.no_cover

ROOT = Path(__file__).parents[2]
WORKERS = 8
TASK_IDS = [f"t-{n}" for n in range(30)]
PATIENCE = 30


@pytest.fixture
def engine(dynamodb_local_engine: Engine) -> Engine:
    return dynamodb_local_engine


def _race(step: Any, **arguments: Any) -> tuple[Counter[str], Counter[str]]:
    """Every worker starts every task, all at the same moment: who got in, and who else was inside meanwhile."""
    barrier = threading.Barrier(WORKERS)
    entered, overlapped, inside = Counter[str](), Counter[str](), Counter[str]()
    counting = threading.Lock()

    def work() -> None:
        for task_id in TASK_IDS:
            barrier.wait(PATIENCE)
            try:
                with step.start(task_id, **arguments):
                    with counting:
                        entered[task_id] += 1
                        overlapped[task_id] += inside[task_id]
                        inside[task_id] += 1
                    with counting:
                        inside[task_id] -= 1
            except (st.TaskLockedError, st.TaskAlreadySucceedError):
                pass

    with ThreadPoolExecutor(WORKERS) as pool:
        for worker in [pool.submit(work) for _ in range(WORKERS)]:
            worker.result()
    return entered, overlapped


def test_r1_one_winner_of_each_start(step1: Any) -> None:
    with step1.batch_write() as batch:
        for task_id in TASK_IDS:
            batch.save(step1.make(task_id))
    entered, overlapped = _race(step1)
    assert entered == dict.fromkeys(TASK_IDS, 1)
    assert not overlapped.total()
    for task in step1.query_by_status(40, limit=None, auto_refresh=True):
        assert (task.fence, task.retry) == (1, 0)


def test_r2_one_winner_of_each_creating_start(step1: Any) -> None:
    entered, _ = _race(step1, create=True)
    assert entered == dict.fromkeys(TASK_IDS, 1)
    assert len(step1.query_by_status(40, limit=None).all()) == len(TASK_IDS)


def test_r2_one_winner_of_each_takeover_and_one_record_of_it(step1: Any, clock: Clock) -> None:
    for task_id in TASK_IDS:
        step1.start(task_id, create=True).__enter__()
    clock.advance(60)
    entered, overlapped = _race(step1)
    assert entered == dict.fromkeys(TASK_IDS, 1)
    assert not overlapped.total()
    for task in step1.query_by_status(40, limit=None, auto_refresh=True):
        assert (task.fence, len(task.errors["history"])) == (2, 1)


def test_r11_one_creator_of_each_task(step1: Any) -> None:
    with ThreadPoolExecutor(WORKERS) as pool:
        created = list(pool.map(lambda n: step1.get_or_create(TASK_IDS[n % 30])[1], range(30 * WORKERS)))
    assert created.count(True) == 30


def test_r11_one_run_of_each_task_that_all_restart_at_the_same_moment(step1: Any) -> None:
    for task_id in TASK_IDS:
        step1.make_and_save(task_id)
    barrier = threading.Barrier(WORKERS)

    def sweep(_: int) -> list[int]:
        def restarted(task_id: str) -> int:
            barrier.wait(PATIENCE)
            return int(step1.restart(task_id, run=0, reason="it had ended").run)

        return [restarted(task_id) for task_id in TASK_IDS]

    with ThreadPoolExecutor(WORKERS) as pool:
        assert list(pool.map(sweep, range(WORKERS))) == [[1] * len(TASK_IDS)] * WORKERS
    for task_id in TASK_IDS:
        task = stored(step1, task_id)
        assert (task.run, len(task.errors["actions"])) == (1, 1)


def test_r14_writes_that_all_workers_ask_for_on_one_item_are_each_stored_once(step1: Any, page: Any) -> None:
    page("count").save()

    def work(task_id: str) -> None:
        with step1.start(task_id, create=True) as ctx:
            ctx.also.update(page("count"), actions=[page.reads.add(1)])

    with ThreadPoolExecutor(WORKERS) as pool:
        list(pool.map(work, TASK_IDS))
    assert page.get("count", consistent_read=True).reads == len(TASK_IDS)
    assert step1.count_by_status()[40] == len(TASK_IDS)


WORKER = """
import sys, threading
from tests.support.steps import STEP1_CODES, make_base, make_step
step = make_step(make_base(sys.argv[1], sys.argv[2]), STEP1_CODES, lock_expire_seconds=1)
with step.start("t") as ctx:
    ctx.set_data({"by": "the vanished"}).update()
    print("inside", flush=True)
    threading.Event().wait()
"""


@pytest.fixture
def worker(engine: Engine, table_name: str) -> Iterator[Callable[[], subprocess.Popen[str]]]:
    """Starts a process that holds task "t" until it is killed."""
    started = []
    paths = os.pathsep.join([str(ROOT / "layer"), str(ROOT), *sys.path])

    def start() -> subprocess.Popen[str]:
        command = [sys.executable, "-c", WORKER, engine.host, table_name]
        environment = {**os.environ, "PYTHONPATH": paths}
        process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)  # noqa: S603
        started.append(process)
        assert process.stdout is not None
        assert process.stdout.readline() == "inside\n"
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


def test_r2_task_of_a_killed_process_is_taken_over_after_its_lease(
    base: Any, worker: Callable[[], subprocess.Popen[str]]
) -> None:
    step = make_step(base, STEP1_CODES, lock_expire_seconds=1, max_retry=3)
    step.make_and_save("t", {"by": "nobody"})
    process = worker()
    os.kill(process.pid, signal.SIGKILL)
    process.wait(PATIENCE)
    held = stored(step, "t")
    ctx = _start_when_free(step)
    assert ctx.task.lock_time >= held.lock_expire_time
    assert (ctx.task.retry, ctx.task.data, ctx.fence) == (1, {"by": "the vanished"}, 2)
    assert [entry["error"].split("(")[0] for entry in ctx.task.errors["history"]] == ["LeaseExpired"]


def test_r2_task_whose_every_worker_is_killed_is_ignored_in_the_end(
    base: Any, worker: Callable[[], subprocess.Popen[str]]
) -> None:
    step = make_step(base, STEP1_CODES, lock_expire_seconds=1, max_retry=1)
    step.make_and_save("t")
    worker().kill()
    with pytest.raises(st.TaskIgnoredError):
        _start_when_free(step)
    assert (stored(step, "t").status, stored(step, "t").retry) == (50, 1)


def _start_when_free(step: Any) -> Any:
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            return step.start("t").__enter__()
        except st.TaskLockedError:
            assert time.monotonic() < deadline, "the lease of a killed worker does not end"
            time.sleep(0.05)
