"""An item with an attribute of another type, edited by hand perhaps: it is told of, and hides and stops nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import boto3
import pytest

from tests.handlers.broom import Broom, fail, made_but_not_started, told
from tests.handlers.support import ENVIRONMENT
from tests.handlers.test_backfill import machine, put, started

if TYPE_CHECKING:
    from tests.handlers.bulk import Machine
    from tests.handlers.support import Application, Log, MetricsReader

__all__ = ["machine"]  # a fixture
ATTRIBUTES = {
    "status": {"S": "10"},
    "create_time": {"N": "1700000000"},
    "retry": {"S": "one"},
    "lock": {"N": "7"},
    "data": {"M": {"bucket": {"S": "example"}}},
    "errors": {"M": {"history": {"L": []}}},
    "lock_expire_time": {"N": "1700000000"},
    "run": {"S": "one"},
}


def mistype(app: Application, task_id: str, name: str) -> None:
    """Store the attribute under another type, as somebody may who edits the item by hand."""
    boto3.client("dynamodb").update_item(
        TableName=ENVIRONMENT["TASK_TABLE_NAME"],
        Key={"key": {"S": app.tasks.ExtractTask.make_key(task_id)}},
        UpdateExpression="SET #name = :value",
        ExpressionAttributeNames={"#name": name},
        ExpressionAttributeValues={":value": ATTRIBUTES[name]},
    )


@pytest.mark.parametrize("name", ATTRIBUTES)
def test_a_backfill_tells_of_it_and_registers_the_others(app: Application, machine: Machine, name: str) -> None:
    tasks = put(app, "a.pdf", "b.pdf", "c.pdf")
    app.tasks.ExtractTask.make_and_save(tasks[1], data={})
    mistype(app, tasks[1], name)
    summary = machine.run({"prefix": ""})
    assert summary["counts"] == {"planned": 3, "created": 2, "failed": 1}
    assert started(app) == [tasks[0], tasks[2]]


@pytest.mark.parametrize("name", ATTRIBUTES)
def test_a_sweep_tells_of_it_and_counts_all_steps(broom: Broom, log: Log, metrics: MetricsReader, name: str) -> None:
    step = broom.app.tasks.ExtractTask
    bad, good = (made_but_not_started(broom.app, f"{which}.pdf") for which in ("bad", "good"))
    for task_id in (bad, good):
        fail(step, task_id)
    mistype(broom.app, bad, name)
    broom.wait(minutes=5)
    metrics.records()
    broom.sweep()
    assert log.line("Task not restarted")["task_id"] == bad
    figures = told(metrics)
    assert (figures["Extract/SweepErrors"], figures["Extract/Restarted"]) == (1, 1)
    assert {f"{each.name}/Unfinished" for each in broom.app.tasks.PIPELINE} <= set(figures)
    assert figures["Sweep/TaskSucceeded"] == 1


def test_an_item_for_which_a_hook_raises_anything_stops_no_other_of_its_chunk(
    app: Application, machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    tasks = put(app, "a.pdf", "b.pdf", "c.pdf")
    dispatch = app.tasks.ExtractTask.dispatch

    def refuse(task: Any) -> Any:
        return len(7) if task.task_id == tasks[1] else dispatch(task)  # type: ignore[arg-type]

    monkeypatch.setattr(app.tasks.ExtractTask, "dispatch", refuse)
    summary = machine.run({"prefix": ""})
    assert summary["counts"]["failed"] == 1
    assert started(app) == [tasks[0], tasks[2]]
