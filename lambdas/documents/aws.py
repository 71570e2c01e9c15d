"""The AWS clients, made on first use and kept for the next invocations of a warm function.

They are botocore's own, of what the library has loaded already: importing boto3 and its first client would make a cold
start a tenth of a second longer.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from botocore.config import Config
from botocore.exceptions import ReadTimeoutError

from status_tracker.dynamodb.sessions import session_for

if TYPE_CHECKING:
    from mypy_boto3_bedrock_runtime import BedrockRuntimeClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_stepfunctions import SFNClient
    from mypy_boto3_textract import TextractClient

# Together well within the 30 s that intake has: the SDKs' defaults of 15 to 60 s a try would outlive the function.
CONNECT_TIMEOUT_SECONDS = 3
READ_TIMEOUT_SECONDS = 5
TRIES = 3


def _client(service: str, read_timeout: int = READ_TIMEOUT_SECONDS, tries: int = TRIES) -> Any:
    config = Config(
        connect_timeout=CONNECT_TIMEOUT_SECONDS,
        read_timeout=read_timeout,
        retries={"mode": "standard", "total_max_attempts": tries},
    )
    return session_for(service).create_client(service, config=config)


@cache
def s3_client() -> S3Client:
    client: S3Client = _client("s3")
    return client


@cache
def step_functions_client() -> SFNClient:
    client: SFNClient = _client("stepfunctions")
    return client


# The services that read and answer take longer than others. Whatever they do, all requests of a step are over well
# before the 300 s that it has at least (`infra/documents/reading_settings.py`), so that what they say is recorded.
@cache
def textract_client() -> TextractClient:
    client: TextractClient = _client("textract", read_timeout=30, tries=5)
    client.meta.events.register_first("needs-retry.textract.AnalyzeDocument", _give_up_without_answer)
    return client


@cache
def bedrock_client() -> BedrockRuntimeClient:
    """One try: a model may take long to answer, and what it has answered is paid for though nobody has waited for it.

    The answerer asks twice at most, in all for twice as long.
    """
    client: BedrockRuntimeClient = _client("bedrock-runtime", read_timeout=90, tries=1)
    return client


def _give_up_without_answer(caught_exception: Exception | None = None, **_: object) -> None:
    """Have a request that was sent and not answered in time fail at once: repeated, it may be paid for again."""
    if isinstance(caught_exception, ReadTimeoutError):
        raise caught_exception
