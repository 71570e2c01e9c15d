"""The engines on which the DynamoDB adapter is tested: started once a session (once a worker of pytest-xdist)."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from tests.support.dynamodb_local import EngineMissingError
from tests.support.engines import Engine, dynamodb_local, moto_server


@pytest.fixture(scope="session")
def dynamodb_local_engine() -> Iterator[Engine]:
    """AWS's own engine; where it cannot run the test is skipped, but under CI=true it fails."""
    try:
        with dynamodb_local() as engine:
            yield engine
    except EngineMissingError as missing:
        if os.environ.get("CI") == "true":
            pytest.fail(str(missing))
        pytest.skip(str(missing))


@pytest.fixture(scope="session")
def moto_engine() -> Iterator[Engine]:
    with moto_server() as engine:
        yield engine
