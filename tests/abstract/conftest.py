"""A fresh backend for each test."""

from __future__ import annotations

import uuid
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config

from tests.abstract.jobs import VARIANTS, FileJob, InMemory, S3Job
from tests.support.engines import Engine


@pytest.fixture
def jobs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> type[FileJob]:
    """Trackers in files, in a folder that is not there yet."""
    monkeypatch.setattr(FileJob, "folder", tmp_path / "some" / "jobs", raising=False)
    return FileJob


@pytest.fixture(scope="session")
def s3_client(moto_engine: Engine) -> Any:
    return boto3.client(
        "s3",
        endpoint_url=moto_engine.host,
        region_name="us-east-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
        config=Config(retries={"total_max_attempts": 1}),
    )


@pytest.fixture
def s3_jobs(s3_client: Any, monkeypatch: pytest.MonkeyPatch) -> type[S3Job]:
    """Trackers in a bucket of their own."""
    bucket = f"jobs-{uuid.uuid4().hex}"
    s3_client.create_bucket(Bucket=bucket)
    monkeypatch.setattr(S3Job, "bucket", bucket, raising=False)
    monkeypatch.setattr(S3Job, "client", s3_client, raising=False)
    return S3Job


@pytest.fixture(autouse=True)
def _nothing_stored_in_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whichever test ran in this process before, and wherever it stands."""
    monkeypatch.setattr(InMemory, "stored", {})


@pytest.fixture(params=VARIANTS, ids=lambda each: each.__name__)
def variant(request: pytest.FixtureRequest) -> type[InMemory]:
    """A class of trackers, declared in each of the ways that users declare theirs."""
    variant: type[InMemory] = request.param
    return variant
