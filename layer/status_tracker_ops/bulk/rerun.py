"""Bulk rerun: every task that a filter admits is run again from the first step, once for a run id."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from documents.tasks import ExtractTask
from status_tracker.operations.actions import Kind, TaskAction
from status_tracker.operations.bulk import Action
from status_tracker.operations.bulk import BulkRun as LibraryRun
from status_tracker.operations.filters import Matching, TaskFilter
from status_tracker_ops.bulk.inputs import BadInputError, checked_input, limits, text
from status_tracker_ops.bulk.runs import BulkRun
from status_tracker_ops.bulk.work import LeftAlone

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from mypy_boto3_s3 import S3Client

    from status_tracker_ops.bulk.planning import Cursor, Item
    from status_tracker_ops.bulk.runs import Limits
    from status_tracker_ops.settings import BulkSettings

KIND = "reruns"
_FIELDS = ("filter", "reason", "by", "run_id", "dry_run", "limit", "max_concurrency", "tolerated_failures")
_EXAMPLE = '{"filter": {"statuses": ["ignored"]}, "reason": "the reader is mended"}'
_LONGEST_REASON = 500
_LONGEST_NAME = 200
_LARGEST_FILTER_BYTES = 8 * 1024


@dataclass(frozen=True)
class RerunRequest:
    """Which tasks are to run again, and what is recorded on each: why, by whom, and the run id."""

    chosen: TaskFilter
    reason: str
    by: str
    run_id: str
    limits: Limits

    @classmethod
    def parse(cls, given: object, execution: str, started: str, settings: BulkSettings) -> RerunRequest:
        """
        The request of an execution's input; raises `BadInputError` with what is wrong.

        Tasks whose status was set after the execution had `started` are not meant: it chases nothing it has done.
        """
        fields = checked_input(given, _FIELDS, _EXAMPLE)
        reason, by = (
            text(fields, "reason", _LONGEST_REASON),
            text(fields, "by", _LONGEST_NAME, f"execution {execution}"),
        )
        run_id = text(fields, "run_id", _LONGEST_NAME, execution)
        try:
            chosen = TaskFilter.from_dict(fields.get("filter"), ExtractTask.config)  # type: ignore[arg-type]
            chosen = chosen.before(datetime.fromisoformat(started))
            # The library says what an action on many tasks takes.
            LibraryRun(ExtractTask, Action.RERUN, chosen, reason=reason, by=by, run_id=run_id)
        except ValueError as error:
            raise BadInputError(str(error)) from error
        if len(json.dumps(chosen.to_dict())) > _LARGEST_FILTER_BYTES:
            raise BadInputError(f"The filter has more than {_LARGEST_FILTER_BYTES:,} bytes of JSON: shorten its texts.")
        return cls(chosen, reason, by, run_id, limits(fields, settings))


def plan_rerun(
    s3: S3Client, settings: BulkSettings, event: Mapping[str, Any], seconds_left: Callable[[], float]
) -> dict[str, Any]:
    """Plan the next wave; raises `BadInputError` where the input cannot be used."""
    request = RerunRequest.parse(event["input"], event["execution"], event["started"], settings)
    run = BulkRun.next(s3, settings.result_bucket, KIND, event)
    common = {
        "per_second": settings.bulk_tasks_per_second / request.limits.max_concurrency,
        "filter": request.chosen.to_dict(),
        "reason": request.reason,
        "by": request.by,
        "run_id": request.run_id,
    }
    matching = request.chosen.matching(ExtractTask, cursor=run.cursor)
    return run.plan(_matched(matching), request.limits, seconds_left, common)


def _matched(matching: Matching[ExtractTask]) -> Iterator[tuple[Item, Cursor]]:
    for task_id in matching.ids():
        yield {"task_id": task_id}, matching.cursor


class RerunFailedError(ValueError):
    """What one task failed with; it is worth a repetition."""


class Rerun:
    """Reruns the tasks of a chunk, and dispatches them."""

    def __init__(self, chunk: Mapping[str, Any]) -> None:
        chosen = TaskFilter.from_dict(chunk["filter"])
        self._one = TaskAction(ExtractTask, Action.RERUN, chosen, chunk["reason"], chunk["by"], chunk["run_id"])

    def __call__(self, item: Item) -> str | LeftAlone:
        """What became of the task, by the names of `Kind`."""
        outcome = self._one.act(item["task_id"])
        if outcome.kind in {Kind.FAILED, Kind.UNDISPATCHED}:
            raise RerunFailedError(outcome.message)
        if outcome.kind in {Kind.DONE, Kind.REPEATED}:
            return outcome.kind.value
        return LeftAlone(outcome.kind.value, outcome.message)
