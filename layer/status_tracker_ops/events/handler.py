"""The Lambda handler of the table's stream."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit

from status_tracker_ops.events.records import StreamRecord
from status_tracker_ops.events.stream import Stream
from status_tracker_ops.handlers import measured
from status_tracker_ops.settings import EventsSettings

if TYPE_CHECKING:
    from collections.abc import Callable

    from aws_lambda_powertools.utilities.typing import LambdaContext

    from status_tracker.operations.pipeline import Pipeline

STEP = "Events"


def events_handler(pipeline: Pipeline) -> Callable[[dict[str, Any], LambdaContext], dict[str, Any]]:
    """The handler for the stream of the pipeline's table.

    Its event source mapping has `ReportBatchItemFailures`, and a tumbling window, since only then an event names its
    shard. The window's state passes through unchanged.
    """
    logger, metrics = Logger(), Metrics()

    @measured(logger, metrics)
    def handler(event: dict[str, Any], _context: LambdaContext) -> dict[str, Any]:
        metrics.add_dimension("step", STEP)
        logger.append_keys(use_case=pipeline.use_case_id, step=STEP, shard=event.get("shardId"))
        metrics.add_metric("RecordsRead", MetricUnit.Count, len(event["Records"]))
        records = [StreamRecord.of(each) for each in event["Records"]]
        taken = Stream(pipeline, EventsSettings.from_environment(), logger).take(records, event.get("shardId"))
        metrics.add_metric("EventsSent", MetricUnit.Count, taken.events)
        metrics.add_metric("ChangesCounted", MetricUnit.Count, taken.changes)
        metrics.add_metric("RecordsSetAside", MetricUnit.Count, taken.set_aside)
        failures = [] if taken.again is None else [{"itemIdentifier": taken.again.identifier}]
        return {"state": event.get("state", {}), "batchItemFailures": failures}

    return handler
