"""The engines on which the adapters are tested: started once a session (once a worker of pytest-xdist).

Here stands too which tests are left to `make matrix`.
"""

from __future__ import annotations

import functools
import gc
import signal
from collections.abc import Iterator

import pytest
from botocore.loaders import JSONFileLoader

from status_tracker.core import signals
from tests.support.dynamodb_local import EngineMissingError
from tests.support.engines import MOTO, Engine, dynamodb_local, moto_server
from tests.support.mariadb import MariaDBMissingError, run_mariadb
from tests.support.missing import do_without
from tests.support.postgres import PostgresMissingError, run_postgres
from tests.support.scheduling import pytest_xdist_make_scheduler

__all__ = ["pytest_xdist_make_scheduler"]

HANDLERS = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
SMOKE_OF_MOTO = "test_the_walk_through"
"""On moto, this is in `make test`, and every other test of DynamoDB in `make matrix`."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if _on_moto(item) and getattr(item, "originalname", "") != SMOKE_OF_MOTO:
            item.add_marker(pytest.mark.matrix)


def pytest_collection_finish() -> None:
    """The tests stay until the end: the garbage collector need not walk through all of them again and again."""
    gc.collect()
    gc.freeze()


def _on_moto(item: pytest.Item) -> bool:
    """Whether moto takes the place of DynamoDB Local."""
    parameters = item.callspec.params if hasattr(item, "callspec") else {}
    suite = getattr(item, "cls", None)
    return parameters.get("engine") == MOTO or (suite is not None and suite.__name__ == "TestMoto")


@pytest.fixture(scope="session", autouse=True)
def _botocore_reads_each_file_once() -> Iterator[None]:
    """Of the time that a new session's client takes, most is the reading of JSON."""
    read = functools.cache(JSONFileLoader().load_file)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(JSONFileLoader, "load_file", lambda _, path: read(path))
        yield


@pytest.fixture(autouse=True)
def _signals_are_given_back() -> None:
    """Also by the attempts of workers that vanish, which never leave their block.

    Each test begins with no attempt, neither of the tests before it nor of the fixtures of its module or session.
    """
    signals._process = type(signals._process)()
    for number, handler in HANDLERS.items():
        signal.signal(number, handler)


@pytest.fixture(scope="session")
def dynamodb_local_engine() -> Iterator[Engine]:
    """AWS's own engine; where it cannot run the test is skipped, but under CI=true it fails."""
    try:
        with dynamodb_local() as engine:
            yield engine
    except EngineMissingError as missing:
        do_without(missing)


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
        do_without(missing)


@pytest.fixture(scope="session")
def mariadb_url() -> Iterator[str]:
    """The SQLAlchemy URL of a server; where MariaDB is missing the test is skipped, but under CI=true it fails."""
    try:
        with run_mariadb() as url:
            yield url
    except MariaDBMissingError as missing:
        do_without(missing)
