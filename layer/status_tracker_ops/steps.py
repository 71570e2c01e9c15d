"""The Lambda handler of a step: one attempt at the task of the event."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aws_lambda_powertools import Logger, Metrics

from status_tracker import Postponed
from status_tracker.core.history import told
from status_tracker.powertools import start_in_lambda
from status_tracker_ops.handlers import measured

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from aws_lambda_powertools.utilities.typing import LambdaContext

    from status_tracker import BaseTask, ExecutionContext
    from status_tracker.operations.pipeline import Pipeline


def step_handler(
    pipeline: Pipeline,
    task_class: type[BaseTask],
    work: Callable[[ExecutionContext[Any], Mapping[str, Any]], None],
) -> Callable[[dict[str, Any], LambdaContext], None]:
    """The handler of the step of that class.

    It takes the input of the execution, ``{"task_id": …, "run": …}``, and returns nothing: the workflow goes by the
    exception. Log and metrics have the name that the step has in the pipeline. A postponed attempt ends in
    `Postponed`, whatever has postponed it, and a paused step in `TaskPausedError`: the workflow waits for both.

    Args:
        work: does the work of one attempt, given the started execution and the event. What it raises fails the attempt.

    Example::

        handler = step_handler(PIPELINE, ExtractTask, extract_document)
    """
    logger, metrics, step = Logger(), Metrics(), pipeline.name_of(task_class)

    @measured(logger, metrics)
    def handler(event: dict[str, Any], context: LambdaContext) -> None:
        execution = None
        try:
            with start_in_lambda(
                task_class, event["task_id"], context, metrics=metrics, logger=logger, step=step, pipeline=pipeline
            ) as execution:
                work(execution, event)
        except Exception as error:
            due = None if execution is None else execution.postponed_until
            if due is None or type(error) is Postponed:
                raise
            # Step Functions knows an exception by the name of its class alone.
            wait = (due - task_class.config.now()).total_seconds()
            raise Postponed(told(error), retry_after=max(wait, 1)) from error

    return handler
