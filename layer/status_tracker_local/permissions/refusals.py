"""How each service says that something is not allowed: in its own protocol, with its own code."""

import json
import uuid
from http import HTTPStatus
from typing import NamedTuple
from xml.sax.saxutils import escape

from status_tracker_local.permissions.requests.api_request import ApiRequest

_XML = '<?xml version="1.0" encoding="UTF-8"?>\n'
# Those whose refusal is a 400 are all others that name their operation in JSON.
_FORBIDDEN = {"bedrock", "lambda", "scheduler", "sqs", "xray"}
_CODES = {"sns": "AuthorizationError", "ec2": "UnauthorizedOperation"}
_CBOR_TEXT, _CBOR_MAP = 0x60, 0xA0


class Answer(NamedTuple):
    """An HTTP answer."""

    status: HTTPStatus
    headers: list[tuple[str, str]]
    body: bytes


def refusal(request: ApiRequest, message: str) -> Answer:
    """The answer of the request's service to what is not allowed."""
    if request.service == "s3":
        return _of_s3(request, message)
    if request.is_cbor:
        return _in_cbor(message)
    if request.is_form:
        return _in_a_form(request, message)
    return _in_json(request, message)


def _of_s3(request: ApiRequest, message: str) -> Answer:
    body = f"{_XML}<Error><Code>AccessDenied</Code><Message>{escape(message)}</Message></Error>".encode()
    return _answer(HTTPStatus.FORBIDDEN, "application/xml", b"" if request.method == "HEAD" else body)


def _in_json(request: ApiRequest, message: str) -> Answer:
    code = "AccessDeniedException"
    status = HTTPStatus.FORBIDDEN if request.service in _FORBIDDEN else HTTPStatus.BAD_REQUEST
    body = json.dumps({"__type": f"com.amazon.coral.service#{code}", "message": message, "Message": message})
    own = [("x-amzn-ErrorType", code)]
    if request.service == "sqs":
        own.append(("x-amzn-query-error", "AccessDenied;Sender"))
    content_type = "application/x-amz-json-1.0" if request.operation else "application/json"
    return _answer(status, content_type, body.encode(), own)


def _in_a_form(request: ApiRequest, message: str) -> Answer:
    code = _CODES.get(request.service, "AccessDenied")
    error = f"<Error><Type>Sender</Type><Code>{code}</Code><Message>{escape(message)}</Message></Error>"
    body = f"{_XML}<ErrorResponse>{error}<RequestId>{uuid.uuid4()}</RequestId></ErrorResponse>"
    return _answer(HTTPStatus.FORBIDDEN, "text/xml", body.encode())


def _in_cbor(message: str) -> Answer:
    texts = ("__type", "AccessDeniedException", "message", message)
    body = bytes([_CBOR_MAP | len(texts) // 2]) + b"".join(map(_cbor_text, texts))
    return _answer(HTTPStatus.BAD_REQUEST, "application/cbor", body, [("smithy-protocol", "rpc-v2-cbor")])


def _cbor_text(text: str) -> bytes:
    """A text of at most 65,535 bytes: https://www.rfc-editor.org/rfc/rfc8949#section-3.1."""
    encoded = text.encode()[:0xFFFF]
    return bytes([_CBOR_TEXT | 25]) + len(encoded).to_bytes(2, "big") + encoded


def _answer(status: HTTPStatus, content_type: str, body: bytes, headers: list[tuple[str, str]] | None = None) -> Answer:
    request_id = str(uuid.uuid4())
    own = [("Content-Type", content_type), ("Content-Length", str(len(body)))]
    ids = [("x-amzn-RequestId", request_id), ("x-amz-request-id", request_id)]
    return Answer(status, [*own, *ids, *(headers or [])], body)
