"""Objects of the document bucket that have no task, since the event that told of them was lost."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from documents.tasks import ExtractTask
from status_tracker.operations.sweeping import Noted
from status_tracker_ops.intake.registering import get_or_create_task
from status_tracker_ops.intake.uploads import DocumentUploaded

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import ListObjectsV2OutputTypeDef, ObjectTypeDef

_LISTED_AT_ONCE = 1000
_READ_AT_ONCE = 100


@dataclass
class Reconciled:
    """
    What came of it.

    `listed`: how many objects were looked at. `registered`, `failed`: the tasks that were made, and those that could
    not be. `undispatched`: those of the registered that could not be started; they are pending, and a later sweep
    restarts them. `listed_to`: the last key that was looked at; None where the end of the bucket was reached. `error`:
    why it broke off, all else tells of what was done before.
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
    s3: S3Client,
    bucket: str,
    *,
    listed_to: str | None,
    max_objects: int,
    older_than: datetime,
    stop: Callable[[], bool],
) -> Reconciled:
    """
    Register the objects behind the key `listed_to` that have no task, as intake would have.

    An object that is not `older_than` may be on its way through intake, and is left for the next round. What intake
    takes is taken here: the empty objects of "folders" too, which the first step then sets aside.
    """
    done = Reconciled(listed_to)
    try:
        _go_through(s3, bucket, done, max_objects, older_than, stop)
    except Exception as error:  # noqa: BLE001 - what was done is to be told all the same
        done.error = error
    return done


def _go_through(
    s3: S3Client,
    bucket: str,
    done: Reconciled,
    max_objects: int,
    older_than: datetime,
    stop: Callable[[], bool],
) -> None:
    while done.listed < max_objects and not stop():
        size = min(_LISTED_AT_ONCE, max_objects - done.listed)
        page = _page(s3, bucket, done.listed_to, size)
        objects = page.get("Contents", [])
        for at in range(0, len(objects), _READ_AT_ONCE):
            if stop():
                return
            _look_at(bucket, objects[at : at + _READ_AT_ONCE], older_than, done)
        if not page["IsTruncated"]:
            done.listed_to = None
            return


def _page(s3: S3Client, bucket: str, listed_to: str | None, size: int) -> ListObjectsV2OutputTypeDef:
    if listed_to is None:
        return s3.list_objects_v2(Bucket=bucket, MaxKeys=size)
    return s3.list_objects_v2(Bucket=bucket, MaxKeys=size, StartAfter=listed_to)


def _look_at(bucket: str, objects: Sequence[ObjectTypeDef], older_than: datetime, done: Reconciled) -> None:
    uploads = [_upload(bucket, found) for found in objects if found["LastModified"] < older_than]
    for upload in _without_task(uploads):
        _register(upload, done)
    done.listed += len(objects)
    done.listed_to = objects[-1]["Key"]


def _upload(bucket: str, found: ObjectTypeDef) -> DocumentUploaded:
    return DocumentUploaded(bucket=bucket, key=found["Key"], etag=found["ETag"].strip('"'), size=found["Size"])


def _without_task(uploads: Sequence[DocumentUploaded]) -> list[DocumentUploaded]:
    keys = {ExtractTask.make_key(upload.task_id): upload for upload in uploads}
    known = {task.key for task in ExtractTask.batch_get(list(keys), attributes_to_get=["key"])}
    return [upload for key, upload in keys.items() if key not in known]


def _register(upload: DocumentUploaded, done: Reconciled) -> None:
    created = False
    try:
        task, created = get_or_create_task(upload)
        if created:  # else intake was quicker, and has started it
            done.registered.append(Noted(upload.task_id, "its object had no task"))
            ExtractTask.dispatch(task)
    except Exception as error:  # noqa: BLE001 - whatever it is, the other objects wait
        failed = done.undispatched if created else done.failed
        failed.append(Noted(upload.task_id, f"{type(error).__name__}: {error}"))
