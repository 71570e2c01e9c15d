"""Attributes that PynamoDB lacks, or has in a slower form."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

from pynamodb.attributes import Attribute, JSONAttribute, UTCDateTimeAttribute
from pynamodb.constants import NUMBER

NOT_LOCKED = "__not_locked__"
"""The `lock` attribute of a free task."""

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
"""The `lock_time` of a task that has never been locked."""

_ZONE = "+0000"
_STORED = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}\+0000", re.ASCII)


class IntegerAttribute(Attribute[int]):
    """A whole number (PynamoDB's own `NumberAttribute` promises only a float)."""

    attr_type = NUMBER

    def serialize(self, value: Any) -> str:
        return str(int(value))

    def deserialize(self, value: str) -> int:
        return int(value)


class ErrorsAttribute(JSONAttribute):
    """The errors of a task: there is always a ``history``, also for items of the v5 spelling that have none."""

    def deserialize(self, value: str) -> Any:
        errors = super().deserialize(value)  # type: ignore[no-untyped-call]
        return {"history": [], **errors} if isinstance(errors, dict) and "history" not in errors else errors


class EpochSecondsAttribute(Attribute[datetime]):
    """A moment as DynamoDB's TTL expects it: whole seconds since 1970, as a number."""

    attr_type = NUMBER

    def serialize(self, value: Any) -> str:
        return str(int(value.timestamp()))

    def deserialize(self, value: str) -> datetime:
        return datetime.fromtimestamp(int(value), tz=UTC)


class MomentAttribute(UTCDateTimeAttribute):
    """A moment in PynamoDB's format, written in half and read in an eighth of PynamoDB's time."""

    def serialize(self, value: datetime) -> str:
        if value.tzinfo is None:
            value = value.replace(tzinfo=UTC)
        return datetime.isoformat(value.astimezone(UTC), "T", "microseconds")[: -len("+00:00")] + _ZONE

    def deserialize(self, value: str) -> datetime:
        if _STORED.fullmatch(value):
            return datetime.fromisoformat(value)
        moment: datetime = super().deserialize(value)  # type: ignore[no-untyped-call]
        return moment
