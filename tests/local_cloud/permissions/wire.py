"""Requests as boto3 makes them, and answers as it reads them, without a server."""

from __future__ import annotations

import io
import urllib.parse
from collections.abc import Callable
from typing import Any

import boto3
from botocore.awsrequest import AWSResponse
from botocore.compat import HTTPHeaders
from botocore.config import Config

from status_tracker_local.permissions.refusals import Answer
from status_tracker_local.permissions.requests.api_request import ApiRequest

ENDPOINT = "http://localhost:5000"

Answering = Callable[[ApiRequest], Answer]


class _Raw(io.BytesIO):
    """A body as botocore reads it from the network."""

    def stream(self, amt: int = 2**16, decode_content: bool | None = None) -> Any:  # noqa: ARG002
        while chunk := self.read(amt):
            yield chunk


def client(service: str, answer: Answering, **settings: Any) -> Any:
    """A client whose requests `answer` gets, as they would come to the server."""
    found: Any = boto3.client(
        service,  # type: ignore[call-overload]
        endpoint_url=ENDPOINT,
        region_name="us-east-1",
        aws_access_key_id="ASIAEXAMPLE",
        aws_secret_access_key="secret",
        aws_session_token="token",
        config=Config(retries={"total_max_attempts": 1}, **settings),
    )

    def send(request: Any, **_: Any) -> AWSResponse:
        status, headers, body = answer(ApiRequest(environ_of(request)))
        return AWSResponse(request.url, status.value, HTTPHeaders.from_pairs(headers), _Raw(body))

    found.meta.events.register("before-send", send)
    return found


def environ_of(request: Any) -> dict[str, Any]:
    """What WSGI makes of a request that botocore is about to send."""
    url = urllib.parse.urlsplit(request.url)
    body = request.body or b""
    body = body.encode() if isinstance(body, str) else body if isinstance(body, bytes) else body.read()
    texts = {name: v.decode() if isinstance(v, bytes) else v for name, v in request.headers.items()}
    headers = {f"HTTP_{name.upper().replace('-', '_')}": value for name, value in texts.items()}
    return {
        "HTTP_HOST": url.netloc,
        **headers,
        "REQUEST_METHOD": request.method,
        "RAW_URI": f"{url.path}?{url.query}" if url.query else url.path,
        "PATH_INFO": urllib.parse.unquote(url.path).encode().decode("latin-1"),
        "QUERY_STRING": url.query,
        "CONTENT_TYPE": texts.get("Content-Type", ""),
        "CONTENT_LENGTH": str(len(body)),
        "wsgi.input": io.BytesIO(body),
    }
