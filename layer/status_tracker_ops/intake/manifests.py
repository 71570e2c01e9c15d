"""Reads a list of object keys from S3: a JSON array, JSON lines, or a CSV like those of S3 Inventory.

JSON lines and CSV are read piece by piece, from any line on, and may be of any length.
"""

from __future__ import annotations

import csv
import json
from contextlib import closing
from dataclasses import dataclass
from io import BufferedReader
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote_plus

from botocore.exceptions import ClientError

from status_tracker_ops.bulk.inputs import BadInputError, is_unicode, shown

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from mypy_boto3_s3 import S3Client

LONGEST_KEY_BYTES = 1024
LONGEST_LINE_BYTES = 64 * 1024
LARGEST_ARRAY_BYTES = 64 * 1024 * 1024
_FIRST_BYTES = 4096
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_GZIP = b"\x1f\x8b"
_EXPECTED = 'expected a key as JSON text, an object with "key", or the CSV columns bucket and key'


class _LongLine(str):
    """The beginning of a line that is longer than any entry."""

    __slots__ = ()


class _BadEntryError(ValueError):
    """An entry of a manifest is no key of the document bucket; its text says why."""


@dataclass(frozen=True)
class Manifest:
    """
    A manifest as it is now, of keys of the bucket `documents`.

    `etag` is that of its bytes; a reader that has begun with them goes on with none but them.
    """

    s3: S3Client
    bucket: str
    key: str
    documents: str
    etag: str
    size: int
    is_array: bool

    @classmethod
    def open(cls, s3: S3Client, bucket: str, key: str, documents: str) -> Manifest:
        """Look at its first bytes; raises `BadInputError` where it is gone, or nothing that could be read."""
        address = f"s3://{bucket}/{key}"
        try:
            head = s3.head_object(Bucket=bucket, Key=key)
            body = s3.get_object(Bucket=bucket, Key=key, Range=f"bytes=0-{_FIRST_BYTES}")["Body"]
        except ClientError as error:
            code = error.response["Error"]["Code"]
            if code == "InvalidRange":
                raise BadInputError(f"The manifest {address} is empty.") from error
            if code in {"404", "NoSuchKey"}:
                raise BadInputError(f"There is no manifest {address}: check its key, or upload it.") from error
            raise
        with closing(body):
            beginning = body.read()
        if beginning.startswith(_GZIP):
            raise BadInputError(f"The manifest {address} is compressed: unpack it and upload the content.")
        is_array = beginning.removeprefix(_BYTE_ORDER_MARK).lstrip().startswith(b"[")
        size = head["ContentLength"]
        if is_array and size > LARGEST_ARRAY_BYTES:
            raise BadInputError(
                f"The manifest {address} is a JSON array of {size:,} bytes, of which at most"
                f" {LARGEST_ARRAY_BYTES:,} are read: write it as JSON lines, which may be of any length."
            )
        return cls(s3, bucket, key, documents, head["ETag"], size, is_array)

    def read(self, cursor: Mapping[str, Any] | None) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
        """The entries behind `cursor`, each with the cursor behind it.

        An entry is ``{"key": …}``, or ``{"entry": …, "reason": …}`` where it is not a key of the bucket: a manifest
        with wrong lines is read to its end.

        Raises:
            BadInputError: the manifest was changed since the cursor was given.
        """
        if cursor is not None and cursor["etag"] != self.etag:
            raise BadInputError(
                f"The manifest s3://{self.bucket}/{self.key} was changed while it was read: start again."
            )
        position, number = (0, 0) if cursor is None else (cursor["position"], cursor["number"])
        for entry, behind in self._elements(position) if self.is_array else self._lines(position):
            number += 1
            yield self._checked(entry, number), {"etag": self.etag, "position": behind, "number": number}

    def _body(self, position: int) -> Any:
        found = self.s3.get_object(Bucket=self.bucket, Key=self.key, IfMatch=self.etag, Range=f"bytes={position}-")
        return found["Body"]

    def _elements(self, position: int) -> Iterator[tuple[object, int]]:
        """The elements of an array from the one of that number on, with the number of the next."""
        with closing(self._body(0)) as body:
            content = body.read()
        try:
            elements = json.loads(content.decode("utf-8-sig"))
        except (ValueError, RecursionError) as error:
            raise BadInputError(
                f"The manifest s3://{self.bucket}/{self.key} begins as a JSON array, but is not one ({error})."
            ) from error
        for number, element in enumerate(elements[position:], position + 1):
            yield element, number

    def _lines(self, position: int) -> Iterator[tuple[object, int]]:
        """What the lines from that byte on hold, with where the next begins; the empty ones are left out."""
        if position >= self.size:
            return
        with closing(self._body(position)) as body:
            reader = BufferedReader(body)
            while line := reader.readline(LONGEST_LINE_BYTES):
                content = line.removeprefix(_BYTE_ORDER_MARK) if position == 0 else line
                rest = 0 if _is_whole(line) else _skipped_line(reader)
                position += len(line) + rest
                if rest:
                    yield _LongLine(content.decode("utf-8", "backslashreplace")), position
                elif content.strip():
                    yield _parsed(content.strip()), position

    def _checked(self, entry: object, number: int) -> dict[str, Any]:
        try:
            return {"key": self._key(entry)}
        except _BadEntryError as error:
            return {"entry": number, "found": shown(entry), "reason": str(error)}

    def _key(self, entry: object) -> str:
        if isinstance(entry, _LongLine):
            raise _BadEntryError(f"It is longer than {LONGEST_LINE_BYTES:,} bytes: {_EXPECTED}.")
        fields = entry if isinstance(entry, dict) else {"key": entry}
        key, bucket = fields.get("key"), fields.get("bucket", self.documents)
        if not isinstance(key, str) or not key:
            raise _BadEntryError(f"There is no key: {_EXPECTED}.")
        if bucket != self.documents:
            raise _BadEntryError(f"It is in the bucket {shown(bucket)}: only those in {self.documents} are registered.")
        if not is_unicode(key) or len(key.encode()) > LONGEST_KEY_BYTES:
            raise _BadEntryError(f"A key has at most {LONGEST_KEY_BYTES:,} bytes of UTF-8, and no half characters.")
        return key


def _is_whole(line: bytes) -> bool:
    return len(line) < LONGEST_LINE_BYTES or line.endswith(b"\n")


def _skipped_line(reader: BufferedReader) -> int:
    """Read to the end of a line; how many bytes that were."""
    skipped = 0
    while part := reader.readline(LONGEST_LINE_BYTES):
        skipped += len(part)
        if _is_whole(part):
            break
    return skipped


def _parsed(line: bytes) -> object:
    """The JSON of a line, or its columns as bucket and key; a line that is neither as a list with its text."""
    text = line.decode("utf-8", "backslashreplace")
    try:
        return json.loads(line)
    except (ValueError, RecursionError):
        pass
    try:
        bucket, key, *_ = next(csv.reader([text], strict=True))
        return {"bucket": bucket, "key": unquote_plus(key, errors="strict")}
    except (ValueError, csv.Error):
        return [text]
