"""R8: a worker process that is told to end (SIGTERM, Ctrl-C) reports back first, and its task is free at once.

On DynamoDB Local only: signals are the worker's affair, and no engine sees them.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import status_tracker as st
from tests.support.engines import Engine
from tests.support.items import FREE, stored
from tests.support.steps import STEP1_CODES, make_step

ROOT = Path(__file__).parents[2]
PATIENCE = 30
TERMINATED = 128 + signal.SIGTERM
BEFORE = """
import os, signal, sys, threading
from tests.support.steps import STEP1_CODES, make_base, make_step
from tests.support.wire import Wire, passed, then
signal.signal(signal.SIGINT, signal.default_int_handler)
base = make_base(sys.argv[1], sys.argv[2])
step = make_step(base, STEP1_CODES, lock_expire_seconds=3600)
wire = Wire(base._get_connection().connection.client)

def tell_to_end(*_):
    os.kill(os.getpid(), signal.SIGTERM)

def wait():
    print("inside", flush=True)
    while True:
        threading.Event().wait(0.05)
"""

Worker = Callable[[str], "subprocess.Popen[str]"]


@pytest.fixture
def engine(dynamodb_local_engine: Engine) -> Engine:
    return dynamodb_local_engine


@pytest.fixture
def step(base: Any) -> Any:
    return make_step(base, STEP1_CODES, lock_expire_seconds=3600)


@pytest.fixture
def worker(engine: Engine, table_name: str) -> Iterator[Worker]:
    """Runs a program in a process of its own."""
    started = []
    paths = os.pathsep.join([str(ROOT / "layer"), str(ROOT), *sys.path])

    def start(program: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-c", BEFORE + program, engine.host, table_name]
        environment = {**os.environ, "PYTHONPATH": paths}
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        process = subprocess.Popen(command, env=environment, text=True, **pipes)  # type: ignore[call-overload]  # noqa: S603
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


def _signalled_inside(process: subprocess.Popen[str], number: int) -> int:
    """The exit status of a process that gets a signal when it says that it is inside."""
    assert process.stdout is not None
    assert process.stdout.readline() == "inside\n"
    process.send_signal(number)
    return process.wait(PATIENCE)


def _ended(step: Any, task_id: str) -> tuple[int, int, str, list[str]]:
    task = stored(step, task_id)
    return task.status, task.retry, task.lock, [entry["error"] for entry in task.errors["history"]]


BLOCK = """
with step.start("t", create=True):
    wait()
"""


@pytest.mark.parametrize(
    ("number", "exit_status", "error"),
    [(signal.SIGTERM, TERMINATED, f"SystemExit({TERMINATED})"), (signal.SIGINT, -signal.SIGINT, "KeyboardInterrupt()")],
    ids=["SIGTERM", "Ctrl-C"],
)
def test_r8_signal_inside_the_block_is_recorded_and_releases_at_once(
    step: Any, worker: Worker, number: int, exit_status: int, error: str
) -> None:
    assert _signalled_inside(worker(BLOCK), number) == exit_status
    assert _ended(step, "t") == (30, 1, FREE, [error])
    with step.start("t") as ctx:
        assert ctx.task.retry == 1


def test_r8_sigterm_with_a_heartbeat(step: Any, worker: Worker) -> None:
    program = BLOCK.replace("create=True", "create=True, heartbeat=0.05")
    assert _signalled_inside(worker(program), signal.SIGTERM) == TERMINATED
    assert _ended(step, "t") == (30, 1, FREE, [f"SystemExit({TERMINATED})"])


def test_r8_kill_leaves_the_lease_to_run_out(step: Any, worker: Worker) -> None:
    assert _signalled_inside(worker(BLOCK), signal.SIGKILL) == -signal.SIGKILL
    assert _ended(step, "t")[:2] == (20, 0)
    with pytest.raises(st.TaskLockedError):
        step.start("t").__enter__()


def test_r8_sigterm_while_the_success_is_written_lets_it_be_written(step: Any, worker: Worker) -> None:
    process = worker("""
with step.start("t", create=True):
    wire.inject("UpdateItem", then(passed, tell_to_end))
print("not reached")
""")
    assert (process.wait(PATIENCE), process.stdout and process.stdout.read()) == (TERMINATED, "")
    assert _ended(step, "t") == (40, 0, FREE, [])


def test_r8_sigterm_while_the_task_is_acquired_is_recorded(step: Any, worker: Worker) -> None:
    process = worker("""
wire.inject("UpdateItem", then(passed, tell_to_end))
with step.start("t", create=True):
    print("not reached")
""")
    assert (process.wait(PATIENCE), process.stdout and process.stdout.read()) == (TERMINATED, "")
    assert _ended(step, "t") == (30, 1, FREE, [f"SystemExit({TERMINATED})"])


def test_r8_sigterm_ends_the_process_as_usual_after_the_block(step: Any, worker: Worker) -> None:
    process = worker("""
with step.start("t", create=True):
    pass
wait()
""")
    assert _signalled_inside(process, signal.SIGTERM) == -signal.SIGTERM
    assert _ended(step, "t") == (40, 0, FREE, [])


def test_r8_sigterm_is_left_to_an_application_that_handles_it(step: Any, worker: Worker) -> None:
    process = worker("""
told = threading.Event()
signal.signal(signal.SIGTERM, lambda *_: told.set())
with step.start("t", create=True):
    print("inside", flush=True)
    assert told.wait(30)
assert signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL
""")
    assert _signalled_inside(process, signal.SIGTERM) == 0
    assert _ended(step, "t") == (40, 0, FREE, [])


NESTED = """
with step.start("outer", create=True):
    with step.start("inner", create=True):
        {inside}
    print("not reached")
"""


def test_r8_sigterm_in_a_nested_block_releases_both(step: Any, worker: Worker) -> None:
    assert _signalled_inside(worker(NESTED.format(inside="wait()")), signal.SIGTERM) == TERMINATED
    for task_id in ("inner", "outer"):
        assert _ended(step, task_id) == (30, 1, FREE, [f"SystemExit({TERMINATED})"])


def test_r8_sigterm_while_the_inner_success_is_written_lets_it_be_written(step: Any, worker: Worker) -> None:
    process = worker(NESTED.format(inside='wire.inject("UpdateItem", then(passed, tell_to_end))'))
    assert (process.wait(PATIENCE), process.stdout and process.stdout.read()) == (TERMINATED, "")
    assert _ended(step, "inner") == (40, 0, FREE, [])
    assert _ended(step, "outer") == (30, 1, FREE, [f"SystemExit({TERMINATED})"])


def test_r8_sigterm_in_a_block_that_outlives_the_one_around_it(step: Any, worker: Worker) -> None:
    process = worker("""
first, second = step.start("first", create=True), step.start("second", create=True)
first.__enter__()
with second:
    first.__exit__(None, None, None)
    wait()
""")
    assert _signalled_inside(process, signal.SIGTERM) == TERMINATED
    assert _ended(step, "first") == (40, 0, FREE, [])
    assert _ended(step, "second") == (30, 1, FREE, [f"SystemExit({TERMINATED})"])


def test_r8_start_outside_the_main_thread_leaves_signals_alone(step: Any) -> None:
    handlers = []

    def work() -> None:
        with step.start("t", create=True):
            handlers.append(signal.getsignal(signal.SIGTERM))

    before = signal.getsignal(signal.SIGTERM)
    thread = threading.Thread(target=work)
    thread.start()
    thread.join(PATIENCE)
    assert handlers == [before]
    assert stored(step, "t").status == 40


V5 = """
import copy
from status_tracker.compat import tracker as v5
from tests.compat.support import make_tracker
Tracker = make_tracker(sys.argv[1], sys.argv[2], __import__("status_tracker").get_utc_now)

def copied(value):
    tell_to_end()
    return copy.deepcopy(value)

v5.deepcopy = copied
Tracker.LISTED_BY_V5 = False
Tracker.new("t")
with Tracker.get_one_or_none("t").start(3, 6, 9, 10):
    print("not reached")
"""


def test_r8_sigterm_while_v5s_block_copies_what_it_shows_is_recorded_before_it_begins(
    base: Any, worker: Worker
) -> None:
    process = worker(V5)
    assert (process.wait(PATIENCE), process.stdout and process.stdout.read()) == (TERMINATED, "")
    step = make_step(base, {**STEP1_CODES, "failed_status": 6}, use_case_id="job")
    task = stored(step, "t")
    assert (task.status, task.retry, task.is_locked()) == (6, 1, False)
    assert [entry["error"] for entry in task.errors["history"]] == [f"SystemExit({TERMINATED})"]


def test_r8_sigterm_once_in_a_generators_last_step_before_the_block_is_recorded(step: Any, worker: Worker) -> None:
    process = worker("""
from status_tracker.core.signals import whole

@whole
def started():
    with step.start("t", create=True):
        threading.Timer(0.2, tell_to_end).start()
        threading.Event().wait(0.5)
        yield

with started():
    print("not reached")
""")
    assert (process.wait(PATIENCE), process.stdout and process.stdout.read()) == (TERMINATED, "")
    assert _ended(step, "t") == (30, 1, FREE, [f"SystemExit({TERMINATED})"])
