"""The Lambda handler of intake: every uploaded object becomes a task, and is dispatched."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit

from status_tracker import get_utc_now
from status_tracker_ops.clients import s3_client
from status_tracker_ops.handlers import measured
from status_tracker_ops.intake.registering import get_or_create_task, is_gone, run_of, start_task
from status_tracker_ops.intake.uploads import BadMessageError, parse_upload, uploaded_at

if TYPE_CHECKING:
    from collections.abc import Callable

    from aws_lambda_powertools.utilities.typing import LambdaContext

    from status_tracker.operations.pipeline import Pipeline

STEP = "Intake"
LATE = timedelta(minutes=1)
LOGGED_BODY_CHARACTERS = 500


def intake_handler(pipeline: Pipeline) -> Callable[[dict[str, Any], LambdaContext], dict[str, Any]]:
    """The handler for a queue of S3's "Object Created" events, as EventBridge passes them on.

    Each record stands by itself: SQS delivers the failed ones again, and in the end moves them to the dead letters.
    """
    logger, metrics = Logger(), Metrics()
    intake = _Intake(pipeline, logger, metrics)

    @measured(logger, metrics)
    def handler(event: dict[str, Any], _context: LambdaContext) -> dict[str, Any]:
        metrics.add_dimension("step", STEP)
        logger.append_keys(use_case=pipeline.use_case_id, step=STEP)
        failed = [record["messageId"] for record in event["Records"] if not intake.take_in(record)]
        return {"batchItemFailures": [{"itemIdentifier": message_id} for message_id in failed]}

    return handler


def _is_late(body: str) -> bool:
    """Whether the event comes so late that its task may have been deleted meanwhile."""
    made = uploaded_at(body)
    return made is not None and get_utc_now() - made > LATE


class _Intake:
    def __init__(self, pipeline: Pipeline, logger: Logger, metrics: Metrics) -> None:
        self._pipeline = pipeline
        self._logger = logger
        self._metrics = metrics

    def take_in(self, record: dict[str, Any]) -> bool:
        """Whether the message is done with, and may be deleted."""
        self._logger.remove_keys(["task_id", "run"])  # those of the message before
        self._logger.append_keys(message_id=record["messageId"])
        try:
            self._register(record["body"])
        except BadMessageError as error:
            self._metrics.add_metric("BadMessage", MetricUnit.Count, 1)
            body = record["body"][:LOGGED_BODY_CHARACTERS]
            self._logger.warning("Message refused", extra={"reason": str(error), "body": body})
            return False
        except Exception:
            self._logger.exception("Message not taken in; SQS will deliver it again")
            return False
        return True

    def _register(self, body: str) -> None:
        """Create the task of the upload, unless it exists, and dispatch it, unless it was dispatched.

        Both are done for a repeated message too: the first time may have ended between the two.
        """
        upload = parse_upload(body)
        self._logger.append_keys(task_id=upload.task_id)
        if _is_late(body) and is_gone(s3_client(), upload):
            self._metrics.add_metric("UploadGone", MetricUnit.Count, 1)
            self._logger.info("Upload not taken in: its object is gone")
            return
        task, created = get_or_create_task(self._pipeline, upload)
        self._metrics.add_metric("TaskCreated" if created else "DuplicateEvent", MetricUnit.Count, 1)
        self._logger.append_keys(run=run_of(task))
        started = start_task(self._pipeline, task)
        self._logger.info("Upload taken in", extra={"new_task": created, "started": started})
