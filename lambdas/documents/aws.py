"""The AWS clients, made on first use and kept for the next invocations of a warm function."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import boto3
from botocore.config import Config

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_stepfunctions import SFNClient

# Together well within the 30 s that intake has: the SDKs' defaults of 15 to 60 s a try would outlive the function.
CONNECT_TIMEOUT_SECONDS = 3
READ_TIMEOUT_SECONDS = 5
TRIES = 3

_CONFIG = Config(
    connect_timeout=CONNECT_TIMEOUT_SECONDS,
    read_timeout=READ_TIMEOUT_SECONDS,
    retries={"mode": "standard", "total_max_attempts": TRIES},
)


@cache
def s3_client() -> S3Client:
    return boto3.client("s3", config=_CONFIG)


@cache
def step_functions_client() -> SFNClient:
    return boto3.client("stepfunctions", config=_CONFIG)
