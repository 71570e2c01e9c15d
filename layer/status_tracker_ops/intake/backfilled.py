"""Registering one object of a backfill."""

from __future__ import annotations

from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from status_tracker_ops.bulk.work import HopelessItemError
from status_tracker_ops.intake.registering import get_or_create_task, start_task
from status_tracker_ops.intake.uploads import DocumentUploaded

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

    from status_tracker_ops.bulk.planning import Item

_MISSING = {"404", "NoSuchKey"}


def register_object(s3: S3Client, bucket: str, item: Item, workflow_arn: str) -> str:
    """
    Register the object; ``created``, or ``existing`` where its task was there.

    What a listing told of it is believed: where it has changed since, the task says so. An object of which only the key
    is known is asked for the rest; raises `HopelessItemError` where there is none.
    """
    document = _document(s3, bucket, item)
    task, created = get_or_create_task(document)
    start_task(task, workflow_arn)
    return "created" if created else "existing"


def _document(s3: S3Client, bucket: str, item: Item) -> DocumentUploaded:
    if "etag" in item:
        return DocumentUploaded(bucket=bucket, key=item["key"], etag=item["etag"], size=item["size"])
    try:
        head = s3.head_object(Bucket=bucket, Key=item["key"])
    except ClientError as error:
        if error.response["Error"]["Code"] in _MISSING:
            raise HopelessItemError(f"There is no such object in {bucket}.") from error
        raise
    return DocumentUploaded(bucket=bucket, key=item["key"], etag=head["ETag"].strip('"'), size=head["ContentLength"])
