"""The run of a task: one execution, started once, known and stopped; and what is left of a task outside the table."""

from __future__ import annotations

from typing import TYPE_CHECKING

from documents.storage import result_key
from status_tracker import RunState
from tests.handlers.support import RESULT_BUCKET

if TYPE_CHECKING:
    from tests.handlers.support import Application


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
