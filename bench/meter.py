"""Counts what is asked of a database, at its driver."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Meter:
    """What was asked.

    Attributes:
        requests: how many, by operation.
        units: DynamoDB's capacity units, of ``"table"`` and ``"index"``. Of a refused write DynamoDB tells none.
    """

    requests: Counter[str] = field(default_factory=Counter)
    units: Counter[str] = field(default_factory=Counter)

    def add_capacity(self, consumed: dict[str, Any]) -> None:
        """Add one `ConsumedCapacity` of an answer."""
        self.units["table"] += consumed.get("Table", {}).get("CapacityUnits", 0)
        for index in consumed.get("GlobalSecondaryIndexes", {}).values():
            self.units["index"] += index["CapacityUnits"]


@contextmanager
def dynamodb_metered(client: Any) -> Iterator[Meter]:
    """Counts the requests of a botocore client, repeated ones included."""
    meter = Meter()

    def ask(params: dict[str, Any], **_: Any) -> None:
        params["ReturnConsumedCapacity"] = "INDEXES"

    def sent(event_name: str, **_: Any) -> None:
        meter.requests[event_name.rsplit(".", 1)[1]] += 1

    def answered(parsed: dict[str, Any], **_: Any) -> None:
        consumed = parsed.get("ConsumedCapacity") or []
        for each in consumed if isinstance(consumed, list) else [consumed]:
            meter.add_capacity(each)

    events = client.meta.events
    handlers = {"provide-client-params": ask, "before-send": sent, "after-call": answered}
    for event, handler in handlers.items():
        events.register_first(f"{event}.dynamodb.*", handler)
    try:
        yield meter
    finally:
        for event, handler in handlers.items():
            events.unregister(f"{event}.dynamodb.*", handler)
