"""The uploaded documents, and the results of tasks, in S3.

Each task has one folder of results, named by the hash of its id. Each attempt that writes one has a folder of its own
in it, so that a worker that was taken for dead overwrites nothing. The task says which result is its own.
"""

from __future__ import annotations

import hashlib
import json
from contextlib import closing
from typing import TYPE_CHECKING, Any, TypedDict

from botocore.exceptions import ClientError

from status_tracker import NonRetryableError
from status_tracker_ops.intake.uploads import UploadMissingError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mypy_boto3_s3 import S3Client

    from status_tracker import ExecutionContext
    from status_tracker_ops.intake.uploads import Upload


class Place(TypedDict):
    """Where an object is, as S3's requests take it."""

    Bucket: str
    Key: str


_MISSING = {
    "NoSuchKey": "The object was deleted before it could be read. Upload it again to have it read.",
    "PreconditionFailed": (
        "The object was replaced by a newer upload, which is its own task. If these bytes are uploaded again, they are"
        " read."
    ),
}
_BY_STATUS = {"404": "NoSuchKey", "412": "PreconditionFailed"}
"""What an error is where only its HTTP status is known: of a key with a control character, S3's answer is no XML."""
_ARCHIVED = "The object is archived (S3 Glacier). Restore it, then rerun this task."
_NOT_THAT_ONE = frozenset({*_MISSING, *_BY_STATUS})
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


def own_result_key(execution: ExecutionContext[Any], name: str) -> str:
    """The key of a result of that name that no other attempt has, not even at a task deleted and made again (R13)."""
    task = execution.task
    attempt = f"{task.create_time:%Y%m%dT%H%M%S.%f}-{execution.fence}"
    return result_key(task.task_id, f"{attempt}/{name}")


def address_of(bucket: str, key: str) -> str:
    return f"s3://{bucket}/{key}"


def write_result(s3: S3Client, address: str, result: Mapping[str, Any]) -> None:
    """Write `result` as JSON."""
    s3.put_object(
        **_place(address),
        Body=json.dumps(result, ensure_ascii=False, indent=1).encode(),
        ContentType="application/json; charset=utf-8",
    )


def find_result(s3: S3Client, address: str) -> dict[str, Any] | None:
    """Read what `write_result` wrote; None where there is nothing."""
    try:
        body = s3.get_object(**_place(address))["Body"].read()
    except s3.exceptions.NoSuchKey:
        return None
    result: dict[str, Any] = json.loads(body)
    return result


def read_result(s3: S3Client, bucket: str, data: Mapping[str, Any], summary: str) -> dict[str, Any]:
    """Read the result of an earlier step.

    Args:
        bucket: of the results: a task that was copied from another stack still names that one's bucket.
        data: of the task, which says where the result is.
        summary: the name under which that step has put its summary on the task, such as ``extracted``.

    Raises:
        NonRetryableError: it is gone, or the task does not say where it is: no retry brings it back.
    """
    rerun = f"Rerun the task from the step that writes {summary!r} on it."
    try:
        key = _place(str(data[summary]["result"]))["Key"]
    except (KeyError, TypeError) as error:
        raise NonRetryableError(f"The task does not say where the result {summary!r} is. {rerun}") from error
    address = address_of(bucket, key)
    result = find_result(s3, address)
    if result is None:
        raise NonRetryableError(f"The result {address} is gone. {rerun}")
    return result


def _place(address: str) -> Place:
    bucket, _, key = address.removeprefix("s3://").partition("/")
    return {"Bucket": bucket, "Key": key}


def delete_results(s3: S3Client, bucket: str, task_id: str) -> None:
    """Delete everything in the task's folder of results, of every attempt; nothing where there is none."""
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
        UploadMissingError: the object is gone, or was replaced.
        NonRetryableError: it cannot be decrypted, is archived, or is larger than `max_bytes`, and then not read.
    """
    try:
        response = s3.get_object(Bucket=bucket, Key=upload.key, IfMatch=f'"{upload.etag}"')
    except ClientError as error:
        told = error.response["Error"]
        if missing := _MISSING.get(_BY_STATUS.get(told["Code"], told["Code"])):
            raise UploadMissingError(missing) from error
        if reason := _unreadable(told):
            raise NonRetryableError(reason) from error
        raise
    size = response["ContentLength"]
    with closing(response["Body"]) as body:
        if size > max_bytes:
            raise NonRetryableError(
                f"The document is too large: {size:,} bytes; at most {max_bytes:,} are read."
                " Split it or reduce its images; or raise max_document_bytes, deploy, and run the task again."
            )
        return body.read()


def _unreadable(error: Mapping[str, Any]) -> str | None:
    """Why no retry reads the object; None for an error that a retry may mend. KMS is told only in S3's message."""
    code, message = error["Code"], error.get("Message", "")
    if code in _KMS_CODES or (code == "AccessDenied" and "kms:" in message):
        return f"{_OTHER_KEY} ({code}: {message})"
    if code == "InvalidRequest" and "Server Side Encryption" in message:
        return _KEY_OF_UPLOADER
    return _ARCHIVED if code == "InvalidObjectState" else None
