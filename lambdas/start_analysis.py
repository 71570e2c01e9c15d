"""Lambda function: starts Amazon Textract on a document of several pages, before Extract is tried."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aws_lambda_powertools import Logger

from documents.aws import textract_client
from documents.settings import ExtractSettings
from documents.tasks import PIPELINE, ExtractTask
from documents.textract.jobs import begin_analysis
from status_tracker_ops.clients import s3_client
from status_tracker_ops.outages import outages_postpone

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

logger = Logger()


@logger.inject_lambda_context(clear_state=True)
def handler(event: dict[str, Any], _context: LambdaContext) -> dict[str, str | None]:
    """The id of the job that the workflow waits for, or None; Extract's attempt reports what stood in the way.

    Raises:
        TaskPausedError: Extract is paused; a job is work on it.
        ServiceBusyError: S3 or Textract is busy or away.
    """
    settings = ExtractSettings.from_environment()
    task_id, run = event["task_id"], event["run"]
    step = PIPELINE.name_of(ExtractTask)
    PIPELINE.check_not_paused(step, task_id)
    task = ExtractTask.get_one_or_none(task_id, consistent_read=True)
    with outages_postpone(setbacks=0):
        job_id = begin_analysis(textract_client(), s3_client(), settings, task, task_id, run)
    logger.info(
        "Analysis begun" if job_id else "No analysis to wait for",
        extra={
            "use_case": PIPELINE.use_case_id,
            "step": step,
            "task_id": task_id,
            "run": run,
            "job_id": job_id,
        },
    )
    return {"job_id": job_id}
