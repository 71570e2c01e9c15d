"""The contract of all backends, on SQL: SQLite with and without its write-ahead log, PostgreSQL, MariaDB."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

import pytest
import sqlalchemy as sa

from status_tracker.testing.contract import Backend, ContractSuite
from tests.contract.backends.sql import FaultyCommits, SqlBackend, sqlite_engine
from tests.support.mariadb import fresh_schema
from tests.support.postgres import fresh_database


class Database(NamedTuple):
    engine: sa.Engine
    faults: FaultyCommits


@contextmanager
def _open(engine: sa.Engine) -> Iterator[Database]:
    yield Database(engine, FaultyCommits(engine))
    engine.dispose()


@pytest.fixture(scope="module")
def sqlite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    with _open(sqlite_engine(str(tmp_path_factory.mktemp("sqlite") / "jobs.db"), wal=False)) as database:
        yield database


@pytest.fixture(scope="module")
def sqlite_wal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    with _open(sqlite_engine(str(tmp_path_factory.mktemp("sqlite") / "jobs.db"), wal=True)) as database:
        yield database


@pytest.fixture(scope="module")
def postgres(postgres_url: str) -> Iterator[Database]:
    with fresh_database(postgres_url) as url, _open(sa.create_engine(url)) as database:
        yield database


@pytest.fixture(scope="module")
def mariadb(mariadb_url: str) -> Iterator[Database]:
    with fresh_schema(mariadb_url) as url, _open(sa.create_engine(url)) as database:
        yield database


class TestSQLite(ContractSuite):
    @pytest.fixture
    def backend(self, sqlite: Database) -> Backend:
        return SqlBackend(*sqlite)


class TestSQLiteWAL(ContractSuite):
    @pytest.fixture
    def backend(self, sqlite_wal: Database) -> Backend:
        return SqlBackend(*sqlite_wal)


class TestPostgreSQL(ContractSuite):
    @pytest.fixture
    def backend(self, postgres: Database) -> Backend:
        return SqlBackend(*postgres)


class TestMariaDB(ContractSuite):
    @pytest.fixture
    def backend(self, mariadb: Database) -> Backend:
        return SqlBackend(*mariadb)
