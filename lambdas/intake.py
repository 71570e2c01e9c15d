"""Lambda function: every uploaded document becomes a task, and its workflow is started."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit

from documents.tasks import ExtractTask
from status_tracker_ops.intake.registering import get_or_create_task, run_of, start_task
from status_tracker_ops.intake.uploads import BadMessageError, parse_upload
from status_tracker_ops.settings import WorkflowSettings

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

LOGGED_BODY_CHARACTERS = 500

logger = Logger()
metrics = Metrics()
settings = cache(WorkflowSettings.from_environment)


@logger.inject_lambda_context(clear_state=True)
@metrics.log_metrics(capture_cold_start_metric=True)
def handler(event: dict[str, Any], _context: LambdaContext) -> dict[str, Any]:
    """Each record by itself: SQS delivers the failed ones again, and in the end sets them aside."""
    metrics.add_dimension("step", "Intake")
    logger.append_keys(use_case=ExtractTask.config.use_case_id, step="Intake")
    failed = [record["messageId"] for record in event["Records"] if not _take_in(record)]
    return {"batchItemFailures": [{"itemIdentifier": message_id} for message_id in failed]}


def _take_in(record: dict[str, Any]) -> bool:
    """Whether the message is done with, and may be deleted."""
    logger.remove_keys(["task_id", "run"])  # those of the message before
    logger.append_keys(message_id=record["messageId"])
    try:
        register_upload(record["body"])
    except BadMessageError as error:
        metrics.add_metric("BadMessage", MetricUnit.Count, 1)
        body = record["body"][:LOGGED_BODY_CHARACTERS]
        logger.warning("Message refused", extra={"reason": str(error), "body": body})
        return False
    except Exception:
        logger.exception("Message not taken in; SQS will deliver it again")
        return False
    return True


def register_upload(body: str) -> None:
    """
    Create the task of the upload, unless it exists, and start its workflow, unless it was started.

    Both are done for a message that comes again too: the first time may have ended between the two.
    """
    upload = parse_upload(body)
    logger.append_keys(task_id=upload.task_id)
    task, created = get_or_create_task(upload)
    metrics.add_metric("TaskCreated" if created else "DuplicateEvent", MetricUnit.Count, 1)
    logger.append_keys(run=run_of(task))
    started = start_task(task, settings().workflow_arn)
    logger.info("Upload taken in", extra={"new_task": created, "started": started})
