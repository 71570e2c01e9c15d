"""The uploaded documents, and the results of tasks, in S3.

Each task has one folder of results, named by the hash of its id, with one JSON file for each step.
"""

from __future__ import annotations

import hashlib
import json
from contextlib import closing
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from status_tracker import NonRetryableError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mypy_boto3_s3 import S3Client

    from status_tracker_ops.intake.uploads import Upload

_GONE = {
    "NoSuchKey": "The object was deleted before it could be read. Upload it again if it is still wanted.",
    "PreconditionFailed": "The object was replaced by a newer upload, which is its own task.",
    "InvalidObjectState": "The object is archived (S3 Glacier). Restore it, then rerun this task.",
}
_NOT_THAT_ONE = frozenset({"404", "412", "NoSuchKey", "PreconditionFailed"})
_KMS_CODES = frozenset({"KMS.DisabledException", "KMS.NotFoundException", "KMS.KMSInvalidStateException"})
_OTHER_KEY = (
    "The document is encrypted with a KMS key that the function may not use, or that cannot be used now. Upload it"
    " without a key of its own; or set document_key_arn to that key, deploy, and run the task again."
)
_KEY_OF_UPLOADER = (
    "The document is encrypted with a key that only its uploader has (SSE-C). Upload it again without that key."
)


def result_key(task_id: str, name: str) -> str:
    """A task id has any character and up to 2 KB; its hash is safe as an object key and in addresses."""
    return f"{_result_folder(task_id)}{name}"


def write_result(s3: S3Client, bucket: str, task_id: str, name: str, result: Mapping[str, Any]) -> str:
    """Write `result` as JSON, over that of an earlier attempt, and return its `s3://` address."""
    key = result_key(task_id, name)
    s3.put_object(
        Bucket=bucket,
        Key=key,
        Body=json.dumps(result, ensure_ascii=False, indent=1).encode(),
        ContentType="application/json; charset=utf-8",
    )
    return f"s3://{bucket}/{key}"


def find_result(s3: S3Client, bucket: str, task_id: str, name: str) -> dict[str, Any] | None:
    """Read what `write_result` wrote; None where there is nothing."""
    try:
        body = s3.get_object(Bucket=bucket, Key=result_key(task_id, name))["Body"].read()
    except s3.exceptions.NoSuchKey:
        return None
    result: dict[str, Any] = json.loads(body)
    return result


def read_result(s3: S3Client, bucket: str, task_id: str, name: str) -> dict[str, Any]:
    """Read what `write_result` wrote; `NonRetryableError` where it is gone, since no retry brings it back."""
    result = find_result(s3, bucket, task_id, name)
    if result is None:
        raise NonRetryableError(
            f"The result s3://{bucket}/{result_key(task_id, name)} is gone."
            f" Rerun the task from the step that writes {name}."
        )
    return result


def delete_results(s3: S3Client, bucket: str, task_id: str) -> None:
    """Delete everything in the task's folder of results; nothing where there is none."""
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=_result_folder(task_id))
    for page in pages:
        for found in page.get("Contents", []):
            s3.delete_object(Bucket=bucket, Key=found["Key"])


def delete_document(s3: S3Client, upload: Upload) -> None:
    """Delete the object of exactly that upload; one that is gone is no error, and a newer one under its key stays."""
    of_it: Any = {"Bucket": upload.bucket, "Key": upload.key, "IfMatch": f'"{upload.etag}"'}
    try:
        s3.head_object(**of_it)
        s3.delete_object(**of_it)
    except ClientError as error:
        if error.response["Error"]["Code"] not in _NOT_THAT_ONE:
            raise


def _result_folder(task_id: str) -> str:
    return f"{hashlib.sha256(task_id.encode()).hexdigest()}/"


def fetch_document(s3: S3Client, bucket: str, upload: Upload, max_bytes: int) -> bytes:
    """The bytes of exactly the upload that the task is about, never those of a later one.

    Other errors of S3 are raised as they are, and are worth a retry.

    Raises:
        NonRetryableError: the object is gone, cannot be decrypted, or is larger than `max_bytes`; its body is not read
            then.
    """
    try:
        response = s3.get_object(Bucket=bucket, Key=upload.key, IfMatch=f'"{upload.etag}"')
    except ClientError as error:
        reason = _unreadable(error.response["Error"])
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


def _unreadable(error: Mapping[str, Any]) -> str | None:
    """Why no retry reads the object; None for an error that a retry may mend. KMS is told only in S3's message."""
    code, message = error["Code"], error.get("Message", "")
    if code in _KMS_CODES or (code == "AccessDenied" and "kms:" in message):
        return f"{_OTHER_KEY} ({code}: {message})"
    if code == "InvalidRequest" and "Server Side Encryption" in message:
        return _KEY_OF_UPLOADER
    return _GONE.get(code)
