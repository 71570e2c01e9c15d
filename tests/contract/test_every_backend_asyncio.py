"""The contract of all backends on an event loop, where there is an `astart`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import TypeAlias

import pytest
import sqlalchemy as sa

from status_tracker.testing.contract import Backend, ContractSuite
from tests.contract.backends.dynamodb import DynamoBackend, DynamoTable
from tests.contract.backends.memory import MemoryBackend
from tests.contract.backends.on_loop import BackendOnLoop, JobStepOnLoop, Loop
from tests.contract.backends.sql import FaultyCommits, SqlBackend, sqlite_engine
from tests.support.engines import Engine
from tests.support.postgres import fresh_database

Database: TypeAlias = tuple[sa.Engine, FaultyCommits]


@pytest.fixture(scope="module")
def loop() -> Iterator[Loop]:
    with closing(Loop()) as loop:
        yield loop


@pytest.fixture(scope="module")
def table(dynamodb_local_engine: Engine) -> Iterator[DynamoTable]:
    with closing(DynamoTable(dynamodb_local_engine.host)) as table:
        yield table


@pytest.fixture(scope="module")
def sqlite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    path: Path = tmp_path_factory.mktemp("sqlite") / "jobs.db"
    engine = sqlite_engine(str(path), wal=True)
    yield engine, FaultyCommits(engine)
    engine.dispose()


@pytest.fixture(scope="module")
def postgres(postgres_url: str) -> Iterator[Database]:
    with fresh_database(postgres_url) as url:
        engine = sa.create_engine(url)
        yield engine, FaultyCommits(engine)
        engine.dispose()


class TestMemoryOnLoop(ContractSuite):
    @pytest.fixture
    def backend(self, loop: Loop) -> Backend:
        return BackendOnLoop(MemoryBackend(), loop)


class TestDynamoDBLocalOnLoop(ContractSuite):
    @pytest.fixture
    def backend(self, loop: Loop, table: DynamoTable) -> Backend:
        return BackendOnLoop(DynamoBackend(table), loop)


class TestSQLiteOnLoop(ContractSuite):
    @pytest.fixture
    def backend(self, loop: Loop, sqlite: Database) -> Backend:
        return BackendOnLoop(SqlBackend(*sqlite), loop, JobStepOnLoop)


class TestPostgreSQLOnLoop(ContractSuite):
    @pytest.fixture
    def backend(self, loop: Loop, postgres: Database) -> Backend:
        return BackendOnLoop(SqlBackend(*postgres), loop, JobStepOnLoop)
