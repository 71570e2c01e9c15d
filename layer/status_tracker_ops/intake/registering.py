"""From an upload to a task that is worked on: what intake, backfill and sweep do with each object."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

    from status_tracker.operations.pipeline import Pipeline
    from status_tracker_ops.intake.uploads import Upload


def is_gone(s3: S3Client, upload: Upload) -> bool:
    """Whether there is no object under the key of that upload any more; one that has replaced it counts as there.

    It is asked before a task is made of what was known for some time: a task that was deleted with its object meanwhile
    does not come back.
    """
    found = s3.list_objects_v2(Bucket=upload.bucket, Prefix=upload.key, MaxKeys=1).get("Contents", [])
    return not found or found[0]["Key"] != upload.key


def get_or_create_task(pipeline: Pipeline, upload: Upload) -> tuple[Any, bool]:
    """The task of the upload, pending in the first step if it is new; and whether it is new."""
    task, created = pipeline.first.task_class.get_or_create(upload.task_id, data=upload.to_task_data())
    return task, created


def start_task(pipeline: Pipeline, task: Any) -> bool:
    """Dispatch the task; False where that is left to others, or what drives its run has ended already.

    What is registered during a pause is dispatched by a sweep afterwards (R20). A task of a later step is dispatched by
    what has brought it there.

    Call it for a task that exists too: whatever created it may have died before this. A task that has ended is left
    alone, since Step Functions knows the name of an execution for 90 days only.
    """
    first = pipeline.first
    if pipeline.is_ended(task.status) or pipeline.step_at(task.status) is not first or pipeline.paused(first.name):
        return False
    return first.task_class.dispatch(task) is not False


def run_of(task: Any) -> int:
    """The task's run; the item has the attribute from its first rerun on."""
    return task.run or 0
