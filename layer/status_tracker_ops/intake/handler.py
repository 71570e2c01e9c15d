"""The Lambda handler of intake: every uploaded object becomes a task, and is dispatched."""

from __future__ import annotations

import shlex
from collections import Counter, deque
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import EphemeralMetrics, MetricUnit

from status_tracker import get_utc_now
from status_tracker.core.history import last_failure
from status_tracker_ops.clients import s3_client
from status_tracker_ops.handlers import measured
from status_tracker_ops.intake.registering import (
    BACK,
    EXISTING,
    NEW,
    is_gone,
    is_in_bucket,
    register,
    run_of,
    start_task,
)
from status_tracker_ops.intake.uploads import BadMessageError, parse_upload, uploaded_at

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from aws_lambda_powertools.utilities.typing import LambdaContext

    from status_tracker.operations.pipeline import Pipeline

STEP = "Intake"
LATE = timedelta(minutes=1)
LOGGED_BODY_CHARACTERS = 500

# A slow message takes so long: a request to each of two services, one of them tried again after a timeout.
_SECONDS_FOR_A_MESSAGE = 10
_LARGEST_PART_FOR_A_MESSAGE = 1 / 3
_METRICS = {NEW: "TaskCreated", EXISTING: "DuplicateEvent", BACK: "UploadIsBack"}


def intake_handler(pipeline: Pipeline) -> Callable[[dict[str, Any], LambdaContext], dict[str, Any]]:
    """The handler for a queue of S3's "Object Created" events, as EventBridge passes them on.

    Each record stands by itself: SQS delivers the failed ones again, and in the end moves them to the dead letters. A
    record for which the time may not suffice is not begun. That costs it a delivery, so those that were delivered most
    often are begun first.
    """
    logger, metrics = Logger(), Metrics()

    @measured(logger, metrics)
    def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
        metrics.add_dimension("step", STEP)
        logger.append_keys(use_case=pipeline.use_case_id, step=STEP)
        intake = _Intake(pipeline, logger, metrics)
        kept = intake.take_in_all(event["Records"], lambda: context.get_remaining_time_in_millis() / 1000)
        intake.tell_outcomes()
        return {"batchItemFailures": [{"itemIdentifier": message_id} for message_id in kept]}

    return handler


def _is_late(body: str) -> bool:
    """Whether the event comes so late that its task may have been deleted meanwhile."""
    made = uploaded_at(body)
    return made is not None and get_utc_now() - made > LATE


class _Intake:
    """One batch."""

    def __init__(self, pipeline: Pipeline, logger: Logger, metrics: Metrics) -> None:
        self._pipeline = pipeline
        self._logger = logger
        self._metrics = metrics
        self._duplicates: Counter[str] = Counter()

    def take_in_all(self, records: Sequence[dict[str, Any]], seconds_left: Callable[[], float]) -> list[str]:
        """Take in what there is time for; the ids of the messages that SQS is to keep."""
        needed = min(_SECONDS_FOR_A_MESSAGE, seconds_left() * _LARGEST_PART_FOR_A_MESSAGE)
        waiting = deque(sorted(records, key=_receives, reverse=True))
        kept = []
        while waiting and seconds_left() >= needed:
            record = waiting.popleft()
            if not self._take_in(record):
                kept.append(record["messageId"])
        if waiting:
            self._logger.remove_keys(["task_id", "run", "message_id"])
            self._logger.warning("Not all begun: no time is left", extra={"left": len(waiting), "of": len(records)})
            self._metrics.add_metric("NotBegun", MetricUnit.Count, len(waiting))
        return [*kept, *(record["messageId"] for record in waiting)]

    def _take_in(self, record: dict[str, Any]) -> bool:
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
        if upload.is_folder:
            self._logger.info("Left out: it only stands for a folder")
            return
        if _is_late(body) and is_gone(s3_client(), upload):
            self._metrics.add_metric("UploadGone", MetricUnit.Count, 1)
            self._logger.info("Upload not taken in: its object is gone")
            return
        task, found = register(self._pipeline, upload, lambda: is_in_bucket(s3_client(), upload))
        self._metrics.add_metric(_METRICS[found], MetricUnit.Count, 1)
        self._logger.append_keys(run=run_of(task))
        if found == EXISTING:
            self._tell_outcome(task)
        started = start_task(self._pipeline, task)
        self._logger.info("Upload taken in", extra={"new_task": found == NEW, "found": found, "started": started})

    def _tell_outcome(self, task: Any) -> None:
        """Say what has become of a task whose upload came again; if it was set aside, why, and how to run it again."""
        step = self._pipeline.step_at(task.status)
        config = step.task_class.config
        outcome = config.status_name(task.status)
        self._duplicates[outcome] += 1
        if task.status in (config.ignored_status, config.exhausted_status):
            self._logger.warning(
                "Uploaded again, and not read: its task was set aside",
                extra={
                    "task_step": step.name,
                    "outcome": outcome,
                    "reason": str(last_failure(task.errors).get("error")),
                    "to_run_it_again": f"status-tracker rerun --reason 'uploaded again' -- {shlex.quote(task.task_id)}",
                },
            )

    def tell_outcomes(self) -> None:
        """Count the uploads that came again by the status that their tasks had."""
        for outcome, count in self._duplicates.items():
            metrics = EphemeralMetrics()
            metrics.add_dimension("step", STEP)
            metrics.add_dimension("status", outcome)
            metrics.add_metric("DuplicateEvent", MetricUnit.Count, count)
            metrics.flush_metrics()


def _receives(record: dict[str, Any]) -> int:
    return int(record["attributes"]["ApproximateReceiveCount"])
