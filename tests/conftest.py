"""The engines on which the adapters are tested: started once a session (once a worker of pytest-xdist)."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import NoReturn

import pytest

from tests.support.dynamodb_local import EngineMissingError
from tests.support.engines import Engine, dynamodb_local, moto_server
from tests.support.postgres import PostgresMissingError, run_postgres


@pytest.fixture(scope="session")
def dynamodb_local_engine() -> Iterator[Engine]:
    """AWS's own engine; where it cannot run the test is skipped, but under CI=true it fails."""
    try:
        with dynamodb_local() as engine:
            yield engine
    except EngineMissingError as missing:
        _do_without(missing)


@pytest.fixture(scope="session")
def moto_engine() -> Iterator[Engine]:
    with moto_server() as engine:
        yield engine


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """The SQLAlchemy URL of a server; where PostgreSQL is missing the test is skipped, but under CI=true it fails."""
    try:
        with run_postgres() as url:
            yield url
    except PostgresMissingError as missing:
        _do_without(missing)


def _do_without(missing: Exception) -> NoReturn:
    if os.environ.get("CI") == "true":
        pytest.fail(str(missing))
    pytest.skip(str(missing))
