"""The sweep on DynamoDB: what the index can and cannot tell, the cursor, and two sweeps at once."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

import status_tracker as st
from status_tracker.operations.sweeping import sweep
from tests.support.clock import Clock
from tests.support.engines import Engine
from tests.support.items import put_older_item, stored
from tests.support.steps import STEP1_CODES, make_step
from tests.support.wire import Wire

ROOT = Path(__file__).parents[2]
SWEEPS = 6


class Workflow:
    """Executions by name, each started once, as Step Functions does."""

    def __init__(self) -> None:
        self.asked = Counter[str]()
        self.states: dict[str, st.RunState] = {}
        self._lock = threading.Lock()

    def start(self, name: str) -> None:
        with self._lock:
            self.asked[name] += 1
            self.states.setdefault(name, st.RunState.RUNNING)


def driven(step: Any, workflow: Workflow) -> Any:
    """The step, with its runs driven by executions of the workflow."""

    class Driven(step):  # type: ignore[misc]
        @classmethod
        def dispatch(cls, task: Any) -> None:
            workflow.start(f"{task.task_id}-{task.run or 0}")

        @classmethod
        def run_state(cls, task: Any) -> st.RunState:
            return workflow.states.get(f"{task.task_id}-{task.run or 0}", st.RunState.NEVER_STARTED)

    return Driven


@pytest.fixture
def workflow() -> Workflow:
    return Workflow()


@pytest.fixture
def step(step1: Any, workflow: Workflow) -> Any:
    return driven(step1, workflow)


def _ids(noted: Any) -> list[str]:
    return [each.task_id for each in noted]


def _not_due(step: Any, task_id: str, seconds: float) -> None:
    error = RuntimeError("slow down")
    error.retry_after = seconds  # type: ignore[attr-defined]
    with pytest.raises(RuntimeError), step.start(task_id):
        raise error


def test_it_finds_what_is_stuck_due_or_was_never_started(step: Any, workflow: Workflow, clock: Clock) -> None:
    for task_id in ("stuck", "due", "later", "live", "done", "lost"):
        step.make_and_save(task_id)
        workflow.states[f"{task_id}-0"] = st.RunState.ENDED
    step.make_and_save("never")
    step.start("stuck").__enter__()
    _not_due(step, "due", 60)
    _not_due(step, "later", 3600)
    with step.start("done"):
        pass
    clock.advance(300)
    step.make_and_save("new")
    step.start("live").__enter__()
    swept = sweep(step)
    assert sorted(_ids(swept.restarted)) == ["due", "lost", "never", "stuck"]
    assert (swept.examined, swept.stuck, swept.failed, swept.complete) == (4, 1, (), True)
    assert workflow.asked == dict.fromkeys(["due-1", "lost-1", "never-0", "stuck-1"], 1)
    assert sweep(step).restarted == ()


def test_items_of_older_libraries_are_swept(step: Any, clock: Clock, wire: Wire) -> None:
    put_older_item(wire, step, "pending", status=10, now=clock.now)
    put_older_item(wire, step, "stuck", status=20, now=clock.now, lock="theirs", lock_age=0)
    assert sweep(step).examined == 0
    clock.advance(300)
    assert sorted(_ids(sweep(step).restarted)) == ["pending", "stuck"]


def test_only_candidates_are_read_whole(step: Any, clock: Clock, wire: Wire, workflow: Workflow) -> None:
    for number in range(3):
        step.make_and_save(f"lost-{number}")
        workflow.states[f"lost-{number}-0"] = st.RunState.RUNNING
    clock.advance(300)
    for number in range(20):
        step.make_and_save(f"new-{number}")
    with wire.counting() as requests, wire.reading("BatchGetItem") as asked:
        assert sweep(step).examined == 3
    assert requests == {"Query": 15, "BatchGetItem": 1}
    assert len(asked[0]["RequestItems"][step.Meta.table_name]["Keys"]) == 3


def test_the_cursor_reaches_what_is_behind_many_that_are_left_alone(
    step: Any, workflow: Workflow, clock: Clock
) -> None:
    with step.batch_write() as batch:
        for number in range(250):
            batch.save(step.make(f"running-{number}"))
            workflow.states[f"running-{number}-0"] = st.RunState.RUNNING
    clock.advance(1)
    step.make_and_save("lost")
    clock.advance(300)
    cursor, runs = None, 0
    while not workflow.asked:
        swept = sweep(step, examine=50, cursor=cursor)
        cursor, runs = swept.cursor, runs + 1
    assert runs == 6
    assert (swept.complete, swept.cursor) == (True, None)


def test_a_foreign_cursor_is_refused(step: Any, clock: Clock) -> None:
    for cursor in ("rubbish", f"{clock.now.isoformat()} rubbish"):
        with pytest.raises(ValueError, match=r"is not one that a (sweep|result) gave"):
            sweep(step, cursor=cursor)


def test_counts_within_a_window(step: Any, clock: Clock) -> None:
    moments = []
    for number in range(4):
        step.make_and_save(f"t{number}")
        moments.append(clock.now)
        clock.advance(1)
    assert step.count_within(10) == 4
    assert step.count_within(10, since=moments[1]) == 3
    assert step.count_within(10, since=moments[1], until=moments[3]) == 2
    assert step.count_within(step.config.status_enum.failed) == 0
    with pytest.raises(ValueError, match="No step of use case"):
        step.count_within(11)
    with pytest.raises(ValueError, match="without a time zone"):
        step.count_within(10, since=moments[1].replace(tzinfo=None))


def test_counts_up_to_so_many_of_each_shard(new_step: Callable[..., Any]) -> None:
    step = new_step(n_pending_shard=2)
    for number in range(20):
        step.make_and_save(f"t{number}")
    assert step.count_up_to([10, step.config.status_enum.failed], per_shard=20) == {10: (20, False), 30: (0, False)}
    assert step.count_up_to([10], per_shard=3) == {10: (6, True)}
    assert step.count_up_to([], per_shard=3) == {}
    with pytest.raises(ValueError, match="No step of use case"):
        step.count_up_to([11], per_shard=3)


def test_counting_can_be_stopped_between_pages(new_step: Callable[..., Any]) -> None:
    step = new_step(n_pending_shard=1)
    with step.batch_write() as batch:
        for number in range(700):
            batch.save(step.make(f"{number}-{'x' * 1900}"))
    assert step.count_within(10) == 700
    assert step.count_within(10, stop=lambda: True) is None


class TestSeveralAtOnce:
    def test_threads_start_nothing_twice(self, step: Any, workflow: Workflow, clock: Clock) -> None:
        for number in range(20):
            step.make_and_save(f"t{number}")
            if number % 2:
                workflow.states[f"t{number}-0"] = st.RunState.ENDED
        clock.advance(300)
        barrier = threading.Barrier(SWEEPS)

        def work(_: int) -> Any:
            barrier.wait(30)
            return sweep(step)

        with ThreadPoolExecutor(SWEEPS) as pool:
            swept = list(pool.map(work, range(SWEEPS)))
        assert all(each.failed == () for each in swept)
        started = {name for name in workflow.asked if not (name.endswith("-0") and int(name[1:-2]) % 2)}
        assert started == set(workflow.asked) == {f"t{number}-{number % 2}" for number in range(20)}
        assert {stored(step, f"t{number}").run or 0 for number in range(0, 20, 2)} == {0}
        assert {stored(step, f"t{number}").run for number in range(1, 20, 2)} == {1}

    def test_processes_start_nothing_twice(
        self, base: type[st.BaseTask], engine: Engine, table_name: str, tmp_path: Path
    ) -> None:
        step = make_step(base, STEP1_CODES)
        for number in range(20):
            step.make_and_save(f"t{number}")
        command = [sys.executable, "-m", "tests.contract.backends.sweeper", engine.host, table_name, str(tmp_path)]
        processes = [
            subprocess.Popen(  # noqa: S603  # our own
                command, cwd=ROOT, env=_environment(), stdin=subprocess.PIPE, stdout=subprocess.PIPE
            )
            for _ in range(3)
        ]
        outputs = _all_at_once(processes)
        assert [process.wait(60) for process in processes] == [0, 0, 0]
        assert [each["failed"] for each in outputs] == [0, 0, 0]
        assert sorted(path.name for path in tmp_path.iterdir()) == sorted(f"t{number}-1" for number in range(20))
        assert {stored(step, f"t{number}").run for number in range(20)} == {1}


def _environment() -> dict[str, str]:
    return {"PYTHONPATH": f"{ROOT / 'layer'}:{ROOT}", "PATH": "", "PYTHONWARNINGS": "error"}


def _all_at_once(processes: list[subprocess.Popen[bytes]]) -> list[dict[str, Any]]:
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
    for process in processes:
        assert process.stdin is not None
        process.stdin.write(b"go\n")
        process.stdin.flush()
    return [json.loads(process.communicate(timeout=120)[0]) for process in processes]
