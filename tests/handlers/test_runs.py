"""The run of a task: one execution, started once, known and stopped; and what is left of a task outside the table."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import status_tracker as st
from documents.storage import result_key
from samples import make_samples
from status_tracker import RunState
from status_tracker.operations.actions import Action, Kind, TaskAction
from tests.handlers.support import RESULT_BUCKET, FakeContext

if TYPE_CHECKING:
    from tests.handlers.support import Application, Log

SAMPLES = Path(make_samples.__file__).with_name("documents")


def statuses(app: Application) -> list[str]:
    return [execution["status"] for execution in app.executions()]


def test_a_recalled_run_is_stopped_and_no_other(app: Application) -> None:
    recalled, other = (app.task(app.register(name, b"content")) for name in ("recalled.pdf", "other.pdf"))
    tasks = type(recalled)
    tasks.recall(recalled)
    assert (tasks.run_state(recalled), tasks.run_state(other)) == (RunState.ENDED, RunState.RUNNING)
    assert sorted(statuses(app)) == ["ABORTED", "RUNNING"]


def test_a_run_that_is_over_or_never_began_can_be_recalled(app: Application) -> None:
    task = app.task(app.register("twice.pdf", b"content"))
    for _ in range(2):
        type(task).recall(task)
    assert statuses(app) == ["ABORTED"]
    never, _ = app.tasks.ExtractTask.get_or_create("never.pdf#1", data={})
    app.tasks.ExtractTask.recall(never)
    assert statuses(app) == ["ABORTED"]


def test_a_new_run_is_started_once_and_one_that_is_over_is_not(app: Application) -> None:
    task = app.task(app.register("again.pdf", b"content"))
    assert type(task).dispatch(task) is True
    type(task).recall(task)
    assert type(task).dispatch(task) is False
    rerun = type(task).rerun(task.task_id, reason="again")
    type(task).dispatch(rerun)
    assert sorted(statuses(app)) == ["ABORTED", "RUNNING"]


def test_every_result_of_a_task_is_deleted_and_nothing_of_another(app: Application) -> None:
    names = ("extracted.json", "answers.json", "textract-job.json", "deeper/page.json")
    for task_id in ("gone.pdf#1", "kept.pdf#1"):
        for name in names:
            app.s3.put_object(Bucket=RESULT_BUCKET, Key=result_key(task_id, name), Body=b"{}")
    for _ in range(2):
        app.tasks.PIPELINE.delete_results("gone.pdf#1")
    left = {found["Key"] for found in app.s3.list_objects_v2(Bucket=RESULT_BUCKET)["Contents"]}
    assert left == {result_key("kept.pdf#1", name) for name in names}


def test_a_rerun_between_two_steps_ends_the_old_execution_well_and_the_new_one_does_the_work(
    app: Application, log: Log
) -> None:
    task_id = app.register("invoice.pdf", (SAMPLES / "invoice-1001.pdf").read_bytes())
    app.extract(task_id)
    first = app.tasks.ExtractTask
    first.dispatch(first.rerun(task_id, reason="read it again"))
    app.answer(task_id)  # what the old execution goes on with
    assert log.line("Run superseded")["task_id"] == task_id
    assert (app.task(task_id).status_name, app.task(task_id).run) == ("pending", 1)
    for handler in (app.extract_module.handler, app.answer_module.handler):
        handler({"task_id": task_id, "run": 1}, FakeContext())
    assert app.task(task_id).status == 90


def test_a_step_of_the_same_run_that_is_not_ready_fails_as_ever(app: Application) -> None:
    task_id = app.register("invoice.pdf", b"content")
    app.tasks.ExtractTask.rerun(task_id, reason="again")
    with pytest.raises(st.TaskIsNotReadyToStartError):
        app.answer_module.handler({"task_id": task_id, "run": 1}, FakeContext())


def test_two_people_who_rerun_a_task_at_once_start_one_execution(app: Application) -> None:
    task_id = app.register("again.pdf", b"content")
    task = app.task(task_id)
    type(task).recall(task)
    for number in range(2):
        [outcome] = [TaskAction(type(task), Action.RERUN, None, "wanted", "ann", f"r{number}").act(task_id)]
        assert outcome.kind is Kind.DONE
    assert sorted(statuses(app)) == ["ABORTED", "RUNNING"]


def test_a_rerun_of_a_task_whose_run_is_over_starts_the_next_one(app: Application) -> None:
    task_id = app.register("again.pdf", b"content")
    for number in range(3):
        TaskAction(app.tasks.ExtractTask, Action.RERUN, None, "wanted", "ann", f"r{number}").act(task_id)
        task = app.task(task_id)
        assert app.tasks.ExtractTask.run_state(task) is RunState.RUNNING
        app.tasks.ExtractTask.recall(task)
    assert app.task(task_id).run == 3
