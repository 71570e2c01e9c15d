"""R20: what a pause keeps from being begun, and that everything goes on after it."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import status_tracker as st
from samples import make_samples
from tests.handlers.broom import made_but_not_started, told
from tests.handlers.test_backfill import machine, put, started

if TYPE_CHECKING:
    from collections.abc import Iterator

    from status_tracker.operations.pipeline import Pipeline
    from tests.handlers.broom import Broom
    from tests.handlers.bulk import Machine
    from tests.handlers.support import Application, Log, MetricsReader

__all__ = ["machine"]

INVOICE = (Path(make_samples.__file__).with_name("documents") / "invoice-1001.pdf").read_bytes()


@pytest.fixture
def pipeline(app: Application) -> Iterator[Pipeline]:
    pipeline: Pipeline = app.tasks.PIPELINE
    yield pipeline
    pipeline.resume()


@pytest.mark.parametrize("step", [None, "Extract"])
def test_intake_registers_and_starts_nothing(
    app: Application, pipeline: Pipeline, step: str | None, log: Log, metrics: MetricsReader
) -> None:
    pipeline.pause(step, reason="a bad deployment", by="operator")
    body = json.dumps(app.upload("invoice.pdf", INVOICE))
    assert app.intake(body) == []  # the message is done with
    assert app.executions() == []
    assert log.line("Upload taken in")["started"] is False
    assert metrics.counts("Intake") == {"TaskCreated": 1}
    pipeline.resume(step)
    assert app.intake(body) == []
    assert len(app.executions()) == 1


def test_intake_starts_where_only_a_later_step_is_paused(app: Application, pipeline: Pipeline) -> None:
    pipeline.pause("Answer", reason="quota")
    app.register("invoice.pdf", INVOICE)
    assert len(app.executions()) == 1


def test_a_step_refuses_before_anything_is_begun(
    app: Application, pipeline: Pipeline, log: Log, metrics: MetricsReader
) -> None:
    task_id = app.register("invoice.pdf", INVOICE)
    before = app.task(task_id).attribute_values
    metrics.records()
    pipeline.pause("Extract", reason="a bad deployment", by="operator")
    with pytest.raises(st.TaskPausedError, match=r"Extract, is paused until somebody resumes it: a bad deployment"):
        app.extract(task_id)
    assert app.task(task_id).attribute_values == before
    assert metrics.counts("Extract") == {"TaskPaused": 1}
    line = log.line("Not begun: paused")
    assert (line["task_id"], line["step"]) == (task_id, "Extract")
    assert "a bad deployment (operator" in line["reason"]
    pipeline.resume()
    app.extract(task_id)
    task = app.task(task_id)
    assert (task.status, task.retry, task.fence) == (40, 0, 1)


def test_a_pause_that_ends_by_itself_needs_nobody(broom: Broom, pipeline: Pipeline) -> None:
    task_id = broom.app.register("invoice.pdf", INVOICE)
    pipeline.pause(reason="maintenance", until=broom.now() + timedelta(hours=1))
    with pytest.raises(st.TaskPausedError) as paused:
        broom.app.extract(task_id)
    assert paused.value.until is not None
    broom.wait(hours=1)
    broom.app.extract(task_id)
    assert broom.app.task(task_id).status == 40


def test_the_sweep_restarts_nothing_of_a_paused_step_and_all_of_it_afterwards(
    broom: Broom, pipeline: Pipeline, log: Log, metrics: MetricsReader
) -> None:
    stuck, stopped, answered = (broom.app.register(f"{name}.pdf", INVOICE) for name in ("stuck", "stopped", "answered"))
    with broom.app.tasks.ExtractTask.start(answered):
        pass
    broom.app.tasks.ExtractTask.start(stuck, lock_expire_seconds=60).__enter__()
    for task_id in (stuck, stopped, answered):
        broom.stop(task_id)
    pipeline.pause("Extract", reason="quota", by="operator")
    registered = json.loads(json.dumps(broom.app.upload("later.pdf", INVOICE)))
    broom.app.intake(json.dumps(registered))
    later = f"later.pdf#{registered['detail']['object']['etag']}"
    broom.wait(minutes=10)
    metrics.records()
    broom.sweep()
    before = sorted((task_id, 0) for task_id in (stuck, stopped, answered))
    assert broom.runs() == sorted([*before, (answered, 1)])  # a later step goes on
    line = log.line("Step not swept: paused")
    assert (line["step"], line["reason"], line["by"]) == ("Extract", "quota", "operator")
    figures = told(metrics)
    assert (figures["Extract/Restarted"], figures["Extract/SweepErrors"], figures["Answer/Restarted"]) == (0, 0, 1)
    assert figures["Extract/Unfinished"] == 3
    pipeline.resume("Extract")
    broom.sweep()
    assert broom.runs() == sorted([*before, (answered, 1), (stuck, 1), (stopped, 1), (later, 0)])
    assert all(broom.app.task(task_id).retry == 0 for task_id in (stuck, stopped, later))


def test_the_sweep_registers_objects_without_a_task_and_starts_them_after_the_pause(
    broom: Broom, pipeline: Pipeline, metrics: MetricsReader
) -> None:
    etag = broom.app.upload("lost.pdf", INVOICE)["detail"]["object"]["etag"]
    pipeline.pause(reason="a bad deployment")
    broom.wait(minutes=11)
    broom.sweep()
    assert broom.app.task(f"lost.pdf#{etag}").status == 10
    assert broom.runs() == []
    figures = told(metrics)
    assert (figures["Intake/Registered"], figures["Intake/SweepErrors"]) == (1, 0)
    pipeline.resume()
    broom.wait(minutes=6)
    broom.sweep()
    assert broom.runs() == [(f"lost.pdf#{etag}", 0)]


def test_a_backfill_registers_and_starts_nothing(app: Application, machine: Machine, pipeline: Pipeline) -> None:
    tasks = put(app, "a.pdf", "b.pdf")
    pipeline.pause(reason="a bad deployment")
    assert machine.run({"prefix": ""})["counts"] == {"planned": 2, "created": 2, "failed": 0}
    assert started(app) == []
    assert {app.task(task_id).status for task_id in tasks} == {10}
    pipeline.resume()
    assert machine.run({"prefix": ""}, execution="e-2")["counts"]["existing"] == 2
    assert started(app) == sorted(tasks)


def test_the_page_on_operations_shows_how(app: Application, pipeline: Pipeline) -> None:
    page = (Path(__file__).parents[2] / "docs" / "operations.md").read_text("utf-8").partition("\n## Pausing\n")[2]
    shown = page.partition("```python\n")[2].partition("```")[0]
    task_id = app.register("invoice.pdf", INVOICE)
    *begin, resume = shown.rstrip().splitlines()
    names: dict[str, object] = {}
    exec("\n".join(begin), names)  # noqa: S102 - our own page
    assert {pause.step for pause in pipeline.pauses()} == {None, "Answer"}
    with pytest.raises(st.TaskPausedError, match="maintenance"):
        app.extract(task_id)
    exec(resume, names)  # noqa: S102
    assert {pause.step for pause in pipeline.pauses()} == {None}


def test_what_never_had_an_execution_has_one_after_the_pause(broom: Broom, pipeline: Pipeline) -> None:
    task_id = made_but_not_started(broom.app, "invoice.pdf")
    pipeline.pause(reason="a bad deployment", until=broom.now() + timedelta(minutes=10))
    broom.wait(minutes=6)
    broom.sweep()
    assert broom.runs() == []
    broom.wait(minutes=5)
    broom.sweep()
    assert broom.runs() == [(task_id, 0)]
