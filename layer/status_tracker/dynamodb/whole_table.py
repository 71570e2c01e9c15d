"""Counts and deletes tasks by reading the whole table."""

from __future__ import annotations

from functools import partial
from itertools import chain, islice
from typing import Any

from pynamodb.expressions.condition import Condition

from .paging import patiently, pauses, table_pages

_DELETED_AT_ONCE = 25


def count_where(task_class: Any, condition: Condition) -> int:
    """How many items of the table meet the condition. Raises `StoreUnansweredError` as `patiently` does."""
    return sum(page["Count"] for page in table_pages(task_class, condition))


def delete_where(task_class: Any, condition: Condition | None) -> int:
    """Delete the items of the table that meet the condition, or all; returns how many.

    Raises:
        StoreUnansweredError: as for `patiently`; the same call again goes on.
    """
    keys = chain.from_iterable(page["Items"] for page in table_pages(task_class, condition))
    return sum(_delete(task_class, batch) for batch in iter(lambda: list(islice(keys, _DELETED_AT_ONCE)), []))


def _delete(task_class: Any, keys: list[dict[str, Any]]) -> int:
    table, left, waits = task_class.Meta.table_name, keys, pauses()
    while left:
        answer = patiently(
            partial(_asked_to_delete, task_class, left), f"The deletion of {len(left)} items of {table!r}"
        )
        left = [each["DeleteRequest"]["Key"] for each in answer.get("UnprocessedItems", {}).get(table, [])]
        if left:
            next(waits)
    return len(keys)


def _asked_to_delete(task_class: Any, keys: list[dict[str, Any]], _slow: int) -> dict[str, Any]:
    answer: dict[str, Any] = task_class._get_connection().batch_write_item(delete_items=keys)
    return answer
