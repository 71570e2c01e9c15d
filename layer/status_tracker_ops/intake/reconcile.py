"""Registers the objects of the bucket that have no task, because the event about them was lost."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from status_tracker.core.history import told
from status_tracker.operations.swept import Noted
from status_tracker_ops.intake.registering import get_or_create_task, start_task
from status_tracker_ops.intake.uploads import Upload

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import ListObjectsV2OutputTypeDef, ObjectTypeDef

    from status_tracker.operations.pipeline import Pipeline

_LISTED_AT_ONCE = 1000
_READ_AT_ONCE = 100


@dataclass
class Reconciled:
    """The outcome of looking through the bucket.

    Attributes:
        listed_to: the last key that was looked at; None where the end of the bucket was reached.
        listed: how many objects were looked at.
        registered, failed: the tasks that were made, and those that could not be made.
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
    """Register the objects behind the key `listed_to` that have no task, as intake would have done.

    An object that is not `older_than` may be on its way through intake, and is left for the next round. Whatever intake
    takes is taken here, the empty objects of "folders" included, which the first step then sets aside.
    """
    reconciler = _Reconciler(pipeline, bucket, older_than, Reconciled(listed_to))
    try:
        reconciler.go_through(s3, max_objects, stop)
    except Exception as error:  # noqa: BLE001 - what was done is to be reported all the same
        reconciler.done.error = error
    return reconciler.done


@dataclass(frozen=True)
class _Reconciler:
    pipeline: Pipeline
    bucket: str
    older_than: datetime
    done: Reconciled

    def go_through(self, s3: S3Client, max_objects: int, stop: Callable[[], bool]) -> None:
        done = self.done
        while done.listed < max_objects and not stop():
            size = min(_LISTED_AT_ONCE, max_objects - done.listed)
            page = _page(s3, self.bucket, done.listed_to, size)
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
        for upload in self._without_task(uploads):
            self._register(upload)
        self.done.listed += len(objects)
        self.done.listed_to = objects[-1]["Key"]

    def _without_task(self, uploads: Sequence[Upload]) -> list[Upload]:
        tasks = self.pipeline.first.task_class
        keys = {tasks.make_key(upload.task_id): upload for upload in uploads}
        known = {task.key for task in tasks.batch_get(list(keys), attributes_to_get=["key"])}
        return [upload for key, upload in keys.items() if key not in known]

    def _register(self, upload: Upload) -> None:
        created = False
        try:
            task, created = get_or_create_task(self.pipeline, upload)
            if created:  # otherwise intake was quicker, and has started it
                self.done.registered.append(Noted(upload.task_id, "its object had no task"))
                start_task(self.pipeline, task)
        except Exception as error:  # noqa: BLE001 - whatever it is, the other objects wait
            failed = self.done.undispatched if created else self.done.failed
            failed.append(Noted(upload.task_id, told(error)))


def _page(s3: S3Client, bucket: str, listed_to: str | None, size: int) -> ListObjectsV2OutputTypeDef:
    if listed_to is None:
        return s3.list_objects_v2(Bucket=bucket, MaxKeys=size)
    return s3.list_objects_v2(Bucket=bucket, MaxKeys=size, StartAfter=listed_to)


def _upload(bucket: str, found: ObjectTypeDef) -> Upload:
    return Upload(bucket=bucket, key=found["Key"], etag=found["ETag"].strip('"'), size=found["Size"])
