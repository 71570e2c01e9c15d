"""The table that all share who store tasks as items: its schema, its keys, and tasks put there beforehand."""

from __future__ import annotations

import json
import uuid
import zlib
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any

USE_CASE = "bench"
CODES: dict[str, Any] = {
    "pending_status": 10,
    "in_progress_status": 20,
    "failed_status": 30,
    "succeeded_status": 40,
    "ignored_status": 50,
}
N_SHARDS = 5
SHARDS: dict[str, Any] = {f"n_{name[: -len('_status')]}_shard": N_SHARDS for name in CODES}
LEASE = timedelta(seconds=300)
INDEX = "status_and_update_time-index"
PROJECTED = ["create_time", "status", "retry", "lock", "lock_time", "lock_expire_time"]
FREE = "__not_locked__"
REGION = "us-east-1"
CREDENTIALS: dict[str, Any] = {"aws_access_key_id": "local", "aws_secret_access_key": "local"}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_BATCH = 25


def key_of(task_id: str) -> str:
    return f"{USE_CASE}____{task_id}"


def value_of(task_id: str, status: int) -> str:
    """The index's hash key of a task."""
    return partition(status, zlib.crc32(task_id.encode()) % N_SHARDS + 1)


def partition(status: int, shard: int) -> str:
    return f"{USE_CASE}____{status:03}____{shard:03}"


def moment(time: datetime) -> str:
    """A time as PynamoDB stores it."""
    return time.strftime("%Y-%m-%dT%H:%M:%S.%f%z")


def create_table(client: Any, table: str, projected: list[str]) -> None:
    """A table with the index, on demand."""
    attributes = ("key", "value", "update_time")
    client.create_table(
        TableName=table,
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in attributes],
        KeySchema=[{"AttributeName": "key", "KeyType": "HASH"}],
        GlobalSecondaryIndexes=[
            {
                "IndexName": INDEX,
                "KeySchema": [
                    {"AttributeName": "value", "KeyType": "HASH"},
                    {"AttributeName": "update_time", "KeyType": "RANGE"},
                ],
                "Projection": {"ProjectionType": "INCLUDE", "NonKeyAttributes": projected},
            }
        ],
    )


def item(task_id: str, status: int, made: datetime, data: dict[str, Any]) -> dict[str, Any]:
    """A free task, as DynamoDB's API wants it."""
    return {
        "key": {"S": key_of(task_id)},
        "value": {"S": value_of(task_id, status)},
        "status": {"N": str(status)},
        "create_time": {"S": moment(made)},
        "update_time": {"S": moment(made)},
        "retry": {"N": "0"},
        "lock": {"S": FREE},
        "lock_time": {"S": moment(_EPOCH)},
        "data": {"S": json.dumps(data)},
        "errors": {"S": '{"history": []}'},
    }


def put_stuck(client: Any, table: str, task_ids: Iterable[str]) -> None:
    """Tasks in progress whose leases ended an hour ago."""
    end = datetime.now(UTC) - timedelta(hours=1)
    locked = {
        "lock_time": {"S": moment(end - LEASE)},
        "lock_expire_time": {"S": moment(end)},
        "fence": {"N": "1"},
    }
    for task_id in task_ids:
        stuck = item(task_id, CODES["in_progress_status"], end - LEASE, {"page": 1})
        client.put_item(TableName=table, Item={**stuck, **locked, "lock": {"S": uuid.uuid4().hex}})


def fill(client: Any, table: str, count: int) -> None:
    """That many pending tasks, made a millisecond apart."""
    start = datetime.now(UTC) - timedelta(hours=1)
    for batch in _batches(range(count)):
        made = {number: start + timedelta(milliseconds=number) for number in batch}
        items = [item(f"t-{n}", CODES["pending_status"], time, {"page": n}) for n, time in made.items()]
        unprocessed: dict[str, Any] = {table: [{"PutRequest": {"Item": each}} for each in items]}
        while unprocessed:
            unprocessed = client.batch_write_item(RequestItems=unprocessed)["UnprocessedItems"]


def _batches(numbers: Iterable[int]) -> Iterator[list[int]]:
    left = iter(numbers)
    while batch := list(islice(left, _BATCH)):
        yield batch
