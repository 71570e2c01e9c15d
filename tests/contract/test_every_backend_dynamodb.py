"""The contract of all backends, on DynamoDB Local (AWS's own engine) and on moto."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import pytest

from status_tracker.testing.contract import Backend, ContractSuite
from tests.contract.backends.dynamodb import DynamoBackend, DynamoTable
from tests.support.engines import Engine


@pytest.fixture(scope="module")
def table_on_dynamodb_local(dynamodb_local_engine: Engine) -> Iterator[DynamoTable]:
    with closing(DynamoTable(dynamodb_local_engine.host)) as table:
        yield table


@pytest.fixture(scope="module")
def table_on_moto(moto_engine: Engine) -> Iterator[DynamoTable]:
    with closing(DynamoTable(moto_engine.host)) as table:
        yield table


class TestDynamoDBLocal(ContractSuite):
    @pytest.fixture
    def backend(self, table_on_dynamodb_local: DynamoTable) -> Backend:
        return DynamoBackend(table_on_dynamodb_local)


class TestMoto(ContractSuite):
    @pytest.fixture
    def backend(self, table_on_moto: DynamoTable) -> Backend:
        return DynamoBackend(table_on_moto)
