"""Backfill: every object under a prefix, or of a manifest, becomes a task, and is dispatched.

It does with each object what intake does with an upload. Repeating it, or doing both at once, starts nothing twice.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from status_tracker_ops.bulk.inputs import BadInputError, checked_input, is_unicode, limits, shown
from status_tracker_ops.bulk.runs import BulkExecution
from status_tracker_ops.bulk.work import HopelessItemError, LeftAlone
from status_tracker_ops.intake.manifests import LONGEST_KEY_BYTES, Manifest
from status_tracker_ops.intake.registering import is_gone, register, start_task
from status_tracker_ops.intake.uploads import Upload

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from mypy_boto3_s3 import S3Client

    from status_tracker.operations.pipeline import Pipeline
    from status_tracker_ops.bulk.planning import Cursor, Item
    from status_tracker_ops.bulk.runs import Limits
    from status_tracker_ops.settings import BulkSettings

KIND = "backfills"
MANIFEST_FOLDERS = ("manifests/", f"{KIND}/")
_FIELDS = ("bucket", "prefix", "manifest", "dry_run", "max_concurrency", "tolerated_failures")
_MISSING = {"404", "NoSuchKey"}
_EXAMPLE = '{"prefix": "2025/"}'


@dataclass(frozen=True)
class BackfillRequest:
    """What is to be registered: the objects under `prefix`, or those of the manifest in the result bucket."""

    prefix: str | None
    manifest_key: str | None
    limits: Limits

    @classmethod
    def parse(cls, given: object, settings: BulkSettings) -> BackfillRequest:
        """The request of an execution's input; raises `BadInputError` with what is wrong."""
        fields = checked_input(given, _FIELDS, _EXAMPLE)
        if fields.get("bucket", settings.source) != settings.source:
            raise BadInputError(
                f"bucket is {shown(fields['bucket'])}: only objects in {settings.source} become tasks."
                " Copy them there, or leave bucket out."
            )
        if ("prefix" in fields) == ("manifest" in fields):
            raise BadInputError(
                f'Expected either prefix or manifest, such as {_EXAMPLE}; {{"prefix": ""}} is the whole bucket.'
            )
        return cls(
            _prefix(fields["prefix"]) if "prefix" in fields else None,
            _manifest_key(fields["manifest"], settings.result_bucket) if "manifest" in fields else None,
            limits(fields, settings),
        )


def plan_backfill(
    s3: S3Client, settings: BulkSettings, event: Mapping[str, Any], seconds_left: Callable[[], float]
) -> dict[str, Any]:
    """Plan the next wave; raises `BadInputError` where the input, or its manifest, cannot be used."""
    request = BackfillRequest.parse(event["input"], settings)
    run = BulkExecution.next(s3, settings.result_bucket, KIND, event)
    if request.manifest_key is None:
        source = _listed(s3, settings.source, request.prefix or "", run.cursor)
    else:
        manifest = Manifest.open(s3, settings.result_bucket, request.manifest_key, settings.source)
        source = manifest.read(run.cursor)
    common = {"per_second": settings.bulk_tasks_per_second / request.limits.max_concurrency}
    return run.plan(source, request.limits, seconds_left, common)


def register_object(pipeline: Pipeline, s3: S3Client, bucket: str, item: Item) -> str | LeftAlone:
    """Register the object; what was found, as `registering` names it, or ``folder`` for what only stands for one.

    An object that is gone since it was listed is left alone. Where it has changed, the task says so. An object of which
    only the key is known is asked for the rest.

    Raises:
        HopelessItemError: there is no such object.
    """
    upload = _upload(s3, bucket, item)
    if upload.is_folder:
        return "folder"
    if "etag" in item and is_gone(s3, upload):
        return LeftAlone("gone", "It was deleted after it had been listed.")
    task, found = register(pipeline, upload, lambda: True)
    start_task(pipeline, task)
    return found


def _upload(s3: S3Client, bucket: str, item: Item) -> Upload:
    if "etag" in item:
        return Upload(bucket=bucket, key=item["key"], etag=item["etag"], size=item["size"])
    try:
        head = s3.head_object(Bucket=bucket, Key=item["key"])
    except ClientError as error:
        if error.response["Error"]["Code"] in _MISSING:
            raise HopelessItemError(f"There is no such object in {bucket}.") from error
        raise
    return Upload(bucket=bucket, key=item["key"], etag=head["ETag"].strip('"'), size=head["ContentLength"])


def _prefix(value: object) -> str:
    if not isinstance(value, str) or not is_unicode(value) or len(value.encode()) > LONGEST_KEY_BYTES:
        raise BadInputError(
            f'prefix is {shown(value)}: expected a text such as "2025/", or "" for the whole bucket;'
            f" at most {LONGEST_KEY_BYTES:,} bytes."
        )
    return value


def _manifest_key(value: object, bucket: str) -> str:
    beginning = f"s3://{bucket}/"
    key = value.removeprefix(beginning) if isinstance(value, str) and is_unicode(value) else ""
    if value != f"{beginning}{key}" or not key.startswith(MANIFEST_FOLDERS):
        raise BadInputError(
            f"manifest is {shown(value)}: expected an address such as {beginning}{MANIFEST_FOLDERS[0]}keys.jsonl."
            f" A backfill may read only {' and '.join(MANIFEST_FOLDERS)} of that bucket: upload it there."
        )
    return key


def _listed(s3: S3Client, bucket: str, prefix: str, cursor: str | None) -> Iterator[tuple[Item, Cursor]]:
    """The objects behind the key `cursor`, each with its own key as the next cursor."""
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix, StartAfter=cursor or "")
    for page in pages:
        for found in page.get("Contents", []):
            item = {"key": found["Key"], "etag": found["ETag"].strip('"'), "size": found["Size"]}
            yield item, found["Key"]
