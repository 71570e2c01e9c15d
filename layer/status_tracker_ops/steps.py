"""The Lambda handlers of a step: for one task of a workflow, and for the messages of a queue."""

from __future__ import annotations

import json
from functools import partial
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools import Logger, Metrics

from status_tracker import (
    NonRetryableError,
    Postponed,
    TaskAlreadySucceedError,
    TaskIsNotInitializedError,
    TaskIsNotReadyToStartError,
)
from status_tracker.core.config import is_whole_number
from status_tracker.core.history import told
from status_tracker.powertools import start_in_lambda
from status_tracker.sqs import BatchResponse, TaskMessage, process_sqs_batch
from status_tracker_ops.handlers import measured
from status_tracker_ops.outages import outages_postpone, setbacks
from status_tracker_ops.settings import QueueWorkerSettings

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import TypeAlias

    from aws_lambda_powertools.utilities.typing import LambdaContext

    from status_tracker import BaseTask, ExecutionContext
    from status_tracker.operations.pipeline import Pipeline

    Work: TypeAlias = Callable[[ExecutionContext[Any], Mapping[str, Any]], None]


def step_handler(
    pipeline: Pipeline, task_class: type[BaseTask], work: Work, *, then: type[BaseTask] | None = None
) -> Callable[[dict[str, Any], LambdaContext], None]:
    """The handler of the step of that class, for a workflow: one attempt at the task of the event.

    It takes the input of the execution, ``{"task_id": …, "run": …}``, and returns nothing: the workflow goes by the
    exception. Log and metrics have the name that the step has in the pipeline. A postponed attempt ends in
    `Postponed`, whatever has postponed it, and a paused step in `TaskPausedError`: the workflow waits for both. An
    event of an earlier run whose task is in another step by now, as after a rerun between two steps, ends well and does
    nothing.

    Args:
        work: does the work of one attempt, given the started execution and the event. What it raises fails the attempt;
            but botocore's errors about a service that is busy, faulty or does not answer postpone it (R19), for a
            minute at first and at most for an hour, unless their type is in the config's `postponing` or
            `non_retryable`.
        then: the class of the next step, if that is in no workflow together with this one: its run is dispatched after
            each success, and also where the task is found succeeded already, since the first dispatch may be lost. A
            paused step is left to the sweep.

    Raises:
        KeyError: the class is no step of the pipeline.
        ValueError: `then` is not the next step.

    Example::

        handler = step_handler(PIPELINE, ExtractTask, extract_document)
    """
    logger, metrics, step = Logger(), Metrics(), pipeline.name_of(task_class)
    go_on = _dispatching(pipeline, task_class, then, logger)

    @measured(logger, metrics)
    def handler(event: dict[str, Any], context: LambdaContext) -> None:
        task_id, execution = event["task_id"], None
        try:
            with start_in_lambda(
                task_class, task_id, context, metrics=metrics, logger=logger, step=step, pipeline=pipeline
            ) as execution:
                _work_through_outages(work, execution, event)
        except TaskAlreadySucceedError:
            go_on(task_id)
            raise
        except TaskIsNotReadyToStartError as refusal:
            if type(refusal) is TaskIsNotReadyToStartError and _is_superseded(task_class, task_id, event["run"]):
                logger.info("Run superseded: %s", refusal)
                return
            raise
        except Exception as error:
            # Step Functions knows an exception by the name of its class alone.
            if isinstance(error, NonRetryableError) and type(error) is not NonRetryableError:
                raise NonRetryableError(str(error)) from error
            due = None if execution is None else execution.postponed_until
            if due is None or type(error) is Postponed:
                raise
            wait = (due - task_class.config.now()).total_seconds()
            raise Postponed(told(error), retry_after=max(wait, 1)) from error
        go_on(task_id)

    return handler


def queue_handler(
    pipeline: Pipeline, task_class: type[BaseTask], work: Work, *, then: type[BaseTask] | None = None
) -> Callable[[dict[str, Any], LambdaContext], BatchResponse]:
    """The handler of the step of that class, for a queue: one attempt at the task of each message.

    The messages are those that `status_tracker_ops.queues.QueueRuns` sends; `status_tracker.sqs.process_sqs_batch` says
    what becomes of them. A message whose task is in another step of the pipeline by now, or was deleted, is deleted:
    it was sent twice, or for an earlier run. The settings are a `QueueWorkerSettings`.

    Args:
        work: does the work of one attempt, given the started execution and ``{"task_id": …, "run": …}``, as for
            `step_handler`.
        then: as for `step_handler`.

    Raises:
        KeyError, ValueError: as for `step_handler`.

    Example::

        handler = queue_handler(PIPELINE, MailTask, send_mail)
    """
    logger, metrics, step = Logger(), Metrics(), pipeline.name_of(task_class)
    go_on = _dispatching(pipeline, task_class, then, logger)

    def work_on(execution: ExecutionContext[Any]) -> None:
        _work_through_outages(work, execution, {"task_id": execution.task.task_id, "run": execution.task.run or 0})

    @measured(logger, metrics)
    def handler(event: dict[str, Any], context: LambdaContext) -> BatchResponse:
        settings = QueueWorkerSettings.from_environment()
        return process_sqs_batch(
            event,
            context,
            task_class,
            work_on,
            parse=run_of_message,
            step=step,
            metrics=metrics,
            logger=logger,
            seconds_per_record=settings.seconds_per_record,
            retry_seconds=settings.retry_seconds,
            pipeline=pipeline,
            create=False,
            then=go_on,
            obsolete=partial(_is_obsolete, pipeline, step),
        )

    return handler


def run_of_message(body: str) -> TaskMessage:
    """The task of a message that `QueueRuns` sent. Raises `ValueError` for any other body."""
    message = json.loads(body)
    expected = 'expected JSON such as {"task_id": "order-1", "run": 0}'
    if not isinstance(message, dict) or not isinstance(message.get("task_id"), str):
        raise ValueError(f"The body is {body[:80]!r}: {expected}.")
    if not is_whole_number(message.get("run", 0)):
        raise ValueError(f"The run of {message['task_id']!r} is {message['run']!r}: {expected}.")
    return TaskMessage(message["task_id"])


def _is_obsolete(pipeline: Pipeline, step: str, refusal: Exception) -> bool:
    """Whether a refused start says that the task is gone, or in another step of the pipeline."""
    if isinstance(refusal, TaskIsNotInitializedError):
        return True
    code = refusal.status if isinstance(refusal, TaskIsNotReadyToStartError) else None
    return code is not None and bool(pipeline.meanings(code)) and pipeline.step_at(code).name != step


def _work_through_outages(work: Work, execution: ExecutionContext[Any], event: Mapping[str, Any]) -> None:
    task: BaseTask = execution.task
    with outages_postpone(setbacks(task), but=(*task.config.postponing, *task.config.non_retryable)):
        work(execution, event)


def _is_superseded(task_class: type[BaseTask], task_id: str, run: int) -> bool:
    """Whether the task is in a later run, which has an execution of its own."""
    task = task_class.get_one_or_none(task_id, consistent_read=True)
    return task is not None and (task.run or 0) > run


def _dispatching(
    pipeline: Pipeline, task_class: type[BaseTask], then: type[BaseTask] | None, logger: Logger
) -> Callable[[str], None]:
    """What dispatches the next step's run of a task that has succeeded; nothing without `then`."""
    if then is None:
        return lambda _: None
    names = [step.name for step in pipeline]
    step, following = pipeline.name_of(task_class), pipeline.name_of(then)
    if names.index(following) != names.index(step) + 1:
        raise ValueError(f"then is {following}, which does not follow {step}: the steps are {', '.join(names)}.")

    def go_on(task_id: str) -> None:
        task = then.get_one_or_none(task_id, consistent_read=True)
        if task is None or task.status != then.config.pending_status or pipeline.paused(following) is not None:
            return
        then.dispatch(task)
        logger.info("Next step dispatched", extra={"next": following})

    return go_on
