"""Moves tasks out of shards that are no longer read."""

from __future__ import annotations

from typing import Any

from pynamodb.exceptions import UpdateError

from .expressions import counting
from .index import index_of
from .paging import pages, patiently
from .query import index_values


def reshard(task_class: Any, status: int, from_shards: int, use_case_id: str) -> int:
    """How many tasks of the status were moved; there were so many shards before.

    Raises:
        StoreUnansweredError: as for `patiently`.
    """
    index, key, moved = index_of(task_class).Meta.index_name, task_class.key.attr_name, 0
    for shard in range(len(index_values(task_class, status, use_case_id)) + 1, from_shards + 1):
        hidden = task_class.make_value(status, _use_case_id=use_case_id, _shard_id=shard)
        for page in pages(task_class, hidden, index_name=index, attributes_to_get=[key]):
            moved += sum(_move(task_class, item[key]["S"], status, hidden) for item in page["Items"])
    return moved


def _move(task_class: Any, key: str, status: int, hidden: str) -> bool:
    """Move a task to a shard that is read; False if it has left the old shard by itself."""

    def ask(_slow: int) -> None:
        task_class._get_connection().update_item(
            key,
            actions=[task_class.value.set(task_class.index_value_of(key, status)), *counting(task_class)],
            condition=task_class.value == hidden,
        )

    try:
        patiently(ask, f"The move of {key!r} in the index of table {task_class.Meta.table_name!r}")
    except UpdateError as error:
        if error.cause_response_code != "ConditionalCheckFailedException":
            raise
        return False
    return True
