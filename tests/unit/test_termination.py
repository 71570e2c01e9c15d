"""SIGTERM or SIGINT (Ctrl-C) while a task is worked on (R8): each case in a process of its own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import status_tracker as st
from tests.unit.steps import FAILED, IN_PROGRESS, SUCCEEDED

ROOT = Path(__file__).parents[2]
LAYER = Path(st.__file__).parents[1]
SIGTERM, SIGINT = signal.SIGTERM, signal.SIGINT
EXITS: dict[signal.Signals, Any] = {SIGTERM: 128 + SIGTERM, SIGINT: "KeyboardInterrupt()"}
RECORDED = {SIGTERM: f"SystemExit({128 + SIGTERM})", SIGINT: "KeyboardInterrupt()"}

either_signal = pytest.mark.parametrize("number", [SIGTERM, SIGINT])


def run(
    scenario: str,
    number: signal.Signals,
    *,
    module: str = "termination_scenarios",
    returncode: int = 0,
    seconds: float = 60,
) -> Any:
    """What came of it: the last line that the process printed."""
    done = subprocess.run(  # noqa: S603
        [sys.executable, "-W", "error", "-m", f"tests.unit.{module}", scenario, number.name],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": f"{LAYER}{os.pathsep}{ROOT}"},
        capture_output=True,
        text=True,
        timeout=seconds,
        check=False,
    )
    assert done.returncode == returncode, done.stderr
    return SimpleNamespace(**json.loads(done.stdout.splitlines()[-1]))


@either_signal
@pytest.mark.parametrize("scenario", ["in_the_block", "in_the_block_with_a_heartbeat"])
def test_r8_in_the_block_it_is_recorded_and_the_task_released(scenario: str, number: signal.Signals) -> None:
    told = run(scenario, number)
    assert told.exit == EXITS[number]
    assert told.course == ["told"]
    assert (told.status, told.locked, told.retry) == (FAILED, False, 1)
    assert told.history == [RECORDED[number]]
    assert told.default


@either_signal
def test_r8_while_acquiring_it_waits_for_the_answer_and_the_block_is_not_entered(number: signal.Signals) -> None:
    told = run("while_acquiring", number)
    assert told.exit == EXITS[number]
    assert told.course == ["told", "went on"]
    assert (told.status, told.locked, told.writes) == (FAILED, False, 2)
    assert told.history == [RECORDED[number]]
    assert told.default


@either_signal
def test_r8_while_a_start_is_refused_it_waits_for_the_refusal(number: signal.Signals) -> None:
    told = run("while_acquiring_what_is_refused", number)
    assert told.exit == EXITS[number]
    assert told.course == ["told", "went on"]
    assert told.default


@either_signal
@pytest.mark.parametrize(("scenario", "writes"), [("while_succeeding", 2), ("while_succeeding_against_faults", 6)])
def test_r7_while_a_success_is_written_it_waits_until_that_is_stored(
    scenario: str, writes: int, number: signal.Signals
) -> None:
    told = run(scenario, number)
    assert told.exit == EXITS[number]
    assert told.course == ["told", "went on"]
    assert (told.status, told.locked, told.history, told.writes) == (SUCCEEDED, False, [], writes)
    assert told.default
    if scenario == "while_succeeding":
        assert told.data == {"version": 1}


@either_signal
def test_r8_while_a_failure_is_written_it_waits_until_that_is_stored_and_is_not_forgotten(
    number: signal.Signals,
) -> None:
    told = run("while_failing", number)
    assert (told.status, told.locked) == (FAILED, False)
    assert [entry[:11] for entry in told.history] == ["ValueError("]
    assert told.exit == EXITS[number]
    assert "next task" not in told.course


@either_signal
def test_r8_a_second_one_does_not_disturb_the_recording_of_the_first(number: signal.Signals) -> None:
    told = run("again_while_it_is_recorded", number)
    assert told.exit == EXITS[number]
    assert told.course == ["told", "told", "went on"]
    assert (told.status, told.locked, told.history) == (FAILED, False, [RECORDED[number]])
    assert told.default


@either_signal
def test_r7_while_an_inner_tasks_success_is_written_it_waits_for_that_too(number: signal.Signals) -> None:
    told = run("while_an_inner_task_is_finished", number)
    assert told.exit == EXITS[number]
    assert told.course == ["entered", "told", "went on", f"inner {SUCCEEDED}"]
    assert (told.status, told.locked) == (FAILED, False)
    assert told.default


def test_after_the_block_it_ends_the_process_as_ever() -> None:
    assert run("after_the_block", SIGTERM, returncode=-signal.SIGTERM).course == ["ours", "default"]


@either_signal
def test_after_a_refusal_the_default_is_back(number: signal.Signals) -> None:
    assert run("after_a_refusal", number).course == ["default"]


@either_signal
def test_a_handler_of_the_application_is_kept_and_called(number: signal.Signals) -> None:
    told = run("with_a_handler_of_the_application", number)
    assert told.course == ["told", "application", "went on", "kept"]
    assert (told.exit, told.status, told.history) == (None, SUCCEEDED, [])


@either_signal
def test_an_application_that_ignores_it_goes_on_to(number: signal.Signals) -> None:
    told = run("ignored_by_the_application", number)
    assert told.course == ["told", "went on", "kept"]
    assert (told.exit, told.status) == (None, SUCCEEDED)


@either_signal
def test_a_handler_that_the_block_sets_is_kept(number: signal.Signals) -> None:
    told = run("with_a_handler_set_in_the_block", number)
    assert told.course == ["kept"]
    assert told.status == SUCCEEDED


@either_signal
def test_in_another_thread_no_handler_is_set(number: signal.Signals) -> None:
    told = run("in_another_thread", number)
    assert told.course == ["default", "default"]
    assert told.status == SUCCEEDED


def test_r8_after_a_block_that_was_collected_in_another_thread_it_ends_the_process_as_ever() -> None:
    told = run("collected_in_another_thread", SIGTERM, returncode=-signal.SIGTERM)
    assert told.course == ["released"]
    told = run("collected_in_another_thread", SIGINT)
    assert (told.exit, told.course, told.default) == (EXITS[SIGINT], ["released", "told"], True)


@pytest.mark.parametrize("scenario", ["collected_in_another_thread_before_the_next", "never_left"])
def test_r8_a_block_that_left_its_handlers_behind_keeps_none_beyond_the_next_block(scenario: str) -> None:
    told = run(scenario, SIGTERM)
    assert told.course[-1] == "ours"
    assert told.default


SUB_INTERPRETER = """
import sys
try:
    import _interpreters as interpreters
except ImportError:
    import _xxsubinterpreters as interpreters
raised = interpreters.run_string(interpreters.create(), {program!r})
sys.exit(str(raised) if raised else 0)
"""
IN_IT = """
import sys
sys.path[:0] = {path!r}
from tests.unit.steps import PENDING, SUCCEEDED, Clock, start
from status_tracker.testing import MemoryStore, Record
store = MemoryStore(Record(PENDING, errors={{"history": []}}))
with start(store, Clock()):
    pass
assert store.task.status == SUCCEEDED and store.task.lock is None, store.task
"""


def test_r8_a_sub_interpreter_where_no_handler_can_be_set_starts_all_the_same() -> None:
    program = SUB_INTERPRETER.format(program=IN_IT.format(path=[str(LAYER), str(ROOT)]))
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)  # noqa: S603
    assert (done.returncode, done.stderr) == (0, "")


def test_r8_a_second_ctrl_c_while_the_finish_hangs_interrupts_it() -> None:
    told = run("twice_while_the_finish_hangs", SIGINT)
    assert told.exit == EXITS[SIGINT]
    assert told.course == ["entered", "told", "went on", "told"]
    assert (told.status, told.locked, told.writes) == (IN_PROGRESS, True, 2)
    assert told.default


def test_r7_a_second_sigterm_while_the_finish_hangs_is_held_back_too() -> None:
    told = run("twice_while_the_finish_hangs", SIGTERM)
    assert told.exit == EXITS[SIGTERM]
    assert told.course == ["entered", "told", "went on", "told", "went on"]
    assert (told.status, told.locked) == (SUCCEEDED, False)


def test_r8_a_second_ctrl_c_while_the_heartbeat_stops_leaves_no_handler_and_no_lock() -> None:
    told = run("interrupted_while_the_heartbeat_stops", SIGINT)
    assert told.course == ["interrupted", "default"]
    assert told.status != IN_PROGRESS
    assert not told.locked


@either_signal
@pytest.mark.parametrize(
    "start", ["execution", "generator", *(pytest.param(each, marks=pytest.mark.matrix) for each in ("sql", "files"))]
)
def test_r8_at_no_line_of_the_library_it_leaves_the_task_locked_or_the_handler_set_or_waits_for_the_block(
    start: str, number: signal.Signals
) -> None:
    told = run(start, number, module="termination_sweep", seconds=600)
    assert told.lines > 100
    assert told.faults == []


@either_signal
def test_r8_handlers_that_somebody_has_given_back_are_set_for_the_next_attempt(number: signal.Signals) -> None:
    """As a supervisor does that resets them, while an attempt of before was never left."""
    default = "signal.default_int_handler" if number == SIGINT else "signal.SIG_DFL"
    program = f"""
import os, signal
from tests.unit.steps import PENDING, Clock, start
from status_tracker.testing import MemoryStore, Record

stores = [MemoryStore(Record(PENDING, errors={{"history": []}})) for _ in range(2)]
vanished = start(stores[0], Clock())
vanished.__enter__()
signal.signal(signal.{number.name}, {default})
try:
    with start(stores[1], Clock()):
        os.kill(os.getpid(), signal.{number.name})
except (SystemExit, KeyboardInterrupt) as ended:
    print(stores[1].task.status, stores[1].task.errors["history"][0]["error"])
"""
    done = subprocess.run(  # noqa: S603
        [sys.executable, "-c", program],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": f"{LAYER}{os.pathsep}{ROOT}"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.stdout == f"{FAILED} {RECORDED[number]}\n", done.stderr
