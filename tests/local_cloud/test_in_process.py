"""What a boto3 client is answered by an application in its own process is what it would be over a connection."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from werkzeug.serving import make_server

from status_tracker_local.in_process import answer_in_process
from status_tracker_local.keep_alive import KeepAliveHandler

ARN = "arn:aws:lambda:us-east-1:123456789012:function:one"


def application(environ: dict[str, Any], start_response: Callable[..., object]) -> Iterable[bytes]:
    if environ["REQUEST_METHOD"] == "HEAD":
        start_response("403 Forbidden", [("Content-Type", "application/xml")])
        return [b"<Error><Code>AccessDenied</Code><Message>You may not.</Message></Error>"]
    body = environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"] or 0))
    if body == b"broken":
        raise ValueError("as asked")
    if body == b"refused":
        start_response("403 FORBIDDEN", [("Content-Type", "application/json"), ("x-amzn-errortype", "NotYou")])
        return [b'{"message": ', b'"You may not."}']
    asked = [environ[name] for name in ("REQUEST_METHOD", "PATH_INFO", "QUERY_STRING", "HTTP_HOST")]
    asked.append(environ["RAW_URI"].partition("?")[0])
    signed = environ["HTTP_AUTHORIZATION"].startswith("AWS4-HMAC-SHA256 Credential=key/")
    start_response("200 OK", [("Content-Type", "application/json"), ("X-Amz-Function-Error", "Unhandled")])
    return [repr((asked, signed)).encode(), body]


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    """That of a server with the application."""
    server = make_server("127.0.0.1", 0, application, threaded=True, request_handler=KeepAliveHandler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server.port
    server.shutdown()


def clients(port: int, service: Any) -> list[Any]:
    """One that connects, and one that does not."""
    made = [
        boto3.client(
            service,
            region_name="us-east-1",
            endpoint_url=f"http://localhost:{port}",
            aws_access_key_id="key",
            aws_secret_access_key="secret",
            config=Config(retries={"total_max_attempts": 1}),
        )
        for _ in range(2)
    ]
    answer_in_process(made[1], application)
    return made


def told(client: Any, payload: bytes) -> Any:
    try:
        answer = client.invoke(FunctionName=ARN, Qualifier="ä/1", Payload=payload)
    except ClientError as error:
        answer = error.response
        return answer["Error"], answer["ResponseMetadata"]["HTTPStatusCode"]
    return answer["StatusCode"], answer["FunctionError"], answer["Payload"].read()


@pytest.mark.parametrize("payload", [b'{"a": 1}', b"", b"refused", b"broken"])
def test_the_answers_are_the_same(port: int, payload: bytes) -> None:
    connecting, in_process = (told(client, payload) for client in clients(port, "lambda"))
    assert in_process == connecting
    assert (b"123456789012" in in_process[-1]) if payload in {b'{"a": 1}', b""} else in_process[-1] in {403, 500}


def test_the_answer_to_a_head_has_no_body(port: int) -> None:
    for client in clients(port, "s3"):
        with pytest.raises(ClientError) as error:
            client.head_object(Bucket="bucket", Key="key")
        assert error.value.response["Error"] == {"Code": "403", "Message": "Forbidden"}
