"""Lambda functions of the backfill: plan a wave of objects, and register a chunk of it."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit

from documents.aws import s3_client
from documents.tasks import ExtractTask
from status_tracker_ops.bulk.inputs import BadInputError
from status_tracker_ops.bulk.runs import refusal
from status_tracker_ops.bulk.work import work_through
from status_tracker_ops.intake.backfill import KIND, plan_backfill
from status_tracker_ops.intake.backfilled import register_object
from status_tracker_ops.settings import BulkSettings, WorkflowSettings

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

STEP = "Backfill"

logger = Logger()
metrics = Metrics()
settings = cache(BulkSettings.from_environment)
intake_settings = cache(WorkflowSettings.from_environment)


@logger.inject_lambda_context(clear_state=True)
def plan(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """The next wave; or why the input is refused, or cannot be read any further."""
    logger.append_keys(use_case=ExtractTask.config.use_case_id, step=STEP)
    try:
        planned = plan_backfill(s3_client(), settings(), event, lambda: context.get_remaining_time_in_millis() / 1000)
    except BadInputError as error:
        logger.warning("Backfill refused: %s", error, extra={"execution": event["execution"]})
        return refusal(s3_client(), settings().result_bucket, KIND, event, str(error))
    logger.info("Wave planned", extra={"execution": event["execution"], **planned["progress"]})
    return planned


@logger.inject_lambda_context(clear_state=True)
@metrics.log_metrics(capture_cold_start_metric=True)
def register(event: dict[str, Any], _context: LambdaContext) -> dict[str, int]:
    """The objects of one chunk; how many tasks are new, and how many were there."""
    metrics.add_dimension("step", STEP)
    logger.append_keys(use_case=ExtractTask.config.use_case_id, step=STEP)
    bucket, workflow_arn = settings().document_bucket, intake_settings().workflow_arn
    worked = work_through(
        s3_client(),
        settings().result_bucket,
        event,
        lambda item: register_object(s3_client(), bucket, item, workflow_arn),
    )
    metrics.add_metric("TaskCreated", MetricUnit.Count, worked.counts["created"])
    metrics.add_metric("NotRegistered", MetricUnit.Count, len(worked.failed))
    logger.info(
        "Chunk registered", extra={"report": worked.report, "counts": worked.counts, "failed": len(worked.failed)}
    )
    return worked.answer()
