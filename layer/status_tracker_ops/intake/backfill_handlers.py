"""The Lambda handlers of the backfill: plan a wave of objects, and register a chunk of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit

from status_tracker_ops.bulk.handler import bulk_plan_handler
from status_tracker_ops.bulk.runs import log_name
from status_tracker_ops.bulk.work import work_through
from status_tracker_ops.clients import s3_client
from status_tracker_ops.handlers import measured
from status_tracker_ops.intake.backfill import KIND, plan_backfill, register_object
from status_tracker_ops.intake.registering import NEW
from status_tracker_ops.settings import BulkSettings

if TYPE_CHECKING:
    from collections.abc import Callable

    from aws_lambda_powertools.utilities.typing import LambdaContext

    from status_tracker.operations.pipeline import Pipeline


def plan_handler(pipeline: Pipeline) -> Callable[[dict[str, Any], LambdaContext], dict[str, Any]]:
    """The handler that plans the next wave of objects."""
    return bulk_plan_handler(pipeline, KIND, "Backfill refused: %s", plan_backfill)


def register_handler(pipeline: Pipeline) -> Callable[[dict[str, Any], LambdaContext], dict[str, int]]:
    """The handler that registers the objects of one chunk, and counts the new tasks and those that were there."""
    logger, metrics, step = Logger(), Metrics(), log_name(KIND)

    @measured(logger, metrics)
    def handler(event: dict[str, Any], _context: LambdaContext) -> dict[str, int]:
        metrics.add_dimension("step", step)
        logger.append_keys(use_case=pipeline.use_case_id, step=step)
        settings, s3 = BulkSettings.from_environment(), s3_client()
        worked = work_through(
            s3,
            settings.result_bucket,
            event,
            lambda item: register_object(pipeline, s3, settings.source, item),
        )
        metrics.add_metric("TaskCreated", MetricUnit.Count, worked.counts[NEW])
        metrics.add_metric("NotRegistered", MetricUnit.Count, len(worked.failed))
        logger.info(
            "Chunk registered", extra={"report": worked.report, "counts": worked.counts, "failed": len(worked.failed)}
        )
        return worked.answer()

    return handler
