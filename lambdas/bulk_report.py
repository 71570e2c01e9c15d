"""Lambda function: what became of a wave of a backfill or a bulk rerun, and whether another one follows."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools import Logger

from documents.aws import s3_client
from status_tracker_ops.bulk.runs import report, step_of
from status_tracker_ops.settings import TrackerSettings

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

logger = Logger()
settings = cache(TrackerSettings.from_environment)


@logger.inject_lambda_context(clear_state=True)
def handler(event: dict[str, Any], _context: LambdaContext) -> dict[str, Any]:
    """Gather the reports of the wave, and say how it goes on."""
    logger.append_keys(use_case=settings().use_case_id, step=step_of(event["folder"]))
    reported = report(s3_client(), event)
    logger.info("Wave reported", extra={"execution": event["execution"], "reported": reported})
    return reported
