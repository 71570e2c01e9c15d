"""From an upload to a task that is worked on: what intake, backfill and sweep do with each object.

Whether a task whose object was missing is begun again is decided by the bucket as it is now, not by the events about
it, which come late, twice and in any order (docs/decisions/0024).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from status_tracker.core.history import failure_of_class, last_failure
from status_tracker_ops.intake.uploads import UploadMissingError

if TYPE_CHECKING:
    from collections.abc import Callable

    from mypy_boto3_s3 import S3Client

    from status_tracker.core.state import TaskState
    from status_tracker.operations.pipeline import Pipeline
    from status_tracker_ops.intake.uploads import Upload

NEW, EXISTING, BACK = "created", "existing", "begun_again"
"""What `register` found: no task; a task, which it left as it is; a task that waited for its object."""


class Registered(NamedTuple):
    """A task of an upload, and what was found: `NEW`, `EXISTING` or `BACK`."""

    task: Any
    found: str


class _ChangedError(Exception):
    """Somebody else has begun the task again, or set it aside for another reason, in the meantime."""


def register(pipeline: Pipeline, upload: Upload, is_there: Callable[[], bool]) -> Registered:
    """The task of the upload, made if there is none; pending again if it was waiting for this very object.

    Args:
        is_there: whether the object with this etag is under its key now; asked only if a task waits for it.
    """
    task, created = pipeline.first.task_class.get_or_create(upload.task_id, data=upload.to_task_data())
    if created:
        return Registered(task, NEW)
    if not awaits_upload(pipeline, task.tracked_state()) or not is_there():
        return Registered(task, EXISTING)
    return _begun_again(pipeline, task)


def awaits_upload(pipeline: Pipeline, state: TaskState) -> bool:
    """Whether the task was set aside by nothing but an `UploadMissingError`."""
    config = pipeline.step_at(state.status).task_class.config
    if state.status != config.ignored_status or state.update_time is None:
        return False
    try:
        # What set it aside has its time: a later cancellation has another one.
        is_cause = last_failure(state.errors).get("update_time") == state.update_time.isoformat()
        return is_cause and failure_of_class(UploadMissingError)(state.errors)
    except (AttributeError, IndexError, KeyError, TypeError):
        return False  # it was edited by hand


def _begun_again(pipeline: Pipeline, task: Any) -> Registered:
    def check(state: TaskState) -> None:
        if not awaits_upload(pipeline, state):
            raise _ChangedError

    step = pipeline.step_at(task.status).task_class
    try:
        acted = step.act_if(task.task_id, "unignore", check, reason="its object is there again", by="intake")
    except _ChangedError:
        return Registered(task, EXISTING)
    return Registered(acted.task, BACK)


def is_in_bucket(s3: S3Client, upload: Upload) -> bool:
    """Whether the object of the upload is under its key now."""
    return _etag_now(s3, upload) == upload.etag


def is_gone(s3: S3Client, upload: Upload) -> bool:
    """Whether there is no object under the key of that upload any more; one that has replaced it counts as there.

    It is asked before a task is made of what was known for some time: a task that was deleted with its object meanwhile
    does not come back.
    """
    return _etag_now(s3, upload) is None


def _etag_now(s3: S3Client, upload: Upload) -> str | None:
    """The etag of the object under the key; None where there is none. Needs no right to read objects."""
    # Of the keys that begin with this one it comes first.
    found = s3.list_objects_v2(Bucket=upload.bucket, Prefix=upload.key, MaxKeys=1).get("Contents", [])
    return found[0]["ETag"].strip('"') if found and found[0]["Key"] == upload.key else None


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
