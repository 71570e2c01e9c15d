"""An upload: read from the body of an SQS message, and turned into the id and data of a task."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Self

from status_tracker import NonRetryableError


class UploadMissingError(NonRetryableError):
    """The object of a task is gone, or another one is in its place; raise it from the work on the task.

    The task is ignored until its object is there again: the next event about it, a backfill or a sweep then gives the
    task a new run.
    """


class BadMessageError(ValueError):
    """The message is not an S3 "Object Created" event; its text says what was found instead."""


@dataclass(frozen=True)
class Upload:
    """One upload, and what its task is made of.

    Attributes:
        key: the plain object key, not URL-encoded.
        etag: without quotes.
        size: in bytes.
    """

    bucket: str
    key: str
    etag: str
    size: int

    @property
    def task_id(self) -> str:
        """The same bytes under the same key are one task; changed bytes are another."""
        return f"{self.key}#{self.etag}"

    @property
    def is_folder(self) -> bool:
        """Whether it only stands for a folder, as the S3 console's "Create folder" makes it: no task is made of it."""
        return self.size == 0 and self.key.endswith("/")

    def to_task_data(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_task_data(cls, data: Mapping[str, Any]) -> Self:
        """The upload that `to_task_data` wrote. Raises `BadMessageError` for any other data."""
        return cls(
            bucket=_member(data, "bucket", str, "the task's data"),
            key=_member(data, "key", str, "the task's data"),
            etag=_member(data, "etag", str, "the task's data"),
            size=_member(data, "size", int, "the task's data"),
        )


def parse_upload(body: str) -> Upload:
    """The upload of an EventBridge event of S3, as SQS delivers it.

    EventBridge gives the object key as it is; S3's own notifications have it URL-encoded.

    Raises:
        BadMessageError: the body is anything else.
    """
    try:
        event = json.loads(body)
    # A RecursionError is what thousands of nested brackets give.
    except (ValueError, RecursionError) as error:
        raise BadMessageError(f"The body is not JSON ({error}); expected an EventBridge event.") from error
    if not isinstance(event, dict):
        raise BadMessageError(f"The body is JSON {_kind(event)}; expected an EventBridge event (an object).")
    found = (event.get("source"), event.get("detail-type"))
    if found != ("aws.s3", "Object Created"):
        raise BadMessageError(
            f"The event is {found[1]!r} from {found[0]!r}; expected 'Object Created' from 'aws.s3'."
            " Check the EventBridge rule that feeds this queue."
        )
    detail = _member(event, "detail", dict, "the event")
    bucket = _member(detail, "bucket", dict, "detail")
    stored = _member(detail, "object", dict, "detail")
    name = _member(bucket, "name", str, "detail.bucket")
    key = _member(stored, "key", str, "detail.object")
    if not _is_unicode(key):
        raise BadMessageError(f"'key' in detail.object is {key!r:.80}, which is no Unicode text; S3 has no such key.")
    return Upload(
        bucket=name,
        key=key,
        etag=_member(stored, "etag", str, "detail.object").strip('"'),
        size=_member(stored, "size", int, "detail.object"),
    )


def _is_unicode(text: str) -> bool:
    """Whether it has no half of a surrogate pair, as JSON may."""
    return not any("\ud800" <= character <= "\udfff" for character in text)


def uploaded_at(body: str) -> datetime | None:
    """When the upload of such an event was made; None where the event does not say it."""
    try:
        moment = datetime.fromisoformat(json.loads(body)["time"])
    except (KeyError, TypeError, ValueError):
        return None
    return None if moment.tzinfo is None else moment


def _member(parent: Mapping[str, Any], name: str, expected: type, where: str) -> Any:
    value = parent.get(name)
    if value is None or value == "":
        raise BadMessageError(f"{name!r} is missing in {where}; it has {sorted(parent)}.")
    if not isinstance(value, expected) or isinstance(value, bool):
        raise BadMessageError(f"{name!r} in {where} is {_kind(value)} ({value!r:.80}); expected {_KINDS[expected]}.")
    return value


_KINDS: dict[type, str] = {
    dict: "an object",
    list: "an array",
    str: "a text",
    int: "a whole number",
    float: "a number",
    bool: "a truth value",
    type(None): "null",
}


def _kind(value: object) -> str:
    return _KINDS[type(value)]
