"""Reads the counts of a use case that are kept in its table, and mends them."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from ..core.port import KeptCounts
from ..core.retries import jittered
from .count_items import CountItems, changes_of, counted
from .item import TaskItem

_LONGEST_PAUSE_SECONDS = 0.2


class DynamoCountBoard:
    """The counts of one use case: the sum over some items, beside one that says whether they are exact.

    Args:
        task_class: any step of the use case; the table is its.
    """

    def __init__(self, task_class: type[TaskItem]) -> None:
        self._class = task_class
        self._items = CountItems(task_class)

    def read(self) -> KeptCounts | None:
        stored = self._read([self._items.head, *self._items.slots])
        head, slots = stored.get(self._items.head), [stored.get(slot, {}) for slot in self._items.slots]
        if head is None:
            return None
        by_code: Counter[int] = Counter()
        for slot in slots:
            by_code.update(counted(slot))
        moment = head.get("recounted_at")
        return KeptCounts(
            by_code=dict(sorted(by_code.items())),
            exact=head["exact"]["BOOL"],
            recounted_at=None if moment is None else datetime.fromisoformat(moment["S"]),
            changes=tuple(map(changes_of, slots)),
        )

    def correct(self, kept: KeptCounts, differences: Mapping[int, int], recounted_at: datetime, *, exact: bool) -> bool:
        items, (first, *others) = self._items, self._items.slots
        before = kept.recounted_at
        known = {} if before is None else {":before": {"S": before.isoformat()}}
        head = {
            **items.of(items.head),
            "UpdateExpression": "SET exact = :exact, recounted_at = :now",
            "ConditionExpression": "attribute_exists(exact) AND "
            + ("attribute_not_exists(recounted_at)" if before is None else "recounted_at = :before"),
            "ExpressionAttributeValues": {":exact": {"BOOL": exact}, ":now": {"S": recounted_at.isoformat()}, **known},
        }
        added = items.adding(first, {code: number for code, number in differences.items() if number}, 0)
        if not exact:
            return items.transact([{"Update": head}, {"Update": added}])
        unchanged, *rest = map(_unchanged, kept.changes)
        values = {**added["ExpressionAttributeValues"], **unchanged["ExpressionAttributeValues"]}
        added |= {**unchanged, "ExpressionAttributeValues": values}
        checks = [{**items.of(slot), **condition} for slot, condition in zip(others, rest, strict=True)]
        return items.transact([{"Update": head}, {"Update": added}, *({"ConditionCheck": each} for each in checks)])

    def doubt(self) -> None:
        self._say("SET exact = :no")

    def disown(self) -> None:
        self._say("SET exact = :no REMOVE recounted_at")

    def _say(self, expression: str) -> None:
        request = {
            "UpdateExpression": expression,
            "ExpressionAttributeValues": {":no": {"BOOL": False}},
            "ConditionExpression": "attribute_exists(exact)",
        }
        self._items.transact([{"Update": {**self._items.of(self._items.head), **request}}])

    def _read(self, keys: list[str]) -> dict[str, dict[str, Any]]:
        """The items with those keys that exist, as stored."""
        name = self._class.key.attr_name
        unread: Any = [{name: {"S": key}} for key in keys]
        table: Any = self._class.Meta
        found = {}
        while True:
            page: Any = self._class._get_connection().batch_get_item(unread, consistent_read=True)
            found.update({item[name]["S"]: item for item in page["Responses"].get(table.table_name, [])})
            unread = page["UnprocessedKeys"].get(table.table_name, {}).get("Keys", [])
            if not unread:
                return found
            time.sleep(jittered(_LONGEST_PAUSE_SECONDS))


def _unchanged(changes: int) -> dict[str, Any]:
    """The condition that a slot has taken so many changes, and no more."""
    condition = "changes = :counted" if changes else "attribute_not_exists(changes) OR changes = :counted"
    return {"ConditionExpression": condition, "ExpressionAttributeValues": {":counted": {"N": str(changes)}}}
