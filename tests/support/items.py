"""Items as they lie in the table, without the library in between."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Any

from .wire import Wire

FREE = "__not_locked__"


def raw_item(wire: Wire, step: Any, task_id: str) -> dict[str, Any] | None:
    """The stored item of a task, in DynamoDB's own notation."""
    key = {"key": {"S": step.make_key(task_id)}}
    answer = wire.client.get_item(TableName=step.Meta.table_name, Key=key, ConsistentRead=True)
    return answer.get("Item")


def stored(step: Any, task_id: str) -> Any:
    """The task as it is stored now."""
    return step.get_one_or_none(task_id, consistent_read=True)


def put_older_item(
    wire: Wire,
    step: Any,
    task_id: str,
    *,
    status: int,
    now: datetime,
    shard: int = 1,
    lock: str = FREE,
    lock_age: float | None = None,
    retry: int = 0,
    data: dict[str, Any] | None = None,
    errors: dict[str, Any] | None = None,
    without: str | None = None,
) -> None:
    """Store an item of the shape that pynamodb_mate 6.0 writes: it knows no lock_expire_time, fence or run."""
    locked_at = "1970-01-01T00:00:00.000000+0000" if lock_age is None else _written(now - timedelta(seconds=lock_age))
    item: dict[str | None, Any] = {
        "key": {"S": f"test____{task_id}"},
        "value": {"S": f"test____{status:03}____{shard:03}"},
        "status": {"N": str(status)},
        "create_time": {"S": _written(now)},
        "update_time": {"S": _written(now)},
        "retry": {"N": str(retry)},
        "lock": {"S": lock},
        "lock_time": {"S": locked_at},
        "data": {"S": json.dumps(data or {"from": "before"})},
        "errors": {"S": json.dumps(errors or {"history": []})},
    }
    item.pop(without, None)
    wire.client.put_item(TableName=step.Meta.table_name, Item=item)


def _written(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%f%z")
