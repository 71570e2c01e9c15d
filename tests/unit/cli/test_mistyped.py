"""What is typed wrongly, or cannot be typed: one line says what there is."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from status_tracker.cli.completing import task_ids
from tests.unit.cli.shop import CLOCK, PIPELINE, Order

OF_PIPELINE = ("--task", "tests.unit.cli.shop:PIPELINE")


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (
            ["ls", "--status", "faild"],
            "There is no status 'faild': did you mean 'failed'? Give a code, or one of pending (10, 40), in_progress "
            "(20, 70), failed (30, 80), ignored (50, 100), succeeded (90).",
        ),
        (
            ["rerun", "--status", "nope", "--reason", "x", "--yes"],
            "There is no status 'nope': give a code, or one of pen",
        ),
        (["export", "--status", "77"], "There is no status '77': give a code, or one of pending (10, 40), in_progress"),
        (
            ["ls", "--status", "80", "--step", "Order"],
            "There is no status '80': give a code, or one of pending (10), in_",
        ),
        (
            ["pause", "--reason", "x", "--until", "2020-01-01"],
            "--until is '2020-01-01', which is past: give a time to com",
        ),
        (["pause", "--reason", "x", "--until", "0s"], "--until is '0s', which is past"),
    ],
)
def test_one_line_says_what_there_is(run: Any, arguments: list[str], told: str) -> None:
    answer = run(*arguments, *OF_PIPELINE)
    assert (answer.code, answer.out, answer.err.count("\n"), PIPELINE.pauses()) == (2, "", 1, [])
    assert answer.err.startswith(f"Error: {told}")


def test_the_beginning_of_ids_takes_the_escapes_that_a_list_shows(run: Any) -> None:
    for task_id in ("a\x1b[31m\nb", "a\tb", "c\\x41"):
        Order.make_and_save(task_id)
        CLOCK.move(1)

    def listed(prefix: str) -> list[str]:
        return [each["task_id"] for each in run("ls", "--json", "--id-prefix", prefix).json["tasks"]]

    assert listed("a\\x1b[") == listed("shop____a\x1b") == ["a\x1b[31m\nb"]
    assert listed("a\\t") == ["a\tb"]
    assert listed("c\\x41") == ["c\\x41"]
    assert run("rerun", "--id-prefix", "a\\x1b", "--status", "pending", "--reason", "x", "--yes").code == 0


def test_ids_that_no_line_can_hold_are_not_offered() -> None:
    for task_id in ("a\tb", "a\nb", "a b", "a-ü"):
        Order.make_and_save(task_id)
        CLOCK.move(1)

    context = SimpleNamespace(params={"task": "tests.unit.cli.shop:PIPELINE"})
    assert task_ids(context, "a") == ["a-ü", "a b"]
