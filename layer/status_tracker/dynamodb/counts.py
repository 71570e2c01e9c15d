"""Where the counts of a use case are kept in its table: some items of their own, which no listing gives."""

from __future__ import annotations

import time
from collections import Counter
from datetime import datetime
from typing import Any

from ..core.port import KeptCounts
from ..core.retries import jittered
from .item import TaskItem

SLOTS = 16
"""Over so many items the counts are spread, so that none gets hot; a count is the sum over them."""

_CODE = "c"
"""Begins the name of an attribute that counts; the code of the status follows."""

_LONGEST_PAUSE_SECONDS = 0.2


class DynamoCountBoard:
    """Reads and mends the counts of one use case.

    They are in `SLOTS` items, beside one that says whether they are exact. Their keys begin with the separator, as
    those of no task do, and they are in no index.

    Args:
        task_class: any step of the use case; the table is its.
    """

    def __init__(self, task_class: type[TaskItem]) -> None:
        config = task_class.config
        self._class = task_class
        self._key_name = task_class.key.attr_name
        self._head = f"{config.sep}counts{config.sep}{config.use_case_id}"
        self._slots = [f"{self._head}{config.sep}{number:02}" for number in range(SLOTS)]

    def read(self) -> KeptCounts | None:
        stored = self._read([self._head, *self._slots])
        head, slots = stored.get(self._head), [stored.get(slot, {}) for slot in self._slots]
        if head is None:
            return None
        by_code: Counter[int] = Counter()
        for slot in slots:
            for name, value in slot.items():
                if name.startswith(_CODE) and name[len(_CODE) :].isdecimal():
                    by_code[int(name[len(_CODE) :])] += int(value["N"])
        moment = head.get("recounted_at")
        return KeptCounts(
            by_code=dict(sorted(by_code.items())),
            exact=head.get("exact", {}).get("BOOL", False),
            recounted_at=None if moment is None else datetime.fromisoformat(moment["S"]),
            changes=tuple(int(slot.get("changes", {"N": "0"})["N"]) for slot in slots),
        )

    def _read(self, keys: list[str]) -> dict[str, dict[str, Any]]:
        """The items with those keys that exist, as stored."""
        unread: Any = [{self._key_name: {"S": key}} for key in keys]
        table: Any = self._class.Meta
        found = {}
        while True:
            page: Any = self._class._get_connection().batch_get_item(unread, consistent_read=True)
            found.update({item[self._key_name]["S"]: item for item in page["Responses"].get(table.table_name, [])})
            unread = page["UnprocessedKeys"].get(table.table_name, {}).get("Keys", [])
            if not unread:
                return found
            time.sleep(jittered(_LONGEST_PAUSE_SECONDS))
