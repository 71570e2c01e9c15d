"""The items of a table that keep the counts of a use case; which status counts is decided here too.

Their keys begin with the separator, as those of no task do, and they are in no index.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from pynamodb.exceptions import VerboseClientError

from .item import TaskItem

SLOTS = 16
"""Over so many items the counts are spread, so that none gets hot; a count is the sum over them."""

_CODE = "c"
"""Begins the name of an attribute that counts; the code of the status follows."""
_ENDED = "e"
"""As `_CODE`, of an attribute that counts only those that come."""

_LONGEST_CODE = 20
"""The most digits of a code: an attribute's name, which is made of it, has an end."""

PROBE = "probe"
"""The name of a mark that only shows that somebody reads: it proves nothing of a shard, and hides no other mark."""

_CONFLICTS = frozenset({"ConditionalCheckFailed", "TransactionConflict"})


def listed_code(task_class: type[TaskItem], item: Mapping[str, Any] | None) -> int | None:
    """The code under which the index lists an item among the tasks of the class's use case; None if it does not.

    Args:
        item: as it is stored, in DynamoDB's own notation; anything may be in it.
    """
    stored = item or {}
    value = stored.get(task_class.value.attr_name, {}).get("S", "")
    use_case_id, _, place = value.partition(task_class.config.sep)
    code, _, shard = place.partition(task_class.config.sep)
    listed = shard and "S" in stored.get(task_class.update_time.attr_name, {})
    is_code = code.isascii() and code.isdigit() and len(code) <= _LONGEST_CODE
    ours = use_case_id == task_class.config.use_case_id and is_code
    return int(code) if listed and ours else None


def counted(slot: Mapping[str, Any]) -> dict[int, int]:
    """The numbers of a slot, by the code."""
    return _numbers(slot, _CODE)


def ended(slot: Mapping[str, Any]) -> dict[int, int]:
    """How many tasks have come to an end, as far as the slot has counted them, by the code."""
    return _numbers(slot, _ENDED)


def _numbers(slot: Mapping[str, Any], prefix: str) -> dict[int, int]:
    codes = {name: name.removeprefix(prefix) for name in slot if name.startswith(prefix)}
    return {int(code): int(slot[name]["N"]) for name, code in codes.items() if code.isdecimal()}


def changes_of(slot: Mapping[str, Any]) -> int:
    """How many changes a slot has taken."""
    return int(slot.get("changes", {"N": "0"})["N"])


class CountItems:
    """The items of one use case, and what is sent to them.

    Attributes:
        head: the key of the item that says whether the counts are exact.
        slots: the keys of the items that have the numbers.
        looks: the key of the item that has what sweeps have seen.
    """

    def __init__(self, task_class: type[TaskItem]) -> None:
        self._class = task_class
        self._sep, use_case_id = task_class.config.sep, task_class.config.use_case_id
        self.head = f"{self._sep}counts{self._sep}{use_case_id}"
        self.slots = [f"{self.head}{self._sep}{number:02}" for number in range(SLOTS)]
        self.looks = f"{self._sep}looks{self._sep}{use_case_id}"
        self._places = f"{self._sep}places{self._sep}{use_case_id}"
        self._marks = f"{self._sep}marks{self._sep}{use_case_id}{self._sep}"

    def place(self, shard: str) -> str:
        """The key of the item that says up to where a shard of the stream is counted."""
        return f"{self._places}{self._sep}{shard}"

    def mark(self, number: int) -> str:
        """The key of an item that is written to be read in the stream."""
        return f"{self._marks}{number:04}"

    def mark_in(self, key: str, item: Mapping[str, Any] | None) -> str | None:
        """The mark that was written to that key; None where it is no mark."""
        found: str | None = (item or {}).get("mark", {}).get("S") if key.startswith(self._marks) else None
        return found

    def of(self, key: str) -> dict[str, Any]:
        """The arguments that name that item."""
        table: Any = self._class.Meta
        return {"TableName": table.table_name, "Key": {self._class.key.attr_name: {"S": key}}}

    def adding(
        self, slot: str, differences: Mapping[int, int], changes: int, ended: Mapping[int, int] = MappingProxyType({})
    ) -> dict[str, Any]:
        """The arguments of an update that adds to the numbers of a slot."""
        added = {f"{_CODE}{code}": number for code, number in differences.items()}
        added |= {f"{_ENDED}{code}": number for code, number in ended.items()} | {"changes": changes}
        return {
            **self.of(slot),
            "UpdateExpression": f"ADD {', '.join(f'{name} :{name}' for name in added)}",
            "ExpressionAttributeValues": {f":{name}": {"N": str(number)} for name, number in added.items()},
        }

    def ask(self, operation: str, request: dict[str, Any]) -> dict[str, Any]:
        """DynamoDB's answer."""
        connection = self._class._get_connection().connection
        answer: dict[str, Any] = connection.dispatch(operation, {"ReturnConsumedCapacity": "NONE", **request})
        return answer

    def transact(self, items: list[dict[str, Any]]) -> bool:
        """Whether all was stored; nothing was if something else has changed, or is changing, one of the items."""
        try:
            self.ask("TransactWriteItems", {"TransactItems": items})
        except VerboseClientError as error:
            reasons = {reason.code for reason in error.cancellation_reasons if reason is not None}
            if reasons and reasons <= _CONFLICTS:
                return False
            raise
        return True
