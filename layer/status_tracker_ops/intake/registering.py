"""From a document in the bucket to a task whose workflow is started: what intake and backfill do with each."""

from __future__ import annotations

from typing import TYPE_CHECKING

from documents.aws import step_functions_client
from documents.tasks import ENDED_STATUSES, ExtractTask
from status_tracker_ops.executions import start_workflow

if TYPE_CHECKING:
    from status_tracker_ops.intake.uploads import DocumentUploaded


def get_or_create_task(document: DocumentUploaded) -> tuple[ExtractTask, bool]:
    """The task of the document, and whether it is new."""
    return ExtractTask.get_or_create(document.task_id, data=document.to_task_data())


def start_task(task: ExtractTask, workflow_arn: str) -> bool:
    """
    Start the workflow of the task's run; False where the task, or that execution, has ended already.

    Call it for a task that exists too: whoever created it may have ended before this. A task that has ended is left
    alone, since Step Functions knows the name of an execution for 90 days only.
    """
    return task.status not in ENDED_STATUSES and start_workflow(
        step_functions_client(), workflow_arn, task.task_id, run_of(task)
    )


def run_of(task: ExtractTask) -> int:
    """The task's run; the item has the attribute from its first rerun on."""
    return task.run or 0
