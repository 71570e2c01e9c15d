"""The samples with which a deployed stack of the documents application is verified."""

from __future__ import annotations

from collections.abc import Iterator

import boto3
import pytest
from moto import mock_aws

from documents.verification import verification
from status_tracker_ops.clients import s3_client


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setenv("BUCKET", "documents")
    monkeypatch.setenv("STATUS_TRACKER_STACK", "status-tracker-test")
    s3_client.cache_clear()
    with mock_aws():
        boto3.client("s3").create_bucket(Bucket="documents")
        yield "documents"
    s3_client.cache_clear()


@pytest.mark.usefixtures("bucket")
@pytest.mark.parametrize("name", ["good", "hopeless", "big"])
def test_a_sample_that_is_submitted_twice_is_one_task(name: str) -> None:
    sample = getattr(verification(), name)
    assert sample.submit("key") == sample.submit("key")
