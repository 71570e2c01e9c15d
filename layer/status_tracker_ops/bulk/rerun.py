"""Bulk rerun: every task that a filter admits is run again from the first step, once for a run id."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools import Logger

from status_tracker.operations.actions import Kind, OneTask
from status_tracker.operations.bulk import Action, BulkRun
from status_tracker.operations.filters import Matching, TaskFilter
from status_tracker_ops.bulk.handler import bulk_plan_handler
from status_tracker_ops.bulk.inputs import BadInputError, checked_input, limits, text
from status_tracker_ops.bulk.runs import BulkExecution, log_name
from status_tracker_ops.bulk.work import LeftAlone, work_through
from status_tracker_ops.clients import s3_client
from status_tracker_ops.settings import BulkSettings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from aws_lambda_powertools.utilities.typing import LambdaContext
    from mypy_boto3_s3 import S3Client

    from status_tracker import BaseTask
    from status_tracker.operations.pipeline import Pipeline
    from status_tracker_ops.bulk.planning import Cursor, Item
    from status_tracker_ops.bulk.runs import Limits

KIND = "reruns"
_FIELDS = ("filter", "reason", "by", "run_id", "dry_run", "limit", "max_concurrency", "tolerated_failures")
_EXAMPLE = '{"filter": {"statuses": ["ignored"]}, "reason": "the reader is mended"}'
_LONGEST_REASON = 500
_LONGEST_NAME = 200
_LARGEST_FILTER_BYTES = 8 * 1024


def plan_handler(pipeline: Pipeline) -> Callable[[dict[str, Any], LambdaContext], dict[str, Any]]:
    """The handler that plans the next wave of tasks."""
    return bulk_plan_handler(pipeline, KIND, "Bulk rerun refused: %s", partial(plan_rerun, pipeline.first.task_class))


def rerun_handler(pipeline: Pipeline) -> Callable[[dict[str, Any], LambdaContext], dict[str, int]]:
    """The handler that reruns the tasks of one chunk, and counts how many came to which outcome."""
    logger = Logger()

    @logger.inject_lambda_context(clear_state=True)
    def handler(event: dict[str, Any], _context: LambdaContext) -> dict[str, int]:
        logger.append_keys(use_case=pipeline.use_case_id, step=log_name(KIND))
        rerun = Rerun(pipeline.first.task_class, event)
        worked = work_through(s3_client(), BulkSettings.from_environment().result_bucket, event, rerun)
        told = {"report": worked.report, "counts": worked.counts, "failed": len(worked.failed)}
        logger.info("Chunk rerun", extra=told)
        return worked.answer()

    return handler


@dataclass(frozen=True)
class RerunRequest:
    """Which tasks are to run again, and what is recorded on each: why, by whom, and the run id."""

    chosen: TaskFilter
    reason: str
    by: str
    run_id: str
    limits: Limits

    @classmethod
    def parse(
        cls, tasks: type[BaseTask], given: object, execution: str, started: str, settings: BulkSettings
    ) -> RerunRequest:
        """The request of an execution's input.

        Tasks whose status was set after the execution had `started` are left out, so that it meets none twice.

        Raises:
            BadInputError: the input cannot be used; the message says what is wrong.
        """
        fields = checked_input(given, _FIELDS, _EXAMPLE)
        reason, by = (
            text(fields, "reason", _LONGEST_REASON),
            text(fields, "by", _LONGEST_NAME, f"execution {execution}"),
        )
        run_id = text(fields, "run_id", _LONGEST_NAME, execution)
        try:
            chosen = TaskFilter.from_dict(fields.get("filter"), tasks.config)  # type: ignore[arg-type]
            chosen = chosen.before(datetime.fromisoformat(started))
            # Only for its checks.
            BulkRun(tasks, Action.RERUN, chosen, reason=reason, by=by, run_id=run_id)
        except ValueError as error:
            raise BadInputError(str(error)) from error
        if len(json.dumps(chosen.to_dict())) > _LARGEST_FILTER_BYTES:
            raise BadInputError(f"The filter has more than {_LARGEST_FILTER_BYTES:,} bytes of JSON: shorten its texts.")
        return cls(chosen, reason, by, run_id, limits(fields, settings))


def plan_rerun(
    tasks: type[BaseTask],
    s3: S3Client,
    settings: BulkSettings,
    event: Mapping[str, Any],
    seconds_left: Callable[[], float],
) -> dict[str, Any]:
    """Plan the next wave; raises `BadInputError` where the input cannot be used."""
    request = RerunRequest.parse(tasks, event["input"], event["execution"], event["started"], settings)
    run = BulkExecution.next(s3, settings.result_bucket, KIND, event)
    common = {
        "per_second": settings.bulk_tasks_per_second / request.limits.max_concurrency,
        "filter": request.chosen.to_dict(),
        "reason": request.reason,
        "by": request.by,
        "run_id": request.run_id,
    }
    matching = request.chosen.matching(tasks, cursor=run.cursor)
    return run.plan(_matched(matching), request.limits, seconds_left, common)


def _matched(matching: Matching[BaseTask]) -> Iterator[tuple[Item, Cursor]]:
    for task_id in matching.ids():
        yield {"task_id": task_id}, matching.cursor


class RerunFailedError(ValueError):
    """What one task failed with; it is worth a repetition."""


class Rerun:
    """Reruns the tasks of a chunk, and dispatches them."""

    def __init__(self, tasks: type[BaseTask], chunk: Mapping[str, Any]) -> None:
        chosen = TaskFilter.from_dict(chunk["filter"])
        self._one = OneTask(tasks, Action.RERUN, chosen, chunk["reason"], chunk["by"], chunk["run_id"])

    def __call__(self, item: Item) -> str | LeftAlone:
        """What became of the task, by the names of `Kind`."""
        outcome = self._one.act(item["task_id"])
        if outcome.kind in {Kind.FAILED, Kind.UNDISPATCHED}:
            raise RerunFailedError(outcome.message)
        if outcome.kind in {Kind.DONE, Kind.REPEATED}:
            return outcome.kind.value
        return LeftAlone(outcome.kind.value, outcome.message)
