"""Lambda: the lease from the remaining time, and the outcome as metrics and log lines of Powertools.

Needs the extra ``powertools`` (on Lambda, the layer brings it).
"""

from __future__ import annotations

from ._extras import missing_extra

try:
    import aws_lambda_powertools  # noqa: F401
    import botocore  # noqa: F401
except ModuleNotFoundError as error:
    raise missing_extra("powertools", error) from error

import logging
import time
from collections.abc import Callable, Iterator
from functools import wraps
from typing import Any, Protocol, TypeVar, cast

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit

from .core.errors import NoMoreRetryError, TaskAlreadySucceedError, TaskIsNotReadyToStartError, TaskPausedError
from .core.execution import ExecutionContext
from .core.history import told
from .core.signals import whole
from .core.trace import tell
from .dynamodb import BaseTask

TaskT = TypeVar("TaskT", bound=BaseTask)
ReporterT = TypeVar("ReporterT", Logger, Metrics)


class LambdaContext(Protocol):
    """The part of a Lambda context that is asked."""

    def get_remaining_time_in_millis(self) -> int: ...


class Pausable(Protocol):
    """A `Pipeline`, as far as its pauses go."""

    def check_not_paused(self, step: str, task_id: str | None = None) -> None: ...


@whole
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
    pipeline: Pausable | None = None,
) -> Iterator[ExecutionContext[TaskT]]:
    """`task_class.start(task_id)` in a Lambda function.

    The lease is the time that the function has left, so that a killed function's task can be taken over as soon as
    the function could not be running any more.

    Every log line in the block carries use_case, step, task_id, attempt, fence and run. The start, its refusal and the
    end have a line each. An attempt without the last was killed.

    Metrics, with `step` as their dimension and never the task id:

    - ``TaskSucceeded``, ``TaskFailed`` or ``TaskIgnored`` (count), the status stored at the end, with ``TaskDuration``
      (milliseconds). None where the end could not be stored;
    - ``TaskPostponed``: the attempt was postponed, and does not count; with ``TaskDuration``;
    - ``TaskCancelled``: the worker has found that its task was cancelled;
    - ``TaskRetried``: the attempt is not the task's first;
    - ``LeaseTakenOver``: the start found a vanished attempt, and took its task over, or gave it up (``TaskIgnored``);
    - ``TaskRefused``: the start was refused; also ``RefusedSucceeded`` or ``RefusedIgnored`` where the task had ended
      so before, and what started it did so in vain;
    - ``TaskPaused``: nothing was begun, because the step is paused.

    A killed function sends none of its metrics; its end shows in the ``LeaseTakenOver`` of the next one. What `metrics`
    and `logger` raise is logged, and changes nothing of the attempt.

    Args:
        context: the Lambda context.
        step: the name of the step, for metrics and log.
        create, data: make the task if there is none, with that data; as for `BaseTask.start`.
        pipeline: is asked first whether `step` is paused; the answer is some seconds old at most.

    Raises:
        TaskPausedError: the step, or the whole pipeline, is paused.
        What `BaseTask.start` raises, and what the block raises, untouched.
    """
    metrics, logger = unfailing(metrics), unfailing(logger)
    metrics.add_dimension(name="step", value=step)
    forget_task(logger)
    logger.append_keys(use_case=task_class.config.use_case_id, step=step, task_id=task_id)
    report = _Report(metrics, logger)
    entered: ExecutionContext[TaskT] | None = None
    try:
        if pipeline is not None:
            pipeline.check_not_paused(step, task_id)
        lease = max(context.get_remaining_time_in_millis(), 1) / 1000
        with task_class.start(task_id, create=create, data=data, lock_expire_seconds=lease) as entered:
            report.started(entered)
            yield entered
    except BaseException as error:
        if entered is not None:
            report.ended(entered, error)
        elif isinstance(error, TaskPausedError):
            report.paused(error)
        elif isinstance(error, TaskIsNotReadyToStartError):
            report.refused(error)
        raise
    else:
        report.ended(entered, None)


class _Report:
    """Reports one start, as metrics and log lines."""

    def __init__(self, metrics: Metrics, logger: Logger) -> None:
        self._metrics = metrics
        self._logger = logger
        self._began = time.monotonic()

    def started(self, entered: ExecutionContext[TaskT]) -> None:
        task = entered.task
        self._logger.append_keys(attempt=task.retry + 1, fence=entered.fence, run=task.run or 0)
        vanished = {}
        if task.retry > 0:
            self._count("TaskRetried")
        if entered.taken_over is not None:
            self._count("LeaseTakenOver")
            vanished["vanished"] = entered.taken_over["error"]
        self._logger.info("Attempt started", extra=vanished)

    def refused(self, error: TaskIsNotReadyToStartError) -> None:
        if isinstance(error, NoMoreRetryError) and error.given_up_now:
            self._count("LeaseTakenOver")
            self._count("TaskIgnored")
            told = {
                "outcome": "TaskIgnored",
                "error_class": "LeaseExpired",
                "error": str(error),
                "vanished": str(error),
            }
            self._logger.warning("Task given up: its last attempt vanished", extra=told)
            return
        self._count("TaskRefused")
        if isinstance(error, TaskAlreadySucceedError):
            self._count("RefusedSucceeded")
        elif isinstance(error, NoMoreRetryError):
            self._count("RefusedIgnored")
        self._logger.info("Start refused", extra={"refusal": type(error).__name__, "reason": str(error)})

    def paused(self, error: TaskPausedError) -> None:
        self._count("TaskPaused")
        self._logger.info("Not begun: paused", extra={"reason": str(error)})

    def ended(self, entered: ExecutionContext[TaskT], error: BaseException | None) -> None:
        """`error` is what left the block, or the error at its end; None for a success."""
        milliseconds = (time.monotonic() - self._began) * 1000
        task = entered.task
        outcome = "TaskPostponed" if entered.postponed_until else _outcome(task)
        if entered.cancelled is not None:
            self._count("TaskCancelled")
        told: dict[str, Any] = {"outcome": outcome or "NotStored", "milliseconds": round(milliseconds, 1)}
        if error is not None:
            told["error_class"] = type(error).__name__
        if outcome is None:
            self._logger.warning("Attempt ended, and nothing of it was stored", extra=told)
            return
        self._count(outcome)
        self._metrics.add_metric("TaskDuration", MetricUnit.Milliseconds, milliseconds)
        if outcome == "TaskSucceeded":
            self._logger.info("Attempt ended", extra=told)
        elif outcome == "TaskPostponed":
            self._logger.warning("Attempt postponed", extra={**told, "error": task.errors["postponed"]["error"]})
        else:
            self._logger.warning("Attempt ended", extra={**told, "error": task.errors["history"][-1]["error"]})

    def _count(self, name: str) -> None:
        self._metrics.add_metric(name, MetricUnit.Count, 1)


_LOGS = frozenset({"debug", "info", "warning", "error", "exception", "critical"})
_CALLER = 3
"""Powertools' own 2, and one more: the line of a log is that of whoever calls the wrapper."""


class _Unfailing:
    """Calls what it wraps; what that raises is logged."""

    def __init__(self, wrapped: object) -> None:
        self._wrapped = wrapped

    def __getattr__(self, name: str) -> Callable[..., object]:
        method: Callable[..., object] = getattr(self._wrapped, name)

        @wraps(method)
        def call(*args: Any, **kwargs: Any) -> object:
            if name in _LOGS:
                kwargs.setdefault("stacklevel", _CALLER)
            try:
                return method(*args, **kwargs)
            except Exception as broken:  # noqa: BLE001  # an application's own handlers may raise anything
                tell(
                    logging.WARNING, f"{type(self._wrapped).__name__}.{name}{args[:1]} was not reported: {told(broken)}"
                )
                return None

        return call


def unfailing(reporter: ReporterT) -> ReporterT:
    """The same logger or metrics, whose calls never raise: reporting on a task never changes what becomes of it."""
    return reporter if isinstance(reporter, _Unfailing) else cast("ReporterT", _Unfailing(reporter))


def forget_task(logger: Logger) -> None:
    """Remove the previous task's keys from the log lines."""
    logger.remove_keys(["use_case", "step", "task_id", "attempt", "fence", "run"])


def _outcome(task: BaseTask) -> str | None:
    """The metric of a status that an attempt ends with; None if the end was not stored."""
    config = task.config
    return {
        config.succeeded_status: "TaskSucceeded",
        config.failed_status: "TaskFailed",
        config.exhausted_status: "TaskIgnored",
        config.ignored_status: "TaskIgnored",
    }.get(task.status)
