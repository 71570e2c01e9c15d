"""Which errors are outages, whatever was raised over them, and which are none."""

from __future__ import annotations

import socket
from typing import Any

import boto3
import pytest
from boto3.exceptions import RetriesExceededError, S3UploadFailedError
from botocore.config import Config
from botocore.exceptions import (
    ClientError,
    EndpointConnectionError,
    HTTPClientError,
    IncompleteReadError,
    ProxyConnectionError,
    ReadTimeoutError,
    SSLError,
)
from pynamodb.exceptions import GetError

import status_tracker as st
from status_tracker_ops.outages import READ_TIMEOUT_SETBACKS, ServiceBusyError, outages_postpone

URL = "https://example-documents.s3.amazonaws.com"


def refused(code: str, status: int) -> ClientError:
    response: Any = {"Error": {"Code": code, "Message": "m"}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return ClientError(response, "Any")


def raised_over(error: Exception, reason: BaseException) -> Exception:
    """The error as it is where it was raised while the reason was handled."""
    error.__context__ = reason
    return error


SLOW, DENIED = refused("SlowDown", 503), refused("AccessDenied", 403)
THROTTLED = refused("ThrottlingException", 400)


@pytest.mark.parametrize(
    "error",
    [
        refused("BadGateway", 502),
        refused("ENINotReadyException", 502),
        raised_over(S3UploadFailedError("Failed to upload"), SLOW),
        RetriesExceededError(IncompleteReadError(actual_bytes=1, expected_bytes=2)),
        GetError(cause=THROTTLED),
        raised_over(RuntimeError("the reader failed"), GetError(cause=THROTTLED)),
        raised_over(st.StoreUnansweredError("A page was asked for 4 times."), GetError(cause=THROTTLED)),
        ExceptionGroup("of several threads", [SLOW, ExceptionGroup("of two", [THROTTLED])]),
        raised_over(RuntimeError("the reader failed"), ExceptionGroup("of one", [SLOW])),
    ],
    ids=str,
)
def test_r19_what_comes_of_an_outage_postpones_however_it_is_wrapped(error: Exception) -> None:
    with pytest.raises(ServiceBusyError), outages_postpone(0):
        raise error


def in_a_circle() -> Exception:
    """A member that was raised anew while its group was handled."""
    member = ValueError("the text is no date")
    return raised_over(member, ExceptionGroup("of two", [SLOW, member]))


def silenced() -> Exception:
    error = raised_over(ValueError("the text is no date"), SLOW)
    error.__suppress_context__ = True
    return error


@pytest.mark.parametrize(
    "error",
    [
        refused("NotImplemented", 501),
        refused("KMSAccessDeniedException", 502),
        refused("InvalidZipFileException", 502),
        SSLError(endpoint_url=URL, error="certificate verify failed"),
        ProxyConnectionError(proxy_url=URL, error="refused"),
        HTTPClientError(error=ValueError("the task's own stream failed")),
        raised_over(S3UploadFailedError("Failed to upload"), DENIED),
        GetError(cause=DENIED),
        ExceptionGroup("of several threads", [SLOW, ValueError("the text is no date")]),
        raised_over(refused("AccessDenied", 403), SLOW),
        raised_over(st.NonRetryableError("not a PDF"), SLOW),
        raised_over(st.Postponed("tomorrow", retry_after=1), SLOW),
        raised_over(st.TaskLockLostError("another took it"), SLOW),
        in_a_circle(),
        silenced(),
    ],
    ids=str,
)
def test_what_waiting_does_not_mend_goes_through_as_it_is(error: Exception) -> None:
    with pytest.raises(type(error)) as caught, outages_postpone(0):
        raise error
    assert caught.value is error


@pytest.mark.parametrize(
    ("number", "kind"), [(socket.EAI_NONAME, EndpointConnectionError), (socket.EAI_AGAIN, ServiceBusyError)]
)
def test_r19_a_host_that_does_not_exist_is_no_outage_and_a_dns_that_does_not_answer_is_one(
    monkeypatch: pytest.MonkeyPatch, number: int, kind: type[Exception]
) -> None:
    def look_up(*_: object, **__: object) -> None:
        raise socket.gaierror(number, "as the resolver words it")

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    client = boto3.client(
        "sqs",
        "us-esat-1",
        aws_access_key_id="a",
        aws_secret_access_key="b",
        config=Config(retries={"max_attempts": 0}),
    )
    with pytest.raises(kind), outages_postpone(0):
        client.list_queues()


def test_r19_a_read_timeout_postpones_a_few_times_and_then_counts() -> None:
    error = ReadTimeoutError(endpoint_url=URL)
    for each in range(READ_TIMEOUT_SETBACKS + 2):
        expected = ServiceBusyError if each < READ_TIMEOUT_SETBACKS else ReadTimeoutError
        with pytest.raises(expected), outages_postpone(each):
            raise error
