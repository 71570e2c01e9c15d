"""The AWS clients, made on first use and kept for the next invocations of a warm function."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import boto3
from botocore.config import Config

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_stepfunctions import SFNClient

# A function has seconds, not minutes: the default of 60 s for a connection would use up a whole attempt.
_CONFIG = Config(connect_timeout=3, read_timeout=20, retries={"mode": "standard", "max_attempts": 4})


@cache
def s3_client() -> S3Client:
    return boto3.client("s3", config=_CONFIG)


@cache
def step_functions_client() -> SFNClient:
    return boto3.client("stepfunctions", config=_CONFIG)
