"""What each backend promises, by the suite that holds it to that."""

from __future__ import annotations

from status_tracker.testing.contract import Promise
from tests.contract.backends.compat import CompatBackend
from tests.contract.backends.dynamodb import DynamoBackend
from tests.contract.backends.memory import MemoryBackend
from tests.contract.backends.sql import MYSQL_PROMISES
from tests.contract.backends.sql import PROMISES as SQL_PROMISES
from tests.contract.backends.trackers import DictBackend, FileBackend, S3Backend

PROMISES: dict[str, frozenset[Promise]] = {
    "TestMemory": MemoryBackend.promises,
    "TestDynamoDBLocal": DynamoBackend.promises,
    "TestMoto": DynamoBackend.promises,
    "TestCompat": CompatBackend.promises,
    "TestSQLite": SQL_PROMISES,
    "TestSQLiteWAL": SQL_PROMISES,
    "TestPostgreSQL": SQL_PROMISES,
    "TestMariaDB": MYSQL_PROMISES,
    "TestFiles": FileBackend.promises,
    "TestS3": S3Backend.promises,
    "TestLoadAndDump": DictBackend.promises,
    "TestMemoryOnLoop": MemoryBackend.promises,
    "TestDynamoDBLocalOnLoop": DynamoBackend.promises,
    "TestSQLiteOnLoop": SQL_PROMISES,
    "TestPostgreSQLOnLoop": SQL_PROMISES,
}
