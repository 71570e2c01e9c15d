"""Given a pipeline, an action and the sweep look at the tasks of all its steps; `--step` narrows."""

from __future__ import annotations

from typing import Any

import pytest

from status_tracker.core.errors import TaskExecutionError
from status_tracker.core.task import RunState
from status_tracker.operations.all_steps import AllSteps
from status_tracker.operations.bulk import BulkRun
from status_tracker.operations.filters import TaskFilter
from tests.unit.cli.conftest import OutOfStockError, fail, stored
from tests.unit.cli.shop import CLOCK, PIPELINE, Delivery, Order

MENDED = ("--reason", "mended")


@pytest.fixture(autouse=True)
def _pipeline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STATUS_TRACKER_TASK", "tests.unit.cli.shop:PIPELINE")
    monkeypatch.setattr("status_tracker.cli.sweeping.caller", lambda _: "ann@laptop")


def fail_in_delivery(task_id: str) -> None:
    Order.make_and_save(task_id, _status=40)
    with pytest.raises(OutOfStockError), Delivery.start(task_id):
        raise OutOfStockError("no lorry")


def statuses(*task_ids: str) -> list[int]:
    return [stored(task_id).status for task_id in task_ids]


def started(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    begun: list[str] = []
    for step in (Order, Delivery):
        monkeypatch.setattr(step, "dispatch", lambda task, name=step.__name__: begun.append(f"{name} {task.task_id}"))
    return begun


def test_what_has_failed_is_rerun_where_it_has_failed(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    begun = started(monkeypatch)
    fail("ordered")
    fail_in_delivery("sent")
    shown = run("rerun", "--status", "failed", "--dry-run")
    assert [line.split()[:3] for line in shown.out.splitlines()[1:]] == [
        ["ordered", "Order", "failed"],
        ["sent", "Delivery", "failed"],
    ]
    answer = run("rerun", "--status", "failed", *MENDED, "--yes", "--json", "--run-id", "r1")
    assert (answer.code, answer.json["counts"]) == (0, {"done": 2})
    assert (statuses("ordered", "sent"), sorted(begun)) == ([10, 40], ["Delivery sent", "Order ordered"])
    again = run("rerun", "--status", "failed", *MENDED, "--yes", "--json", "--run-id", "r1")
    assert (again.code, again.json["counts"], len(begun)) == (0, {"repeated": 2}, 4)


def test_step_narrows_what_is_acted_on(run: Any) -> None:
    fail("ordered")
    fail_in_delivery("sent")
    for step, task_id, pending in (("Delivery", "sent", 40), ("Order", "ordered", 10)):
        answer = run("rerun", "--status", "failed", "--step", step, *MENDED, "--yes", "--json")
        assert (answer.code, answer.json["counts"], statuses(task_id)) == (0, {"done": 1}, [pending])
    assert run("rerun", "--status", "failed", "--step", "Parcel", *MENDED, "--yes").code == 2


def test_a_step_that_is_named_is_where_a_rerun_begins(run: Any) -> None:
    fail_in_delivery("by-id")
    Order.make_and_save("by-filter", _status=40)
    assert run("rerun", "by-id", "--step", "Order", *MENDED).code == 0
    assert run("rerun", "--status", "succeeded", "--step", "Order", *MENDED, "--yes").code == 0
    assert statuses("by-id", "by-filter") == [10, 10]
    Order.make_and_save("done", _status=90)
    assert run("rerun", "done", "--step", "Delivery", *MENDED).code == 0
    assert statuses("done") == [40]


def test_ignore_unignore_and_unlock_find_tasks_of_every_step(run: Any) -> None:
    fail("ordered")
    fail_in_delivery("sent")
    for action, expected in (("ignore", [50, 100]), ("unignore", [10, 40])):
        answer = run(action, "--since", "1h", *MENDED, "--yes", "--json")
        assert (answer.code, answer.json["counts"], statuses("ordered", "sent")) == (0, {"done": 2}, expected)
    Order.start("ordered").__enter__()
    Delivery.start("sent").__enter__()
    assert run("unlock", "--since", "1h", *MENDED, "--yes", "--json").json["counts"] == {"done": 2}
    assert not stored("sent").is_locked()


def test_a_task_that_goes_on_to_the_next_step_meanwhile_is_acted_on_there(monkeypatch: pytest.MonkeyPatch) -> None:
    """It was listed in the first step: nothing sends it back to that."""
    Order.make_and_save("a")
    act = Order.act_if.__func__  # type: ignore[attr-defined]

    def late(cls: Any, task_id: str, *arguments: Any, **more: Any) -> Any:
        if stored("a").status == 10:
            with Order.start("a"):
                pass
        return act(cls, task_id, *arguments, **more)

    monkeypatch.setattr(Order, "act_if", classmethod(late))
    run = BulkRun(AllSteps(PIPELINE), "rerun", TaskFilter((10, 40)), reason="mended")
    assert [outcome.kind for outcome in run] == ["done"]
    assert statuses("a") == [40]


def test_delete_by_ids_takes_no_step(run: Any) -> None:
    Order.make_and_save("a")
    answer = run("delete", "a", "--step", "Order", *MENDED, "--yes")
    assert (answer.code, "--step goes with a filter" in answer.err, statuses("a")) == (2, True, [10])
    fail_in_delivery("sent")
    assert run("delete", "--status", "failed", "--step", "Order", *MENDED, "--yes").code == 0
    assert run("delete", "--status", "failed", "--step", "Delivery", *MENDED, "--yes").code == 0
    assert Order.get_one_or_none("sent") is None


def unattended(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    for step in (Order, Delivery):
        monkeypatch.setattr(step, "run_state", lambda _: RunState.ENDED)
    Order.make_and_save("ordered")
    Order.make_and_save("sent", _status=40)
    CLOCK.move(600)
    return started(monkeypatch)


def test_every_step_is_swept(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    begun = unattended(monkeypatch)
    shown = run("sweep", "--dry-run", "--json").json
    assert (shown["counts"]["would_restart"], shown["steps"], begun) == (2, ["Order", "Delivery"], [])
    answer = run("sweep")
    assert ["restarted", "2"] in [line.split() for line in answer.out.splitlines()]
    assert (answer.code, begun) == (0, ["Order ordered", "Delivery sent"])


def test_a_sweep_comes_to_the_last_step_however_many_are_running_before(
    run: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(1001):
        Order.make_and_save(f"running-{number}")
    begun = unattended(monkeypatch)
    monkeypatch.setattr(Order, "run_state", lambda _: RunState.RUNNING)
    assert run("sweep").code == 0
    assert begun == ["Delivery sent"]


def test_a_sweep_of_one_step(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    begun = unattended(monkeypatch)
    assert run("sweep", "--step", "Delivery").code == 0
    assert begun == ["Delivery sent"]


def test_a_sweep_goes_on_in_the_step_where_it_stopped(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    begun = unattended(monkeypatch)
    first = run("sweep", "--limit", "1")
    assert "Not looked at: Delivery." in first.err
    assert begun == ["Order ordered"]
    cursor = first.err.splitlines()[-1].rpartition("--cursor ")[2].strip("'")
    begun.clear()
    assert run("sweep", "--cursor", cursor).code == 0
    assert begun == ["Delivery sent"]
    assert run("sweep", "--cursor", "nonsense").code == 2


def test_a_paused_step_is_left_out_of_the_sweep_and_told(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    begun = unattended(monkeypatch)
    run("pause", "--reason", "the printer burns", "--step", "Order")
    answer = run("sweep")
    assert answer.code == 0
    assert "Left out: Order is paused by ann@laptop: the printer burns." in answer.err
    assert begun == ["Delivery sent"]
    told = run("sweep", "--json").json
    assert (told["steps"], told["paused"], told["complete"]) == (["Delivery"], ["Order"], False)
    PIPELINE.resume()


def test_what_was_swept_before_a_step_could_not_be_listed_is_told(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    begun = unattended(monkeypatch)

    class Broken:
        cursor = None

        def __iter__(self) -> Any:
            raise TaskExecutionError("the store is gone")
            yield

    monkeypatch.setattr(Delivery, "query_unattended", lambda **_: Broken())
    answer = run("sweep")
    assert (answer.code, begun) == (1, ["Order ordered"])
    assert "the store is gone" in answer.err
    assert "--cursor" in answer.err
