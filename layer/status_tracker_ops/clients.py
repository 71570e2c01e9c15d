"""The AWS clients of the operating functions, made on first use and kept for the next invocations of a warm function.

They are botocore's own, which the library has loaded already: importing boto3 and its first client would make a cold
start a tenth of a second longer.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from botocore.config import Config

from status_tracker.sessions import quick_session

if TYPE_CHECKING:
    from mypy_boto3_events import EventBridgeClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_stepfunctions import SFNClient

# Together well within the 30 s that intake has: the SDKs' defaults of 15 to 60 s a try would outlive the function.
CONNECT_TIMEOUT_SECONDS = 3
READ_TIMEOUT_SECONDS = 5
TRIES = 3


def make_client(service: str, read_timeout: int = READ_TIMEOUT_SECONDS, tries: int = TRIES) -> Any:
    """A client of that service that gives up soon: `read_timeout` is in seconds, `tries` counts the first one too."""
    config = Config(
        connect_timeout=CONNECT_TIMEOUT_SECONDS,
        read_timeout=read_timeout,
        retries={"mode": "standard", "total_max_attempts": tries},
    )
    return quick_session().create_client(service, config=config)


@cache
def s3_client() -> S3Client:
    """The process's client of S3."""
    client: S3Client = make_client("s3")
    return client


@cache
def step_functions_client() -> SFNClient:
    """The process's client of Step Functions."""
    client: SFNClient = make_client("stepfunctions")
    return client


@cache
def sqs_client() -> SQSClient:
    client: SQSClient = make_client("sqs")
    return client


@cache
def events_client() -> EventBridgeClient:
    client: EventBridgeClient = make_client("events")
    return client
