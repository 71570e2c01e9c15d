"""A record of the table's stream, as Lambda gives it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Self

from status_tracker.dynamodb.count_items import listed_code

if TYPE_CHECKING:
    from collections.abc import Mapping

    from status_tracker.dynamodb.count_items import CountItems
    from status_tracker.dynamodb.item import TaskItem

SEQUENCE_DIGITS = 40
"""The most that a sequence number has: with zeros before them, they compare as texts do."""
_BY_TIME_TO_LIVE = {"type": "Service", "principalId": "dynamodb.amazonaws.com"}


@dataclass(frozen=True)
class StreamRecord:
    """One write to an item of the table, of a task or of anything else.

    Attributes:
        event_id: the same however often the record is delivered.
        identifier: the sequence number, as Lambda names it.
        keys: of the item, in DynamoDB's own notation, as are the images.
        before, after: the item before and after the write; None where there was none.
        moment: when it was written, to the second (UTC).
        expired: DynamoDB has deleted the item, by its TTL.
    """

    event_id: str
    identifier: str
    keys: Mapping[str, Any]
    before: Mapping[str, Any] | None
    after: Mapping[str, Any] | None
    moment: datetime
    expired: bool

    @classmethod
    def of(cls, raw: Mapping[str, Any]) -> Self:
        """The record that Lambda gives.

        Raises:
            ValueError: it has no images; the stream is of another kind.
        """
        write = raw["dynamodb"]
        before, after = write.get("OldImage"), write.get("NewImage")
        if (before is None) != (raw["eventName"] == "INSERT") or (after is None) != (raw["eventName"] == "REMOVE"):
            raise ValueError(
                f"The record of an {raw['eventName']} has the images {sorted(write.keys() & {'OldImage', 'NewImage'})}:"
                " give the table's stream the view type NEW_AND_OLD_IMAGES."
            )
        return cls(
            event_id=raw["eventID"],
            identifier=write["SequenceNumber"],
            keys=write["Keys"],
            before=before,
            after=after,
            moment=datetime.fromtimestamp(write["ApproximateCreationDateTime"], tz=UTC),
            expired=raw.get("userIdentity") == _BY_TIME_TO_LIVE,
        )

    @property
    def sequence(self) -> str:
        """The sequence number; it grows from record to record of an item, compared as text."""
        return self.identifier.zfill(SEQUENCE_DIGITS)

    def mark(self, items: CountItems) -> str | None:
        """The mark that was written, if it is one."""
        (key,) = self.keys.values()
        return items.mark_in(key["S"], self.after)

    def codes(self, task_class: type[TaskItem]) -> tuple[int | None, int | None]:
        """The codes under which the item was and is listed among the tasks of the class's use case."""
        return listed_code(task_class, self.before), listed_code(task_class, self.after)
