"""As much of S3, in memory, as planning and reporting ask of it."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterator
from typing import Any

from botocore.exceptions import ClientError


class FakeS3:
    """Buckets of objects; a listing comes in pages of `page_size`."""

    def __init__(self, page_size: int = 1000) -> None:
        self.objects: dict[tuple[str, str], bytes] = {}
        self.page_size = page_size

    def put_object(self, *, Bucket: str, Key: str, Body: bytes, ContentType: str = "") -> None:  # noqa: N803, ARG002
        self.objects[Bucket, Key] = Body

    def head_object(self, *, Bucket: str, Key: str) -> dict[str, Any]:  # noqa: N803
        body = self.objects[Bucket, Key]
        return {"ETag": f'"{etag_of(body)}"', "ContentLength": len(body)}

    def get_object(self, *, Bucket: str, Key: str, Range: str = "bytes=0-", IfMatch: str = "") -> dict[str, Any]:  # noqa: N803
        body = self.objects[Bucket, Key]
        if IfMatch not in {"", f'"{etag_of(body)}"'}:
            raise refusal("PreconditionFailed")
        first, _, last = Range.removeprefix("bytes=").partition("-")
        if int(first) >= len(body) and Range != "bytes=0-":
            raise refusal("InvalidRange")
        return {"Body": io.BytesIO(body[int(first) : int(last) + 1 if last else None])}

    def get_paginator(self, name: str) -> FakeS3:
        assert name == "list_objects_v2"
        return self

    def paginate(self, *, Bucket: str, Prefix: str, StartAfter: str = "") -> Iterator[dict[str, Any]]:  # noqa: N803
        found = [
            {"Key": key, "ETag": f'"{etag_of(body)}"', "Size": len(body)}
            for (bucket, key), body in sorted(self.objects.items())
            if bucket == Bucket and key.startswith(Prefix) and key > StartAfter
        ]
        for begin in range(0, len(found), self.page_size):
            yield {"Contents": found[begin : begin + self.page_size]}
        yield {}


def etag_of(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()


def refusal(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": code}}, "GetObject")
