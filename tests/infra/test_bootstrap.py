"""Which account and region `make bootstrap` prepares."""

from __future__ import annotations

import os

import pytest
from moto import mock_aws

from documents_stack.bootstrap import environment_name


@pytest.fixture(autouse=True)
def nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    """No credentials and no region, whatever this machine has."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, os.devnull)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")


def test_what_is_given_is_taken() -> None:
    assert environment_name("111122223333", "eu-central-1") == "aws://111122223333/eu-central-1"


def test_what_is_not_given_is_that_of_the_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-west-2")
    with mock_aws():
        assert environment_name() == "aws://123456789012/us-west-2"
        assert environment_name(region="eu-west-1") == "aws://123456789012/eu-west-1"


def test_a_missing_region_is_told() -> None:
    with pytest.raises(ValueError, match=r"No region was given.*make bootstrap ACCOUNT=\d+ REGION="):
        environment_name("111122223333")


def test_missing_credentials_are_told() -> None:
    with pytest.raises(ValueError, match=r"do not tell the account.*log in.*make bootstrap ACCOUNT=\d+ REGION="):
        environment_name(region="eu-central-1")
