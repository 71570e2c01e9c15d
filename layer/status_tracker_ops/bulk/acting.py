"""One deliberate action on every task that a filter admits, once for a run id: rerun, cancel, delete.

Each is an execution of a state machine of its own, so that whoever may start one of them may not do the others.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools import Logger

from status_tracker.core.errors import TaskUnreadableError
from status_tracker.operations.actions import Action, Kind, TaskAction
from status_tracker.operations.all_steps import AllSteps
from status_tracker.operations.bulk import BulkRun, unfinished_by
from status_tracker.operations.filters import TaskFilter
from status_tracker_ops.bulk.handler import bulk_plan_handler
from status_tracker_ops.bulk.inputs import BadInputError, checked_input, limits, text, truth
from status_tracker_ops.bulk.runs import BulkExecution, log_name
from status_tracker_ops.bulk.work import LeftAlone, work_through
from status_tracker_ops.clients import s3_client
from status_tracker_ops.settings import BulkSettings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from aws_lambda_powertools.utilities.typing import LambdaContext
    from mypy_boto3_s3 import S3Client

    from status_tracker.operations.actions import Operable
    from status_tracker.operations.filters import ListedTask
    from status_tracker.operations.pipeline import Pipeline
    from status_tracker_ops.bulk.planning import Cursor, Item
    from status_tracker_ops.bulk.runs import Limits

FOLDERS: Mapping[Action, str] = {
    Action.RERUN: "reruns",
    Action.CANCEL: "cancellations",
    Action.DELETE: "deletions",
}
"""The actions that there are machines for, and the folder of their executions."""
_FIELDS = ("filter", "reason", "by", "run_id", "dry_run", "limit", "max_concurrency", "tolerated_failures")
_OF_DELETIONS = ("cancel",)
_EXAMPLE = '{"filter": {"statuses": ["ignored"]}, "reason": "the reader is mended"}'
_LONGEST_REASON = 500
_LONGEST_NAME = 200
_LARGEST_FILTER_BYTES = 8 * 1024
_WORTH_A_REPETITION = frozenset({Kind.FAILED, Kind.UNDISPATCHED, Kind.UNFINISHED})
_UNFINISHED = "unfinished"


def plan_handler(pipeline: Pipeline, action: Action) -> Callable[[dict[str, Any], LambdaContext], dict[str, Any]]:
    """The handler that plans the next wave of tasks."""
    refused = f"Bulk {action} refused: %s"
    return bulk_plan_handler(pipeline, FOLDERS[action], refused, partial(plan_action, pipeline, action))


def act_handler(pipeline: Pipeline, action: Action) -> Callable[[dict[str, Any], LambdaContext], dict[str, int]]:
    """The handler that acts on the tasks of one chunk, and counts how many came to which outcome."""
    logger = Logger()

    @logger.inject_lambda_context(clear_state=True)
    def handler(event: dict[str, Any], _context: LambdaContext) -> dict[str, int]:
        logger.append_keys(use_case=pipeline.use_case_id, step=log_name(FOLDERS[action]))
        acting = Acting(pipeline, action, event, logger)
        worked = work_through(s3_client(), BulkSettings.from_environment().result_bucket, event, acting)
        told = {"report": worked.report, "counts": worked.counts, "failed": len(worked.failed)}
        logger.info("Chunk done", extra=told)
        return worked.answer()

    return handler


def tasks_of(pipeline: Pipeline, action: Action) -> Operable[Any]:
    """What the action is done to: a rerun begins with the first step, all else is done in the step where a task is."""
    tasks: Any = pipeline.first.task_class if action is Action.RERUN else AllSteps(pipeline)
    return tasks  # type: ignore[no-any-return]  # it is all that an action takes


@dataclass(frozen=True)
class BulkRequest:
    """Which tasks are to be acted on, and what is recorded on each: why, by whom, and the run id.

    Attributes:
        started: when the execution was.
        completes: whether the run id was given, so that an earlier execution may have left something unfinished.
        cancel: for deletions, cancel what a worker holds.
    """

    chosen: TaskFilter
    reason: str
    by: str
    run_id: str
    started: datetime
    completes: bool
    cancel: bool
    limits: Limits

    @classmethod
    def parse(
        cls, pipeline: Pipeline, action: Action, given: object, execution: str, started: str, settings: BulkSettings
    ) -> BulkRequest:
        """The request of an execution's input.

        Tasks whose status was set after the execution had `started` are left out, so that it meets none twice.

        Raises:
            BadInputError: the input cannot be used; the message says what is wrong.
        """
        known = (*_FIELDS, *(_OF_DELETIONS if action is Action.DELETE else ()))
        fields, tasks = checked_input(given, known, _EXAMPLE), tasks_of(pipeline, action)
        reason, by = (
            text(fields, "reason", _LONGEST_REASON),
            text(fields, "by", _LONGEST_NAME, f"execution {execution}"),
        )
        run_id, cancel = text(fields, "run_id", _LONGEST_NAME, execution), truth(fields, "cancel")
        began = datetime.fromisoformat(started)
        try:
            chosen = _filter(pipeline, action, fields.get("filter")).before(began)
            # Only for its checks.
            BulkRun(tasks, action, chosen, reason=reason, by=by, run_id=run_id, cancel=cancel)
        except ValueError as error:
            raise BadInputError(str(error)) from error
        if len(json.dumps(chosen.to_dict())) > _LARGEST_FILTER_BYTES:
            raise BadInputError(f"The filter has more than {_LARGEST_FILTER_BYTES:,} bytes of JSON: shorten its texts.")
        return cls(chosen, reason, by, run_id, began, "run_id" in fields, cancel, limits(fields, settings))

    @property
    def common(self) -> dict[str, Any]:
        """What every chunk is told."""
        return {
            "filter": self.chosen.to_dict(),
            "reason": self.reason,
            "by": self.by,
            "run_id": self.run_id,
            **({"cancel": True} if self.cancel else {}),
        }


def plan_action(
    pipeline: Pipeline,
    action: Action,
    s3: S3Client,
    settings: BulkSettings,
    event: Mapping[str, Any],
    seconds_left: Callable[[], float],
) -> dict[str, Any]:
    """Plan the next wave; raises `BadInputError` where the input cannot be used."""
    request = BulkRequest.parse(pipeline, action, event["input"], event["execution"], event["started"], settings)
    run = BulkExecution.next(s3, settings.result_bucket, FOLDERS[action], event)
    common = {"per_second": settings.bulk_tasks_per_second / request.limits.max_concurrency, **request.common}
    return run.plan(
        _to_do(tasks_of(pipeline, action), action, request, run.cursor), request.limits, seconds_left, common
    )


def _filter(pipeline: Pipeline, action: Action, given: object) -> TaskFilter:
    """The filter of an input. The name of a status is that of the steps which the action concerns."""
    if action is Action.RERUN:
        return TaskFilter.from_dict(given, pipeline.first.task_class.config)  # type: ignore[arg-type]
    if isinstance(given, Mapping) and isinstance(statuses := given.get("statuses"), list):
        codes = [pipeline.codes_of(each) if isinstance(each, str) else (each,) for each in statuses]
        given = {**given, "statuses": [code for each in codes for code in each]}
    return TaskFilter.from_dict(given)  # type: ignore[arg-type]


def _to_do(
    tasks: Operable[Any], action: Action, request: BulkRequest, cursor: Cursor
) -> Iterator[tuple[Item | None, Cursor]]:
    """What an earlier execution with the run id has left unfinished and matches no more; then what matches."""
    unfinished = unfinished_by(tasks, action, request.chosen.id_prefix, request.started)
    if request.completes and unfinished is not None and not isinstance(cursor, str):
        begun = _task_action(tasks, action, request.common).has_begun

        def is_left(task: ListedTask) -> bool:
            state = task.tracked_state()
            return begun(state) and not request.chosen.admits(task.task_id, state)

        listed = unfinished.matching(tasks, cursor=cursor and cursor[_UNFINISHED], whole=True)
        for task in listed.each():
            left = not isinstance(task, TaskUnreadableError) and is_left(task)
            yield {"task_id": task.task_id} if left else None, {_UNFINISHED: listed.cursor}
        cursor = None
    matching = request.chosen.matching(tasks, cursor=cursor)
    for task_id in matching.ids():
        yield {"task_id": task_id}, matching.cursor


def _task_action(tasks: Operable[Any], action: Action, told: Mapping[str, Any]) -> TaskAction[Any]:
    chosen = TaskFilter.from_dict(told["filter"])
    return TaskAction(
        tasks, action, chosen, told["reason"], told["by"], told["run_id"], cancels=told.get("cancel", False)
    )


class ActionFailedError(ValueError):
    """What one task failed with; it is worth a repetition."""


class Acting:
    """Does the action to the tasks of a chunk, with what follows it."""

    def __init__(self, pipeline: Pipeline, action: Action, chunk: Mapping[str, Any], logger: Logger) -> None:
        self._one = _task_action(tasks_of(pipeline, action), action, chunk)
        self._deletes = action is Action.DELETE
        # Of a deletion it says that the task is gone, by whomever: a chunk may be repeated.
        self._done = {Kind.DONE, Kind.REPEATED, *([Kind.VANISHED] if self._deletes else [])}
        self._asked = {"reason": chunk["reason"], "by": chunk["by"], "request_id": chunk["run_id"]}
        self._logger = logger

    def __call__(self, item: Item) -> str | LeftAlone:
        """What became of the task, by the names of `Kind`."""
        outcome = self._one.act(item["task_id"])
        if outcome.kind in _WORTH_A_REPETITION:
            raise ActionFailedError(outcome.message)
        if self._deletes:  # else it is on record on the task
            asked = {"task_id": outcome.task_id, "outcome": outcome.kind, **self._asked}
            self._logger.info("Acted on a task", extra=asked)
        if outcome.kind in self._done:
            return outcome.kind.value
        return LeftAlone(outcome.kind.value, outcome.message)
