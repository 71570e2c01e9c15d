"""Lambda functions of the bulk rerun: plan a wave of the tasks that a filter admits, and rerun a chunk of them."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools import Logger

from documents.aws import s3_client
from documents.tasks import ExtractTask
from status_tracker_ops.bulk.inputs import BadInputError
from status_tracker_ops.bulk.rerun import KIND, Rerun, plan_rerun
from status_tracker_ops.bulk.runs import refusal
from status_tracker_ops.bulk.work import work_through
from status_tracker_ops.settings import BulkSettings

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

STEP = "BulkRerun"

logger = Logger()
settings = cache(BulkSettings.from_environment)


@logger.inject_lambda_context(clear_state=True)
def plan(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """The next wave; or why the input is refused, or cannot be read any further."""
    logger.append_keys(use_case=ExtractTask.config.use_case_id, step=STEP)
    try:
        planned = plan_rerun(s3_client(), settings(), event, lambda: context.get_remaining_time_in_millis() / 1000)
    except BadInputError as error:
        logger.warning("Bulk rerun refused: %s", error, extra={"execution": event["execution"]})
        return refusal(s3_client(), settings().result_bucket, KIND, event, str(error))
    logger.info("Wave planned", extra={"execution": event["execution"], **planned["progress"]})
    return planned


@logger.inject_lambda_context(clear_state=True)
def rerun(event: dict[str, Any], _context: LambdaContext) -> dict[str, int]:
    """The tasks of one chunk; how many came to which outcome."""
    logger.append_keys(use_case=ExtractTask.config.use_case_id, step=STEP)
    worked = work_through(s3_client(), settings().result_bucket, event, Rerun(event))
    logger.info("Chunk rerun", extra={"report": worked.report, "counts": worked.counts, "failed": len(worked.failed)})
    return worked.answer()
