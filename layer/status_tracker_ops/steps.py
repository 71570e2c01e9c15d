"""The Lambda handler of a step: one attempt at the task of the event."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aws_lambda_powertools import Logger, Metrics

from status_tracker.powertools import start_in_lambda

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
    exception. Log and metrics have the name that the step has in the pipeline.

    Args:
        work: does the work of one attempt, given the started execution and the event. What it raises fails the attempt.

    Example::

        handler = step_handler(PIPELINE, ExtractTask, extract_document)
    """
    logger, metrics, step = Logger(), Metrics(), pipeline.name_of(task_class)

    @logger.inject_lambda_context(clear_state=True)
    @metrics.log_metrics(capture_cold_start_metric=True)
    def handler(event: dict[str, Any], context: LambdaContext) -> None:
        with start_in_lambda(
            task_class, event["task_id"], context, metrics=metrics, logger=logger, step=step
        ) as execution:
            work(execution, event)

    return handler
