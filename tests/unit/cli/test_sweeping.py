"""`sweep`."""

from __future__ import annotations

from typing import Any, ClassVar

import pytest

from status_tracker.core.errors import TaskExecutionError
from status_tracker.core.task import RunState
from tests.unit.cli.conftest import stored
from tests.unit.cli.shop import CLOCK, Order


@pytest.fixture(autouse=True)
def _caller(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("status_tracker.cli.sweeping.caller", lambda _: "ann@laptop")


def test_what_nothing_works_on_is_started(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Order, "run_state", lambda _: RunState.ENDED)
    Order.make_and_save("old")
    CLOCK.move(600)
    Order.make_and_save("new")
    answer = run("sweep")
    assert answer.code == 0
    assert ["restarted", "1"] in [line.split() for line in answer.out.splitlines()]
    assert answer.err.startswith("old: restarted: pending since 2026-01-02T12:00:00+00:00")
    assert Order.dispatched == ["old"]
    assert [each["by"] for each in stored("old").errors["actions"]] == ["ann@laptop"]


def test_what_cannot_be_started_is_told(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def unreachable(_: Any) -> Any:
        raise ConnectionError("no route")

    Order.make_and_save("old")
    monkeypatch.setattr(Order, "run_state", unreachable)
    answer = run("sweep", "--pending-after", "0s", "--json")
    assert answer.code == 1
    assert answer.json["failed"] == [{"task_id": "old", "why": "ConnectionError: no route"}]
    assert answer.json["counts"]["restarted"] == 0


def test_what_was_done_before_the_listing_broke_is_told(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    query = Order.query_unattended

    class Breaking:
        cursor = "behind-old"
        tasks: ClassVar[Any] = None

        def __iter__(self) -> Any:
            yield from self.tasks
            raise TaskExecutionError("the store is gone")

    def broken(**chosen: Any) -> Any:
        Breaking.tasks = query(**chosen)
        return Breaking()

    monkeypatch.setattr(Order, "run_state", lambda _: RunState.ENDED)
    monkeypatch.setattr(Order, "query_unattended", broken)
    Order.make_and_save("old")
    answer = run("sweep", "--pending-after", "0s")
    assert answer.code == 1
    assert [line.partition(" ")[0] for line in answer.err.splitlines()] == ["old:", "There", "Error:"]
    assert "behind-old" in answer.err
    assert "the store is gone" in answer.err
    assert Order.dispatched == ["old"]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--limit", "0"], "limit is 0"),
        (["--pending-after", "soon"], "--pending-after is 'soon': give an age"),
        (["--by", " "], "by is ' '"),
    ],
)
def test_what_cannot_be_meant_is_refused(run: Any, arguments: list[str], told: str) -> None:
    Order.make_and_save("old")
    answer = run("sweep", *arguments)
    assert answer.code == 2
    assert told in answer.err
    assert Order.dispatched == []


def test_a_dry_run_tells_by_reason_what_would_be_restarted_and_changes_nothing(
    run: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("status_tracker.cli.sweeping.caller", lambda _: 1 / 0)
    ended = {"b", "c"}
    monkeypatch.setattr(
        Order, "run_state", lambda task: RunState.ENDED if task.task_id in ended else RunState.NEVER_STARTED
    )
    for task_id in ("a", "b", "c"):
        Order.make_and_save(task_id)
    CLOCK.move(600)
    before = {task_id: vars(stored(task_id)) for task_id in ("a", "b", "c")}
    answer = run("sweep", "--dry-run")
    assert answer.code == 0
    assert ["would_restart", "3"] in [line.split() for line in answer.out.splitlines()]
    by_case, tasks = answer.err.splitlines()[:2], answer.err.splitlines()[2:]
    assert by_case == [
        "would restart: 2 pending, and its run has ended without an end of the task",
        "would restart: 1 pending, and its run was never started",
    ]
    assert [line.partition(": pending since")[0] for line in tasks] == [f"{each}: would restart" for each in "abc"]
    assert run("sweep", "--dry-run", "--json").json["counts"]["would_restart"] == 3
    assert Order.dispatched == []
    assert {task_id: vars(stored(task_id)) for task_id in ("a", "b", "c")} == before


def test_a_paused_step_is_not_swept(run: Any) -> None:
    pipeline = ("--task", "tests.unit.cli.shop:PIPELINE")
    run("pause", "--reason", "the printer burns", *pipeline)
    answer = run("sweep", *pipeline)
    assert (answer.code, "Order is paused by ann@laptop: the printer burns." in answer.err) == (2, True)
    assert run("sweep", "--dry-run", *pipeline).code == 0
