"""Reading and counting tasks by boto3 alone, the best way there is: in parallel, a hundred items a request."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from bench import items

_READERS = 8
_BATCH = 100


def read_pending(client: Any, table: str) -> list[dict[str, Any]]:
    """All pending tasks, whole, in the order of `update_time`."""
    shards = [items.partition(items.CODES["pending_status"], shard + 1) for shard in range(items.N_SHARDS)]
    with ThreadPoolExecutor(_READERS) as pool:
        pages = pool.map(lambda shard: list(_pages(client, table, shard)), shards)
        listed = [task for shard in pages for page in shard for task in page["Items"]]
        listed.sort(key=lambda task: task["update_time"]["S"])
        keys = [{"key": task["key"]} for task in listed]
        batches = [keys[start : start + _BATCH] for start in range(0, len(keys), _BATCH)]
        whole = {
            key: task for batch in pool.map(lambda keys: _read(client, table, keys), batches) for key, task in batch
        }
    return [whole[task["key"]["S"]] for task in listed]


def count_all(client: Any, table: str) -> int:
    """How many tasks there are, of all statuses."""
    values = [items.partition(code, shard + 1) for code in items.CODES.values() for shard in range(items.N_SHARDS)]
    with ThreadPoolExecutor(_READERS) as pool:
        return sum(
            pool.map(lambda value: sum(p["Count"] for p in _pages(client, table, value, Select="COUNT")), values)
        )


def decoded(item: dict[str, Any]) -> dict[str, Any]:
    """An item, its JSON read, as anyone would read it."""
    return {**item, "data": json.loads(item["data"]["S"]), "errors": json.loads(item["errors"]["S"])}


def _pages(client: Any, table: str, value: str, **options: str) -> Iterator[dict[str, Any]]:
    yield from client.get_paginator("query").paginate(
        TableName=table,
        IndexName=items.INDEX,
        KeyConditionExpression="#value = :value",
        ExpressionAttributeNames={"#value": "value"},
        ExpressionAttributeValues={":value": {"S": value}},
        **options,
    )


def _read(client: Any, table: str, keys: list[dict[str, Any]]) -> list[tuple[str, dict[str, Any]]]:
    unread, found = {table: {"Keys": keys}}, []
    while unread:
        answer = client.batch_get_item(RequestItems=unread)
        found += [(task["key"]["S"], decoded(task)) for task in answer["Responses"][table]]
        unread = answer["UnprocessedKeys"]
    return found
