"""`cancel`, `delete`, `pause`, `resume`, and the progress of what takes long."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from status_tracker.cli.progress_lines import EVERY_SECONDS, ProgressLines
from status_tracker.testing import Fault
from tests.unit.cli.conftest import fail, stored
from tests.unit.cli.shop import CLOCK, PIPELINE, Delivery, Order
from tests.unit.steps import LEASE

OF_PIPELINE = ("--task", "tests.unit.cli.shop:PIPELINE")
WRONG = ("--reason", "wrong delivery")


def work(step: Any, task_id: str) -> None:
    with step.start(task_id, create=step is Order):
        pass


def test_what_is_unfinished_is_cancelled_in_every_step_unless_said(run: Any) -> None:
    Order.make_and_save("pending")
    fail("failed")
    Order.start("held", create=True).__enter__()
    work(Order, "later")
    work(Order, "delivering")
    Delivery.start("delivering").__enter__()
    work(Order, "done")
    work(Delivery, "done")
    answer = run("cancel", "--since", "1h", *WRONG, *OF_PIPELINE, "--yes", "--json")
    assert (answer.code, answer.json["counts"]) == (0, {"done": 5})
    assert {name: stored(name).status for name in ("pending", "failed", "held", "later", "delivering", "done")} == {
        **dict.fromkeys(("pending", "failed", "held"), 50),
        **dict.fromkeys(("later", "delivering"), 100),
        "done": 90,
    }


def test_a_task_is_cancelled_by_its_id_in_the_step_where_it_is(run: Any) -> None:
    work(Order, "a")
    Delivery.start("a").__enter__()
    assert run("cancel", "a", *WRONG, *OF_PIPELINE).code == 0
    assert stored("a").status == 100
    assert [(each["action"], each["by"]) for each in stored("a").errors["actions"]] == [("cancel", "ann@laptop")]
    answer = run("cancel", "a", *WRONG, *OF_PIPELINE)
    assert (answer.code, "a: refused" in answer.err) == (1, True)


def test_dry_run_cancels_nothing(run: Any) -> None:
    Order.make_and_save("a")
    answer = run("cancel", "--status", "pending", "--dry-run", *OF_PIPELINE)
    assert (answer.code, answer.err, stored("a").status) == (0, "Matching: 1 task.\n", 10)


def test_a_status_is_meant_in_every_step_where_a_task_can_stay_in_it(run: Any) -> None:
    """What has succeeded in one step and waits for the next has not succeeded."""
    work(Order, "waiting")
    work(Order, "done")
    work(Delivery, "done")
    answer = run("delete", "--status", "succeeded", "--reason", "old", *OF_PIPELINE, "--yes", "--json")
    assert (answer.code, answer.json["counts"]) == (0, {"done": 1})
    shown = run("cancel", "--status", "pending", "--dry-run", *OF_PIPELINE)
    assert shown.out.splitlines()[1].split()[:3] == ["waiting", "Delivery", "pending"]
    assert (Order.get_one_or_none("done"), stored("waiting").status) == (None, 40)


@pytest.mark.parametrize(("typed", "code"), [("y\n", 0), ("n\n", 1)])
def test_a_person_is_asked_before_a_task_is_deleted(
    run: Any, typed: str, code: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("status_tracker.cli.acting.can_ask", lambda: True)
    Order.make_and_save("a")
    answer = run("delete", "a", *WRONG, *OF_PIPELINE, typed=typed)
    assert answer.code == code
    assert answer.err.startswith("delete 1 task with all that they have? [y/N]:")
    assert (Order.get_one_or_none("a") is None) == (code == 0)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["delete", "a", *WRONG, *OF_PIPELINE], "Nobody can be asked here: give --yes to delete them"),
        (["delete", "a", "--yes", *WRONG], "give --task the pipeline"),
        (["delete", "--since", "1h", *WRONG, "--yes"], "Say which tasks to delete by their --status"),
        (["delete", "a", "--yes"], "say why with --reason"),
        (["cancel", *WRONG], "Give either task ids or a filter"),
        (["pause", "--reason", " ", *OF_PIPELINE], "--reason is empty"),
        (["pause", "--reason", "x", "--step", "Packing", *OF_PIPELINE], "the steps are Order, Delivery"),
        (["pause", "--reason", "x", "--until", "soon", *OF_PIPELINE], "--until is 'soon'"),
        (["pause", "--reason", "x"], "give a pipeline"),
    ],
)
def test_what_cannot_be_meant_is_refused_and_nothing_changes(run: Any, arguments: list[str], told: str) -> None:
    Order.make_and_save("a")
    before = stored("a")
    answer = run(*arguments)
    assert (answer.code, stored("a"), PIPELINE.pauses()) == (2, before, [])
    assert told in answer.err


def test_what_a_worker_holds_is_deleted_when_it_was_cancelled_and_its_lease_is_over(run: Any) -> None:
    Order.start("a", create=True).__enter__()
    delete = ("delete", "a", "--cancel", "--yes", *WRONG, *OF_PIPELINE)
    assert run("delete", "a", "--yes", *WRONG, *OF_PIPELINE).code == 1
    assert stored("a").is_in_progress()
    answer = run(*delete)
    assert (answer.code, stored("a").is_ignored()) == (1, True)
    assert "a: locked: Task" in answer.err
    assert (CLOCK.now + LEASE).isoformat() in answer.err
    CLOCK.move(LEASE.total_seconds())
    assert run(*delete).code == 0
    assert Order.get_one_or_none("a") is None


def test_what_a_filter_has_cancelled_is_deleted_by_its_run_id(run: Any) -> None:
    Order.start("a", create=True).__enter__()
    delete = ("delete", "--status", "in_progress", "--cancel", "--yes", "--run-id", "d1", *WRONG, *OF_PIPELINE)
    answer = run(*delete)
    assert (answer.code, "with --run-id d1" in answer.err) == (1, True)
    CLOCK.move(LEASE.total_seconds())
    assert run(*delete).code == 0
    assert Order.get_one_or_none("a") is None


def test_a_nightly_deletion_that_finds_nothing_is_done(run: Any) -> None:
    answer = run("delete", "--status", "succeeded", "--until", "90d", "--yes", "--reason", "old", *OF_PIPELINE)
    assert (answer.code, answer.err) == (0, "Matching: 0 tasks.\nNo task matches.\n")


def test_with_yes_too_it_is_told_how_many_there_are(run: Any) -> None:
    fail("a")
    fail("b")
    assert run("rerun", "--status", "failed", "--reason", "mended", "--yes").err.startswith("Matching: 2 tasks.\nRun ")


def test_a_pipeline_is_paused_and_resumed(run: Any) -> None:
    answer = run("pause", "--reason", "the printer burns", "--step", "Delivery", "--until", "2h", *OF_PIPELINE)
    end = (CLOCK.now + timedelta(hours=2)).isoformat()
    assert answer.code == 0
    assert answer.err.startswith(f"shop, step Delivery, is paused until {end}: the printer burns (ann@laptop, ")
    told = run("pause", "--reason", "moving", "--by", "bob", "--json", *OF_PIPELINE).json["paused"]
    assert sorted((str(each["step"]), each["by"]) for each in told) == [("Delivery", "ann@laptop"), ("None", "bob")]
    assert run("resume", "--step", "Delivery", "--json", *OF_PIPELINE).json["paused"][0]["reason"] == "moving"
    assert run("resume", *OF_PIPELINE).err == "Nothing of shop is paused.\n"
    again = run("resume", *OF_PIPELINE)
    assert (again.code, again.err.splitlines()[0]) == (1, "Nothing of it was paused.")


def test_without_a_terminal_lines_tell_how_far_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    seconds = [0.0]
    lines = ProgressLines("rerun", 3840, lambda: seconds[0])
    for _ in range(700):
        seconds[0] += 1 / 64
        lines.advance()
    assert capsys.readouterr().err.splitlines() == [
        "rerun: 320 of 3,840, 64.0 a second, about 55 s left",
        "rerun: 640 of 3,840, 64.0 a second, about 50 s left",
    ]
    endless = ProgressLines("Exporting", None, lambda: seconds[0])
    seconds[0] += EVERY_SECONDS
    endless.advance()
    assert capsys.readouterr().err == "Exporting: 1, 0.2 a second\n"


def test_an_outage_in_the_middle_is_completed_by_the_run_id(run: Any) -> None:
    for n in range(30):
        fail(f"{n:02}")
        CLOCK.move(1)
    delete = ("delete", "--status", "failed", "--reason", "old", "--yes", "--run-id", "d1", *OF_PIPELINE)
    Order.storage.befall(Fault.BROKEN, 5)
    assert run(*delete).code == 1
    assert run(*delete).code == 0
    assert [Order.get_one_or_none(f"{n:02}") for n in range(30)] == [None] * 30
