"""Which tasks the command is about, and what is told where that cannot be."""

from __future__ import annotations

import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from status_tracker.cli.errors import explained
from status_tracker.cli.text import age, plain
from status_tracker.cli.times import parse_moment
from tests.unit.cli.conftest import fail, stored
from tests.unit.steps import NOON

LAYER = Path(__file__).parents[3] / "layer"


@pytest.mark.parametrize(
    ("task", "told"),
    [
        ("", "No task class is given: give --task module:Class, or set STATUS_TRACKER_TASK to it"),
        ("", "which `. .local/env` does for the local cloud"),
        ("", '`eval "$(status-tracker env STACK)"` for a stack on AWS'),
        ("shop", "--task is 'shop': give --task module:Class"),
        ("shop:", "--task is 'shop:'"),
        ("no_such_shop:Order", "There is no module 'no_such_shop'"),
        ("tests.unit.cli.shop:Oder", "has no 'Oder'; its task classes are: Delivery, Order, Refund."),
        ("tests.unit.cli.shop:NOT_A_CLASS", "is 3: give a class derived from BaseTask"),
        ("tests.unit.cli.shop:Clock", "give a class derived from BaseTask"),
        ("tests.unit.cli.shop:Abstract", "has no config"),
        ("tests.unit.cli.broken_shop:Order", "cannot be imported: RuntimeError: TABLE_NAME is not set"),
    ],
)
def test_unknown_task_class(run: Any, task: str, told: str) -> None:
    answer = run("stats", "--task", task)
    assert answer.code == 2
    assert told in answer.err
    assert answer.err.count("\n") == 1


def test_a_pipeline_stands_for_its_first_step(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    fail("o-1")
    by_class = run("stats", "--task", "tests.unit.cli.shop:Order")
    assert (by_class.code, by_class.err) == (0, "")
    of_pipeline = run("stats", "--task", "tests.unit.cli.shop:PIPELINE", "--step", "Order").out
    assert by_class.out == f"{of_pipeline}Nothing has finished in the last 10 min.\n"  # alone, it is the last step
    monkeypatch.setenv("STATUS_TRACKER_TASK", "tests.unit.cli.shop:PIPELINE")
    answer = run("ignore", "o-1", "--reason", "sold out", "--yes")
    assert answer.code == 0, answer.err
    assert stored("o-1").is_ignored()


@pytest.mark.parametrize("arguments", [("rerun", "a.pdf", "--reason", "mended"), ("sweep",)])
def test_what_changes_tasks_takes_one_class_also_of_steps_of_one_use_case(
    run: Any, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...]
) -> None:
    """Else the tasks of both would be reset by the rules of the first."""
    monkeypatch.setenv("STATUS_TRACKER_TASK", "documents.tasks:ExtractTask,documents.tasks:AnswerTask")
    answer = run(*arguments, "--table", "none", "--region", "us-east-1")
    assert (answer.code, "only commands that read take several; give one" in answer.err) == (2, True)


@pytest.mark.parametrize("options", [["--table", "t"], ["--statuses", "1,2,3,4,5"]])
def test_options_of_another_store_are_refused(run: Any, options: list[str]) -> None:
    answer = run("stats", *options)
    assert answer.code == 2
    assert "leave it out" in answer.err


def test_missing_extra_is_told() -> None:
    program = (
        f"import sys; sys.path.insert(0, {str(LAYER)!r}); sys.modules['typer'] = None\n"
        "import status_tracker.cli\nstatus_tracker.cli.main()"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)  # noqa: S603
    assert done.returncode == 2
    assert done.stderr == "status-tracker needs typer: pip install 'status-tracker[cli]'\n"


@pytest.mark.parametrize(
    ("text", "seconds"), [("30s", 30), ("15m", 900), ("15 min", 900), ("2h", 7200), ("1.5H", 5400), ("1w", 604800)]
)
def test_ages(text: str, seconds: int) -> None:
    assert parse_moment(text, "--since", NOON) == NOON - timedelta(seconds=seconds)


def test_iso_times() -> None:
    assert parse_moment("2026-01-02T13:00:00+01:00", "--since", NOON) == NOON
    local = parse_moment("2026-01-02", "--since", NOON)
    assert local is not None
    assert local.utcoffset() == timedelta(0)
    assert parse_moment(None, "--since", NOON) is None


def test_text_is_made_plain() -> None:
    assert plain("Ünï \U0001f600 [b]") == "Ünï \U0001f600 [b]"
    assert plain("\x1b[31m\n\x7f\u202e\ud800") == "\\x1b[31m\\n\\x7f\\u202e\\ud800"


@pytest.mark.parametrize(
    ("seconds", "told"),
    [(0, "0 s"), (119, "119 s"), (120, "2 min"), (7200, "2 h"), (200_000, "2 d"), (-300, "in 5 min")],
)
def test_age_in_one_unit(seconds: int, told: str) -> None:
    assert age(NOON, NOON + timedelta(seconds=seconds)) == told


def test_faults_that_are_nobodys_stay_faults() -> None:
    assert explained(ZeroDivisionError()) is None
