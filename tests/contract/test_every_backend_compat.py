"""The contract of all backends, on the v5 spelling of DynamoDB (DynamoDB Local)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import pytest

from status_tracker.testing.contract import Backend, ContractSuite
from tests.contract.backends.compat import CompatBackend
from tests.contract.backends.dynamodb import DynamoTable
from tests.support.engines import Engine


@pytest.fixture(scope="module")
def table(dynamodb_local_engine: Engine) -> Iterator[DynamoTable]:
    with closing(DynamoTable(dynamodb_local_engine.host)) as table:
        yield table


class TestCompat(ContractSuite):
    @pytest.fixture
    def backend(self, table: DynamoTable) -> Backend:
        return CompatBackend(table)
