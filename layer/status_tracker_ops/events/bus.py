"""Sends events to a bus of EventBridge: in order, each at least once."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from status_tracker.core.retries import jittered
from status_tracker_ops.clients import events_client

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from aws_lambda_powertools import Logger

    from status_tracker_ops.events.changes import Change
    from status_tracker_ops.events.records import StreamRecord

SOURCE = "status-tracker"
AT_ONCE = 10
"""PutEvents takes no more."""
TRIES = 5
LONGEST_PAUSE_SECONDS = 0.5
_OF_THE_BUS = frozenset(
    {
        *("ThrottlingException", "InternalFailure", "InternalException", "ServiceUnavailable"),
        *("AccessDeniedException", "ResourceNotFoundException"),
    }
)
"""What the bus says of an event that is no fault of the event: it is sent again."""


def entries_of(use_case_id: str, record: StreamRecord, change: Change) -> Iterator[dict[str, Any]]:
    """The events that tell of a change, as PutEvents takes them, without the bus. They have nothing of the data."""
    for number, kind in enumerate(change.types):
        detail = {
            "id": f"{record.event_id}-{number}",
            "sequence": f"{record.sequence}-{number}",
            "use_case": use_case_id,
            "step": None if change.place.step is None else change.place.step.name,
            "task_id": change.task_id,
            "run": change.run,
            "attempts": change.attempts,
            "status": {"name": change.place.status, "code": change.place.code},
            "reason": change.reason,
            "time": change.time.isoformat(),
        }
        yield {"Source": SOURCE, "DetailType": str(kind), "Detail": json.dumps(detail), "Time": change.time}


@dataclass
class Sent:
    """What became of events.

    Attributes:
        number: so many, from the first on, are done with; the rest are to be sent later.
        refused: the places, among those, of events that the bus does not take, with what it says.
    """

    number: int = 0
    refused: dict[int, str] = field(default_factory=dict)


def send(bus: str, entries: Sequence[dict[str, Any]], logger: Logger) -> Sent:
    """Send the events in order.

    Where the bus does not take one of ten for the time being, it and those after it are sent again: so the newest
    event of a task is the last that arrives.
    """
    sent, tries = Sent(), 0
    while sent.number < len(entries) and tries < TRIES:
        if tries:
            time.sleep(jittered(LONGEST_PAUSE_SECONDS))
        try:
            taken, error = _put(bus, entries[sent.number : sent.number + AT_ONCE])
        except (ClientError, BotoCoreError):
            logger.exception("The bus %s does not answer; the events are sent again later", bus)
            return sent
        tries = 0 if taken else tries + 1
        sent.number += taken
        if error is not None and error["ErrorCode"] not in _OF_THE_BUS:
            sent.refused[sent.number] = f"{error['ErrorCode']}: {error.get('ErrorMessage')}"
            sent.number, tries = sent.number + 1, 0
    return sent


def _put(bus: str, entries: Sequence[dict[str, Any]]) -> tuple[int, Any]:
    """How many of them the bus took before the first that it did not, and why it did not take that one."""
    answer = events_client().put_events(Entries=[{**each, "EventBusName": bus} for each in entries])  # type: ignore[typeddict-item]
    for place, each in enumerate(answer["Entries"]):
        if "ErrorCode" in each:
            return place, each
    return len(entries), None
