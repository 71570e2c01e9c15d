"""Results in S3: one folder a task, named by the hash of its id, with one JSON file a step."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

from status_tracker import NonRetryableError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mypy_boto3_s3 import S3Client

EXTRACTED = "extracted.json"
ANSWERS = "answers.json"


def result_key(task_id: str, name: str) -> str:
    """A task id has any character and up to 2 KB; its hash is safe as an object key and in addresses."""
    return f"{hashlib.sha256(task_id.encode()).hexdigest()}/{name}"


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
