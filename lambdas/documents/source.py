"""Fetching the uploaded document."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from status_tracker import NonRetryableError

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

    from status_tracker_ops.intake.uploads import DocumentUploaded

_GONE = {
    "NoSuchKey": "The object was deleted before it could be read. Upload it again if it is still wanted.",
    "PreconditionFailed": "The object was replaced by a newer upload, which is its own task.",
    "InvalidObjectState": "The object is archived (S3 Glacier). Restore it, then rerun this task.",
}


def fetch_document(s3: S3Client, bucket: str, upload: DocumentUploaded, max_bytes: int) -> bytes:
    """
    The bytes of exactly the upload that the task is about, never those of a later one.

    An object over `max_bytes` is refused before its body is read. That one and an object that is gone raise
    `NonRetryableError`; S3's other errors come as they are, and are worth a retry.
    """
    try:
        response = s3.get_object(Bucket=bucket, Key=upload.key, IfMatch=f'"{upload.etag}"')
    except ClientError as error:
        reason = _GONE.get(error.response["Error"]["Code"])
        if reason is None:
            raise
        raise NonRetryableError(reason) from error
    size = response["ContentLength"]
    with closing(response["Body"]) as body:
        if size > max_bytes:
            raise NonRetryableError(
                f"The document is too large: {size:,} bytes; at most {max_bytes:,} are read."
                " Split it or reduce its images, or raise MAX_DOCUMENT_BYTES of the Extract function."
            )
        return body.read()
