"""How far a command is, where nobody watches a terminal; and what Ctrl-C leaves behind."""

from __future__ import annotations

import itertools
import os
import signal
from pathlib import Path
from typing import Any

import pytest

from status_tracker.cli.progress import Reading
from status_tracker.core.task import RunState
from tests.unit.cli.conftest import fail, stored
from tests.unit.cli.shop import CLOCK, Order, Refund

MENDED = ("--reason", "mended", "--yes")
SHOP, REFUNDS = "tests.unit.cli.shop:PIPELINE", "tests.unit.cli.shop:REFUNDS"


@pytest.fixture
def _slow(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if seconds passed between two tasks."""
    monkeypatch.setattr("status_tracker.cli.progress.EVERY_SECONDS", 0.0)
    monkeypatch.setattr("status_tracker.cli.progress_lines.EVERY_SECONDS", 0.0)


def some(count: int) -> None:
    for number in range(count):
        fail(f"t-{number}")
        CLOCK.move(1)


def interrupt_at(monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    """Ctrl-C at that look."""
    looks = itertools.count(1)
    look = Reading.look

    def interrupted(self: Any, done: Any) -> None:
        if next(looks) == number:
            os.kill(os.getpid(), signal.SIGINT)
        look(self, done)

    monkeypatch.setattr(Reading, "look", interrupted)


@pytest.mark.usefixtures("_slow")
@pytest.mark.parametrize(
    ("command", "line"),
    [
        (["ls"], "Listing shop: 1 pending, in_progress, failed, ignored, succeeded read, 1 match"),
        (["export"], "Exporting shop: 1 pending, in_progress, failed, ignored, succeeded read, 1 match"),
        (["rerun", "--status", "failed", "--dry-run"], "Counting: 2 read"),
        (["rerun", "--status", "failed", *MENDED], "Counting: 2 read"),
        (["sweep", "--dry-run"], "Sweeping shop: Order, 2 looked at"),
    ],
)
def test_lines_tell_how_far_it_is(run: Any, command: list[str], line: str) -> None:
    some(4)
    assert line in run(*command, "--task", SHOP).err.splitlines()


@pytest.mark.usefixtures("_slow")
def test_lines_tell_how_much_is_read_before_a_completed_run_has_something_to_do(run: Any) -> None:
    for number in range(3):
        Order.make_and_save(f"p-{number}")
    answer = run("rerun", "--status", "failed", *MENDED, "--run-id", "r1", "--task", SHOP)
    assert "rerun: nothing done yet, 2 tasks read" in answer.err.splitlines()


def test_interrupted_count_changes_nothing(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    some(3)
    interrupt_at(monkeypatch, 2)
    answer = run("rerun", "--status", "failed", *MENDED)
    assert (answer.code, answer.err) == (130, "Interrupted while counting: nothing was changed.\n")
    assert stored("t-0").is_failed()


@pytest.mark.parametrize("chosen", [["--status", "failed"], ["t-0", "t-1", "t-2"]])
def test_interrupted_action_says_how_it_goes_on(run: Any, monkeypatch: pytest.MonkeyPatch, chosen: list[str]) -> None:
    some(3)
    with monkeypatch.context() as patched:
        done = itertools.count(1)

        def interrupt(_: Any) -> None:
            if next(done) == 2:
                raise KeyboardInterrupt

        patched.setattr("status_tracker.cli.acting.advance", interrupt)
        answer = run("rerun", *chosen, *MENDED, "--run-id", "r1")
    assert answer.code == 130
    assert "Interrupted. To go on, give the same command with --run-id r1" in answer.err.splitlines()
    assert run("rerun", *chosen, *MENDED, "--run-id", "r1").code == 0
    assert {stored(f"t-{number}").run for number in range(3)} == {1}


def test_interrupted_sweep_says_how_it_goes_on(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Order, "run_state", lambda _: RunState.ENDED)
    monkeypatch.setattr("status_tracker.cli.sweeping.caller", lambda _: "ann@laptop")
    for number in range(4):
        Order.make_and_save(f"p-{number}")
        CLOCK.move(1)
    CLOCK.move(600)
    with monkeypatch.context() as patched:
        interrupt_at(patched, 3)
        answer = run("sweep", "--task", SHOP)
    assert (answer.code, Order.dispatched) == (130, ["p-0", "p-1"])
    lines = answer.err.splitlines()
    assert lines[-1] == "Interrupted."
    cursor = next(line for line in lines if "--cursor" in line).rpartition("--cursor ")[2].strip("'")
    assert run("sweep", "--task", SHOP, "--cursor", cursor).code == 0
    assert Order.dispatched == ["p-0", "p-1", "p-2", "p-3"]


def test_interrupted_export_of_several_use_cases_goes_on_with_all_of_them(
    run: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    some(3)
    for number in range(3):
        Refund.make_and_save(f"r-{number}")
        CLOCK.move(1)
    several = ("export", "--task", f"{SHOP},{REFUNDS}")
    whole = run(*several).out
    for looks in (2, 6):  # in the first use case, in the second
        for output in ([], ["--output", str(tmp_path / f"{looks}.csv")]):
            with monkeypatch.context() as patched:
                interrupt_at(patched, looks)
                answer = run(*several, *output)
            assert answer.code == 130
            told = answer.err.splitlines()[-1].rpartition("--task ")[2].split()
            rest = run("export", "--task", *told, *output)
            assert rest.code == 0, rest.err
            found = Path(output[1]).read_text() if output else answer.out + rest.out
            assert found == whole, (looks, output)
