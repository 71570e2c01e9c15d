"""The AWS clients, made on first use and kept for the next invocations of a warm function."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import boto3
from botocore.config import Config

if TYPE_CHECKING:
    from mypy_boto3_bedrock_runtime import BedrockRuntimeClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_stepfunctions import SFNClient
    from mypy_boto3_textract import TextractClient

# Together well within the 30 s that intake has: the SDKs' defaults of 15 to 60 s a try would outlive the function.
CONNECT_TIMEOUT_SECONDS = 3
READ_TIMEOUT_SECONDS = 5
TRIES = 3


def _config(read_timeout: int = READ_TIMEOUT_SECONDS, tries: int = TRIES) -> Config:
    return Config(
        connect_timeout=CONNECT_TIMEOUT_SECONDS,
        read_timeout=read_timeout,
        retries={"mode": "standard", "total_max_attempts": tries},
    )


@cache
def s3_client() -> S3Client:
    return boto3.client("s3", config=_config())


@cache
def step_functions_client() -> SFNClient:
    return boto3.client("stepfunctions", config=_config())


# The services that read and answer take longer than others, and are asked more often before they count as busy; yet
# all of it is over within the 300 s that a step has, so that what they say is recorded.
@cache
def textract_client() -> TextractClient:
    return boto3.client("textract", config=_config(read_timeout=30, tries=6))


@cache
def bedrock_client() -> BedrockRuntimeClient:
    return boto3.client("bedrock-runtime", config=_config(read_timeout=60, tries=4))
