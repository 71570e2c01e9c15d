"""Lambda: the lease from the remaining time, and the outcome as metrics and log keys of Powertools.

Needs the extra ``powertools`` (on Lambda, the layer brings it).
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Protocol, TypeVar

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit

from .dynamodb import BaseTask
from .errors import NoMoreRetryError, TaskIsNotReadyToStartError
from .execution import ExecutionContext

TaskT = TypeVar("TaskT", bound=BaseTask)


class LambdaContext(Protocol):
    """The part of a Lambda context that is asked."""

    def get_remaining_time_in_millis(self) -> int: ...


@contextmanager
def start_in_lambda(
    task_class: type[TaskT],
    task_id: str,
    context: LambdaContext,
    *,
    step: str,
    metrics: Metrics,
    logger: Logger,
    create: bool = False,
    data: dict[str, Any] | None = None,
) -> Iterator[ExecutionContext[TaskT]]:
    """`task_class.start(task_id)` in a Lambda function.

    The lease is the time that the function has left, so that a killed function's task can be taken over as soon as
    the function could not be running any more. Every log line in the block carries use case, step, task, attempt and
    fence. The outcome is one of the metrics ``TaskSucceeded``, ``TaskFailed``, ``TaskIgnored`` (count), with
    ``TaskDuration`` (milliseconds), or ``TaskRefused`` for a start that was refused. Their dimension is `step`, and
    never the task id.

    Args:
        context: the Lambda context.
        step: the name of the step, for metrics and log.
        create, data: make the task if there is none, with that data; as of `BaseTask.start`.

    Raises:
        What `BaseTask.start` raises, and what the block raises, untouched.
    """
    metrics.add_dimension(name="step", value=step)
    forget_task(logger)
    logger.append_keys(use_case=task_class.config.use_case_id, step=step, task_id=task_id)
    began = time.monotonic()
    entered: ExecutionContext[TaskT] | None = None
    try:
        lease = max(context.get_remaining_time_in_millis(), 1) / 1000
        with task_class.start(task_id, create=create, data=data, lock_expire_seconds=lease) as entered:
            logger.append_keys(attempt=entered.task.retry + 1, fence=entered.fence)
            yield entered
    except TaskIsNotReadyToStartError as error:
        if entered is None:
            given_up = isinstance(error, NoMoreRetryError) and error.given_up_now
            metrics.add_metric("TaskIgnored" if given_up else "TaskRefused", MetricUnit.Count, 1)
        raise
    finally:
        if entered is not None and (name := _outcome(entered.task)):
            metrics.add_metric(name, MetricUnit.Count, 1)
            metrics.add_metric("TaskDuration", MetricUnit.Milliseconds, (time.monotonic() - began) * 1000)


def forget_task(logger: Logger) -> None:
    """Take from the log lines what they tell of the task before."""
    logger.remove_keys(["use_case", "step", "task_id", "attempt", "fence"])


def _outcome(task: BaseTask) -> str | None:
    """The metric of a status that an attempt ends with; None where the end was not stored."""
    config = task.config
    return {
        config.succeeded_status: "TaskSucceeded",
        config.failed_status: "TaskFailed",
        config.exhausted_status: "TaskIgnored",
        config.ignored_status: "TaskIgnored",
    }.get(task.status)
