"""Reads the counts of a use case that are kept in its table, and mends them."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from botocore.exceptions import ClientError

from ..core.port import KeptCounts, Look
from .batch_get import read_items
from .count_items import CountItems, changes_of, counted, ended
from .failures import code_of
from .item import TaskItem
from .marks import StreamMarks
from .paging import patiently


class DynamoCountBoard:
    """The counts of one use case: the sum over some items, beside one that says whether they are exact.

    Args:
        task_class: any step of the use case; the table is its.
    """

    def __init__(self, task_class: type[TaskItem]) -> None:
        self._class = task_class
        self._items = CountItems(task_class)
        self._marks = StreamMarks(task_class)

    def read(self) -> KeptCounts | None:
        items = self._items
        stored = read_items(self._class, [items.head, items.looks, *items.slots], consistent=True)
        head, slots = stored.get(items.head), [stored.get(slot, {}) for slot in items.slots]
        if head is None:
            return None
        by_code: Counter[int] = Counter()
        come: Counter[int] = Counter()
        for slot in slots:
            by_code.update(counted(slot))
            come.update(ended(slot))
        moment = head.get("recounted_at")
        return KeptCounts(
            by_code=dict(sorted(by_code.items())),
            exact=head["exact"]["BOOL"],
            error=int(head["error"]["N"]) if "error" in head else None,
            recounted_at=None if moment is None else datetime.fromisoformat(moment["S"]),
            changes=tuple(map(changes_of, slots)),
            ended=dict(come),
            looks=_looks(stored.get(items.looks)),
        )

    def correct(self, kept: KeptCounts, differences: Mapping[int, int], recounted_at: datetime, *, error: int) -> bool:
        items, (first, *others), exact = self._items, self._items.slots, error == 0
        before = kept.recounted_at
        known = {} if before is None else {":before": {"S": before.isoformat()}}
        head = {
            **items.of(items.head),
            "UpdateExpression": "SET exact = :exact, recounted_at = :now, #error = :error",
            "ConditionExpression": _recounted(before),
            "ExpressionAttributeNames": {"#error": "error"},
            "ExpressionAttributeValues": {
                ":exact": {"BOOL": exact},
                ":now": {"S": recounted_at.isoformat()},
                ":error": {"N": str(error)},
                **known,
            },
        }
        added = items.adding(first, {code: number for code, number in differences.items() if number}, 0)
        if not exact:
            return items.transact([{"Update": head}, {"Update": added}])
        unchanged, *rest = map(_unchanged, kept.changes)
        values = {**added["ExpressionAttributeValues"], **unchanged["ExpressionAttributeValues"]}
        added |= {**unchanged, "ExpressionAttributeValues": values}
        checks = [{**items.of(slot), **condition} for slot, condition in zip(others, rest, strict=True)]
        return items.transact([{"Update": head}, {"Update": added}, *({"ConditionCheck": each} for each in checks)])

    def doubt(self, kept: KeptCounts) -> None:
        before = kept.recounted_at
        known = {} if before is None else {":before": {"S": before.isoformat()}}
        self._say("SET exact = :no REMOVE #error", _recounted(before), known)

    def disown(self) -> None:
        self._say("SET exact = :no REMOVE recounted_at, #error", "attribute_exists(exact)", {})

    def _say(self, expression: str, condition: str, values: Mapping[str, Any]) -> None:
        """Change the item that says whether the counts are exact, if the condition holds.

        While a transaction is changing it, DynamoDB refuses that too, and it is asked again.
        """
        request = {
            **self._items.of(self._items.head),
            "UpdateExpression": expression,
            "ExpressionAttributeNames": {"#error": "error"},
            "ExpressionAttributeValues": {":no": {"BOOL": False}, **values},
            "ConditionExpression": condition,
        }
        table = request["TableName"]
        try:
            patiently(lambda _: self._items.ask("UpdateItem", request), f"The item of the counts in table {table!r}")
        except ClientError as error:
            if code_of(error) != "ConditionalCheckFailedException":
                raise

    def remember(self, looks: Sequence[Look]) -> None:
        arguments = self._items.of(self._items.looks)
        told = json.dumps([_told(each) for each in looks])
        self._items.ask(
            "PutItem", {"TableName": arguments["TableName"], "Item": {**arguments["Key"], "looks": {"S": told}}}
        )

    def mark(self) -> str:
        return self._marks.write()

    def is_reached(self, mark: str) -> bool:
        return self._marks.is_reached(mark)

    def probe(self) -> None:
        self._marks.probe()

    def is_read_since(self, moment: datetime) -> bool:
        return self._marks.is_read_since(moment)


def _told(look: Look) -> dict[str, Any]:
    oldest = {code: moment.isoformat() for code, moment in look.oldest.items()}
    return {"at": look.at.isoformat(), "ended": dict(look.ended), "oldest": oldest}


def _looks(item: Mapping[str, Any] | None) -> tuple[Look, ...]:
    """What sweeps have seen, from the item that has it."""
    stored = [] if item is None else json.loads(item["looks"]["S"])
    return tuple(
        Look(
            at=datetime.fromisoformat(each["at"]),
            ended={int(code): number for code, number in each["ended"].items()},
            oldest={int(code): datetime.fromisoformat(moment) for code, moment in each["oldest"].items()},
        )
        for each in stored
    )


def _recounted(before: datetime | None) -> str:
    """The condition that nobody has counted the tasks since."""
    known = "attribute_not_exists(recounted_at)" if before is None else "recounted_at = :before"
    return f"attribute_exists(exact) AND {known}"


def _unchanged(changes: int) -> dict[str, Any]:
    """The condition that a slot has taken so many changes, and no more."""
    condition = "changes = :counted" if changes else "attribute_not_exists(changes) OR changes = :counted"
    return {"ConditionExpression": condition, "ExpressionAttributeValues": {":counted": {"N": str(changes)}}}
