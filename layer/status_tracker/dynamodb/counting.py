"""Counts the changes that a shard of the table's stream tells of, each once however often it is told."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any

from .count_items import CountItems
from .item import TaskItem

PLACE_KEPT = timedelta(days=3)
"""A stream tells nothing that is older than a day."""


class ShardCounting:
    """Adds changes of one shard of the stream to the counts of a use case.

    In one transaction with them it stores the place in the shard up to which they are counted. So a place that was
    read tells which changes are new, and of two that count the same changes at once, one is refused.

    Args:
        task_class: any step of the use case; the table is its.
        shard: the id of the shard.
    """

    def __init__(self, task_class: type[TaskItem], shard: str) -> None:
        self._class = task_class
        self._items = CountItems(task_class)
        self._place = self._items.place(shard)
        self._slot = self._items.slots[zlib.crc32(shard.encode()) % len(self._items.slots)]

    def place(self) -> str | None:
        """Up to where the shard is counted; None where nothing of it is."""
        answer = self._items.ask("GetItem", {**self._items.of(self._place), "ConsistentRead": True})
        found: str | None = answer.get("Item", {}).get("place", {}).get("S")
        return found

    def add(
        self,
        differences: Mapping[int, int],
        changes: int,
        *,
        before: str | None,
        place: str,
        mark: str | None = None,
        ended: Mapping[int, int] = MappingProxyType({}),
    ) -> bool:
        """Count so many changes, which make those differences, by the code.

        Args:
            ended: how many of them brought a task to an end, by its code.
            mark: the last one up to there, if there is a new one.
            before: the place as it was read.
            place: up to where it is counted then; texts that compare as the places do.

        Returns:
            False where nothing was counted: the place is another one by now, or something else is counting.
        """
        different = {code: each for code, each in differences.items() if each}
        added = self._items.adding(self._slot, different, changes, ended)
        items = [{"Update": self._moved(before, place, mark)}, {"Update": added}]
        return self._items.transact(items if before is not None else [*items, {"Update": self._begun()}])

    def _moved(self, before: str | None, place: str, mark: str | None) -> dict[str, Any]:
        expire_at = self._class.expire_at
        kept_until = expire_at.serialize(self._now() + PLACE_KEPT)
        known = {} if before is None else {":before": {"S": before}}
        marked = {} if mark is None else {":mark": {"S": mark}}
        return {
            **self._items.of(self._place),
            "UpdateExpression": "SET place = :place, #expire_at = :expire_at" + (", mark = :mark" if marked else ""),
            "ConditionExpression": "attribute_not_exists(place)" if before is None else "place = :before",
            "ExpressionAttributeNames": {"#expire_at": expire_at.attr_name},
            "ExpressionAttributeValues": {":place": {"S": place}, ":expire_at": {"N": kept_until}, **known, **marked},
        }

    def _begun(self) -> dict[str, Any]:
        """The update that makes the use case one whose counts are kept, which it is not before something is counted."""
        return {
            **self._items.of(self._items.head),
            "UpdateExpression": "SET exact = if_not_exists(exact, :no)",
            "ExpressionAttributeValues": {":no": {"BOOL": False}},
        }

    def _now(self) -> datetime:
        return self._class.config.now()
