"""Moto's event sources, left to pollers of ours, and what its DynamoDB streams leave out; see `moto_patches`."""

import time
import uuid
from collections.abc import Mapping
from typing import Any

from moto.awslambda import models as lambda_models
from moto.awslambda.exceptions import InvalidParameterValueException
from moto.dynamodb.models import dynamodb_backends
from moto.dynamodb.models.table import StreamShard
from moto.sqs.models import sqs_backends

from status_tracker_local.event_filters import UnknownFilterError
from status_tracker_local.stream_batches import StreamSettings

_STEP = 10**12  # no shard has so many records


def on_failure_of(spec: Mapping[str, Any]) -> str | None:
    """The ARN of where the failures of an event source mapping are sent."""
    destination: str | None = ((spec.get("DestinationConfig") or {}).get("OnFailure") or {}).get("Destination")
    return destination


def leave_event_sources_to_the_pollers() -> None:
    """Moto invokes on send or write, a message at a time, and does not read partial batch responses."""
    original = lambda_models.LambdaBackend.create_event_source_mapping

    def create(self: lambda_models.LambdaBackend, spec: dict[str, Any]) -> lambda_models.EventSourceMapping:
        mapping = original(self, spec)
        for queue in sqs_backends[self.account_id][self.region_name].queues.values():
            queue.lambda_event_source_mappings.clear()
        for table in dynamodb_backends[self.account_id][self.region_name].tables.values():
            table.lambda_event_source_mappings.clear()
        if problem := _problem_of(mapping):
            self.delete_event_source_mapping(mapping.uuid)
            raise InvalidParameterValueException(problem)
        return mapping

    lambda_models.LambdaBackend.create_event_source_mapping = create  # type: ignore[method-assign]


def _problem_of(mapping: lambda_models.EventSourceMapping) -> str | None:
    """What of a stream's mapping the local cloud does not know."""
    if ":dynamodb:" not in mapping.event_source_arn:
        return None
    destination = on_failure_of({"DestinationConfig": mapping.destination_config})
    if destination is not None and ":sqs:" not in destination:
        return f"The local cloud sends failures of streams to queues, not to {destination}."
    try:
        StreamSettings.of(mapping)
    except UnknownFilterError as error:
        return str(error)
    return None


def number_records_on() -> None:
    """Moto gives all shards the same id, and begins their numbers anew when a table or its stream is made again."""
    original = StreamShard.__init__

    def init(self: StreamShard, *args: Any, **kwargs: Any) -> None:
        original(self, *args, **kwargs)
        self.id = f"shardId-{time.time_ns() // 1_000_000:020}-{uuid.uuid4().hex[:8]}"
        self.starting_sequence_number = time.time_ns() * _STEP

    StreamShard.__init__ = init  # type: ignore[method-assign]


def tell_changes_only() -> None:
    """A write that changes nothing is in no stream of DynamoDB. A record of moto's is copied with each transaction."""
    original = StreamShard.add

    def add(self: StreamShard, old: Any, new: Any) -> None:
        if old is None or new is None or old.attrs != new.attrs:
            original(self, old, new)

    StreamShard.add = add  # type: ignore[method-assign]
