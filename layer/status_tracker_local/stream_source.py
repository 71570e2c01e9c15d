"""Lambda's event source mapping for DynamoDB streams: one poller for the one shard that a stream has here.

`status_tracker_local.stream_batches` says what is done with the records; this reads them and sends on what is given up.
"""

import json
import logging
import threading
import time
import uuid
from collections.abc import Callable, Mapping
from datetime import UTC
from typing import Any

from moto.dynamodb.models import dynamodb_backends
from moto.sqs.models import sqs_backends

from status_tracker.testing.moto import ONE_REQUEST
from status_tracker_local.event_filters import Filters
from status_tracker_local.moto_streams import on_failure_of
from status_tracker_local.permissions.services import POLLING
from status_tracker_local.runtime_api import Outcome
from status_tracker_local.stream_batches import (
    GivenUp,
    Record,
    Shard,
    StreamSettings,
    created_at,
    sequence_number,
    told,
)

# Lambda polls a shard four times a second.
POLL_SECONDS = 0.25
# How long the poller waits after an error of its own.
WAIT_SECONDS = 1.0
_log = logging.getLogger(__name__)

Invoke = Callable[[str, bytes], Outcome]
May = Callable[[str, str, str], bool]
Observe = Callable[[str, float], None]


class StreamSource(threading.Thread):
    """The poller of one mapping.

    Args:
        mapping: moto's event source mapping.
        invoke: runs a function, given by ARN, on an event.
        may: whether the function's role, given by the function's ARN, may do an action on a resource, given by ARN.
        observe: is told, at each try of a batch, the function's ARN and the age of its last record, in seconds.
    """

    def __init__(self, mapping: Any, invoke: Invoke, may: May, observe: Observe) -> None:
        super().__init__(name=f"poll-{mapping.uuid}", daemon=True)
        self._mapping, self._invoke, self._may, self._observe = mapping, invoke, may, observe
        self._stopping = threading.Event()

    def stop(self) -> None:
        """Stop polling; the batch under way is finished, and not tried again."""
        self._stopping.set()

    def run(self) -> None:
        """Poll until stopped."""
        mapping, stream = self._mapping, Stream(self._mapping.event_source_arn)
        shard = Shard(
            stream.shard_id,
            stream.arn,
            settings=lambda: StreamSettings.of(mapping),
            invoke=lambda event: self._invoke(mapping.function_arn, event),
            give_up=lambda batch: self._give_up(batch, stream),
            observe=lambda age: self._observe(mapping.function_arn, age),
            now=time.time,
            pause=lambda seconds: not self._stopping.wait(seconds),
        )
        if not hasattr(mapping, "place"):  # else it was disabled, and goes on
            mapping.place = stream.start(mapping.starting_position, mapping.starting_position_timestamp)
        while not self._stopping.wait(POLL_SECONDS):
            try:
                if all(self._may(mapping.function_arn, each, stream.arn) for each in POLLING["dynamodb"]):
                    self._work(shard, stream)
            except Exception:  # noqa: BLE001 - the table or the function may be gone, while its stack is deleted
                _log.exception("A batch of %s was not handed over; trying again.", stream.arn)
                self._stopping.wait(WAIT_SECONDS)

    def _work(self, shard: Shard, stream: "Stream") -> None:
        """Hand over what comes next in the stream."""
        mapping = self._mapping
        settings = StreamSettings.of(mapping)
        batch, after = stream.read(mapping.place, settings.batch_size, settings.filters)
        deadline = time.monotonic() + settings.batching_seconds
        while batch and len(batch) < settings.batch_size and time.monotonic() < deadline:
            if self._stopping.wait(POLL_SECONDS):
                return
            batch, after = stream.read(mapping.place, settings.batch_size, settings.filters)
        if not batch:
            shard.close_window_when_over()
        left = shard.take(batch)
        mapping.place = stream.place_of(left[0]) if left else after

    def _give_up(self, batch: GivenUp, stream: "Stream") -> None:
        destination = on_failure_of({"DestinationConfig": self._mapping.destination_config})
        message = invocation_record(batch, self._mapping.function_arn, stream)
        _log.warning("A batch is given up: %s", json.dumps(message))
        if destination and self._may(self._mapping.function_arn, "sqs:SendMessage", destination):
            region, account, name = destination.split(":")[3:6]
            sqs_backends[account][region].send_message(name, json.dumps(message))


class Stream:
    """A stream that moto holds, which has one shard.

    Attributes:
        arn: its ARN.
        shard_id: the id of its shard.
    """

    def __init__(self, arn: str) -> None:
        self.arn = arn
        self._region, self._account = arn.split(":")[3:5]
        self._table, _, self._label = arn.split(":", 5)[5].split("/", 1)[1].partition("/stream/")
        self.shard_id: str = self._shard().id

    def start(self, position: str, timestamp: Any) -> int:
        """The place of a starting position: how many records come before it."""
        with ONE_REQUEST:
            items = self._shard().items
            if position == "TRIM_HORIZON":
                return 0
            if position == "AT_TIMESTAMP":
                return sum(created_at(_as_lambda_tells(each.record)) < float(timestamp) for each in items)
            return len(items)

    def read(self, place: int, most: int, filters: Filters) -> tuple[list[Record], int]:
        """The first records from that place on that the filters admit, and the place after the last one looked at."""
        with ONE_REQUEST:  # what a transaction has written may still be taken back
            items = self._shard().items[place:]
        found: list[Record] = []
        for item in items:
            place += 1
            record = _as_lambda_tells(item.record)
            if filters.admit(record):
                found.append(record)
            if len(found) == most:
                break
        return found, place

    def place_of(self, record: Record) -> int:
        """The place of a record that was read: how many come before it."""
        with ONE_REQUEST:
            items = self._shard().items
            numbers = [sequence_number(each.record) for each in items]
        return numbers.index(sequence_number(record))

    def _shard(self) -> Any:
        table: Any = dynamodb_backends[self._account][self._region].tables[self._table]
        if table.latest_stream_label != self._label:
            raise LookupError(f"{self.arn} is not the table's stream any more.")
        return table.stream_shard


def invocation_record(batch: GivenUp, function_arn: str, stream: Stream) -> Mapping[str, Any]:
    """What the destination of failures is told: where the records are, not what is in them."""
    outcome = batch.outcome
    error = {"functionError": "Unhandled"} if outcome is not None and outcome.is_error else {}
    first, last = batch.records[0], batch.records[-1]
    return {
        "requestContext": {
            "requestId": str(uuid.uuid4()),
            "functionArn": function_arn,
            "condition": batch.condition,
            "approximateInvokeCount": batch.tries,
        },
        "responseContext": {"statusCode": 200, "executedVersion": "$LATEST", **error},
        "version": "1.0",
        "timestamp": told(time.time()),
        "DDBStreamBatchInfo": {
            "shardId": stream.shard_id,
            "startSequenceNumber": sequence_number(first),
            "endSequenceNumber": sequence_number(last),
            "approximateArrivalOfFirstRecord": told(created_at(first)),
            "approximateArrivalOfLastRecord": told(created_at(last)),
            "batchSize": len(batch.records),
            "streamArn": stream.arn,
        },
    }


def _as_lambda_tells(record: Mapping[str, Any]) -> Record:
    """Moto's record with its time as a number."""
    written = record["dynamodb"]["ApproximateCreationDateTime"].replace(tzinfo=UTC).timestamp()
    return {**record, "dynamodb": {**record["dynamodb"], "ApproximateCreationDateTime": round(written)}}
