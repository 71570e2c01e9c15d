"""Registers the objects of the bucket that have no task, or whose task waits for them: their event was lost."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from status_tracker import TaskUnreadableError
from status_tracker.core.history import told
from status_tracker.dynamodb.batch_get import read_items
from status_tracker.dynamodb.unreadable import task_of
from status_tracker.operations.swept import Noted
from status_tracker_ops.intake.registering import BACK, EXISTING, awaits_upload, is_gone, register, start_task
from status_tracker_ops.intake.uploads import Upload

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import ListObjectsV2OutputTypeDef, ObjectTypeDef

    from status_tracker.operations.pipeline import Pipeline

_LISTED_AT_ONCE = 1000
_READ_AT_ONCE = 100
_READ = ["key", "status", "update_time", "errors"]


@dataclass
class Reconciled:
    """The outcome of looking through the bucket.

    Attributes:
        listed_to: the last key that was looked at; None where the end of the bucket was reached.
        listed: how many objects were looked at.
        registered, failed: the tasks that were made or begun again, and those for which that could not be done.
        undispatched: the registered ones that could not be started; they are pending, and a later sweep restarts them.
        error: why it broke off; the other fields cover what ran before the error.
    """

    listed_to: str | None
    listed: int = 0
    registered: list[Noted] = field(default_factory=list)
    failed: list[Noted] = field(default_factory=list)
    undispatched: list[Noted] = field(default_factory=list)
    error: Exception | None = None

    @property
    def complete(self) -> bool:
        return self.listed_to is None and self.error is None


def reconcile(
    pipeline: Pipeline,
    s3: S3Client,
    bucket: str,
    *,
    listed_to: str | None,
    max_objects: int,
    older_than: datetime,
    stop: Callable[[], bool],
) -> Reconciled:
    """Register the objects behind the key `listed_to` that have no task, or whose task waits for them, as intake does.

    An object that is not `older_than` may be on its way through intake, and is left for the next round.
    """
    reconciler = _Reconciler(pipeline, s3, bucket, older_than, Reconciled(listed_to))
    try:
        reconciler.go_through(max_objects, stop)
    except Exception as error:  # noqa: BLE001 - what was done is to be reported all the same
        reconciler.done.error = error
    return reconciler.done


@dataclass(frozen=True)
class _Reconciler:
    pipeline: Pipeline
    s3: S3Client
    bucket: str
    older_than: datetime
    done: Reconciled

    def go_through(self, max_objects: int, stop: Callable[[], bool]) -> None:
        done = self.done
        while done.listed < max_objects and not stop():
            size = min(_LISTED_AT_ONCE, max_objects - done.listed)
            page = _page(self.s3, self.bucket, done.listed_to, size)
            objects = page.get("Contents", [])
            for at in range(0, len(objects), _READ_AT_ONCE):
                if stop():
                    return
                self._look_at(objects[at : at + _READ_AT_ONCE])
            if not page["IsTruncated"]:
                done.listed_to = None
                return

    def _look_at(self, objects: Sequence[ObjectTypeDef]) -> None:
        uploads = [_upload(self.bucket, found) for found in objects if found["LastModified"] < self.older_than]
        for upload in self._to_register([upload for upload in uploads if not upload.is_folder]):
            self._register(upload)
        self.done.listed += len(objects)
        self.done.listed_to = objects[-1]["Key"]

    def _to_register(self, uploads: Sequence[Upload]) -> list[Upload]:
        tasks = self.pipeline.first.task_class
        keys = {tasks.make_key(upload.task_id): upload for upload in uploads}
        found = {key: task_of(tasks, key, item) for key, item in read_items(tasks, keys, _READ).items()}
        return [upload for key, upload in keys.items() if key not in found or self._awaits_upload(found[key])]

    def _awaits_upload(self, task: Any) -> bool:
        return not isinstance(task, TaskUnreadableError) and awaits_upload(self.pipeline, task.tracked_state())

    def _register(self, upload: Upload) -> None:
        found = EXISTING
        try:
            if is_gone(self.s3, upload):  # deleted since it was listed, together with its task
                return
            task, found = register(self.pipeline, upload, lambda: True)
            if found != EXISTING:  # otherwise intake was quicker, and has started it
                why = "its object is there again" if found == BACK else "its object had no task"
                self.done.registered.append(Noted(upload.task_id, why))
                start_task(self.pipeline, task)
        except Exception as error:  # noqa: BLE001 - whatever it is, the other objects wait
            failed = self.done.failed if found == EXISTING else self.done.undispatched
            failed.append(Noted(upload.task_id, told(error)))


def _page(s3: S3Client, bucket: str, listed_to: str | None, size: int) -> ListObjectsV2OutputTypeDef:
    if listed_to is None:
        return s3.list_objects_v2(Bucket=bucket, MaxKeys=size)
    return s3.list_objects_v2(Bucket=bucket, MaxKeys=size, StartAfter=listed_to)


def _upload(bucket: str, found: ObjectTypeDef) -> Upload:
    return Upload(bucket=bucket, key=found["Key"], etag=found["ETag"].strip('"'), size=found["Size"])
