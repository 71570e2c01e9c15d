"""SIGTERM while a task is worked on (R8): each case in a process of its own, which is really told to end."""

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
TOLD_TO_END = 128 + signal.SIGTERM


def run(scenario: str, *, module: str = "termination_scenarios", returncode: int = 0) -> Any:
    """What came of it: the last line that the process printed."""
    done = subprocess.run(  # noqa: S603
        [sys.executable, "-W", "error", "-m", f"tests.unit.{module}", scenario],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": f"{LAYER}{os.pathsep}{ROOT}"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == returncode, done.stderr
    return SimpleNamespace(**json.loads(done.stdout.splitlines()[-1]))


@pytest.mark.parametrize("scenario", ["in_the_block", "in_the_block_with_a_heartbeat"])
def test_r8_in_the_block_it_is_recorded_and_the_task_released(scenario: str) -> None:
    told = run(scenario)
    assert told.exit == TOLD_TO_END
    assert told.course == ["told"]
    assert (told.status, told.locked, told.retry) == (FAILED, False, 1)
    assert told.history == [f"SystemExit({TOLD_TO_END})"]
    assert told.default


def test_r8_while_acquiring_it_waits_for_the_answer_and_the_block_is_not_entered() -> None:
    told = run("while_acquiring")
    assert told.exit == TOLD_TO_END
    assert told.course == ["told", "went on"]
    assert (told.status, told.locked, told.writes) == (FAILED, False, 2)
    assert told.history == [f"SystemExit({TOLD_TO_END})"]
    assert told.default


def test_r8_while_a_start_is_refused_it_waits_for_the_refusal() -> None:
    told = run("while_acquiring_what_is_refused")
    assert told.exit == TOLD_TO_END
    assert told.course == ["told", "went on"]
    assert told.default


@pytest.mark.parametrize(("scenario", "writes"), [("while_succeeding", 2), ("while_succeeding_against_faults", 6)])
def test_r7_while_a_success_is_written_it_waits_until_that_is_stored(scenario: str, writes: int) -> None:
    told = run(scenario)
    assert told.exit == TOLD_TO_END
    assert told.course == ["told", "went on"]
    assert (told.status, told.locked, told.history, told.writes) == (SUCCEEDED, False, [], writes)
    assert told.default
    if scenario == "while_succeeding":
        assert told.data == {"version": 1}


def test_r8_while_a_failure_is_written_it_waits_until_that_is_stored_and_is_not_forgotten() -> None:
    told = run("while_failing")
    assert (told.status, told.locked) == (FAILED, False)
    assert [entry[:11] for entry in told.history] == ["ValueError("]
    assert told.exit == TOLD_TO_END
    assert "next task" not in told.course


def test_r8_a_second_one_does_not_disturb_the_recording_of_the_first() -> None:
    told = run("again_while_it_is_recorded")
    assert told.exit == TOLD_TO_END
    assert told.course == ["told", "told", "went on"]
    assert (told.status, told.locked, told.history) == (FAILED, False, [f"SystemExit({TOLD_TO_END})"])
    assert told.default


def test_r7_while_an_inner_tasks_success_is_written_it_waits_for_that_too() -> None:
    told = run("while_an_inner_task_is_finished")
    assert told.exit == TOLD_TO_END
    assert told.course == ["entered", "told", "went on", f"inner {SUCCEEDED}"]
    assert (told.status, told.locked) == (FAILED, False)
    assert told.default


def test_after_the_block_it_ends_the_process_as_ever() -> None:
    assert run("after_the_block", returncode=-signal.SIGTERM).course == ["ours", "default"]


def test_after_a_refusal_the_default_is_back() -> None:
    assert run("after_a_refusal").course == ["default"]


def test_a_handler_of_the_application_is_kept_and_called() -> None:
    told = run("with_a_handler_of_the_application")
    assert told.course == ["told", "application", "went on", "kept"]
    assert (told.exit, told.status, told.history) == (None, SUCCEEDED, [])


def test_an_application_that_ignores_it_goes_on_to() -> None:
    told = run("ignored_by_the_application")
    assert told.course == ["told", "went on", "kept"]
    assert (told.exit, told.status) == (None, SUCCEEDED)


def test_a_handler_that_the_block_sets_is_kept() -> None:
    told = run("with_a_handler_set_in_the_block")
    assert told.course == ["kept"]
    assert told.status == SUCCEEDED


def test_in_another_thread_no_handler_is_set() -> None:
    told = run("in_another_thread")
    assert told.course == ["default", "default"]
    assert told.status == SUCCEEDED


def test_r8_ctrl_c_while_the_heartbeat_stops_leaves_no_handler_and_no_lock() -> None:
    told = run("interrupted_while_the_heartbeat_stops")
    assert told.course == ["interrupted", "default"]
    assert told.status != IN_PROGRESS
    assert not told.locked


def test_r8_at_no_line_of_the_library_it_leaves_the_task_locked_or_the_handler_set() -> None:
    told = run("all", module="termination_sweep")
    assert told.lines > 100
    assert told.faults == []
