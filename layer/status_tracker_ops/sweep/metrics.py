"""Reports what a sweep did, as metrics and in the log."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_lambda_powertools.metrics import EphemeralMetrics, MetricUnit

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from aws_lambda_powertools import Logger

    from status_tracker.operations.counts import CountsBehindError, Recount
    from status_tracker.operations.pausing import Pause
    from status_tracker.operations.swept import Noted, Swept
    from status_tracker_ops.intake.reconcile import Reconciled
    from status_tracker_ops.sweep.counting import StepCount

_INTAKE = "Intake"
_COUNTS = "Counts"


class SweepReporter:
    """Reports to the log and to CloudWatch's metrics.

    Each figure has the step as its dimension; counts of tasks have their status too. An unknown figure is not
    published. `SweepErrors` is 0 where nothing went wrong, and missing where the stage failed as a whole.

    A line about a task has that task's keys, so that a search for the task finds what the sweep did to it.
    """

    def __init__(self, logger: Logger, use_case_id: str) -> None:
        self._logger = logger
        self._use_case_id = use_case_id

    def _keys(self, step: str, noted: Noted) -> dict[str, str]:
        return {"use_case": self._use_case_id, "step": step, "task_id": noted.task_id, "why": noted.why}

    def swept(self, step: str, swept: Swept) -> None:
        for each in swept.restarted:
            self._logger.info("Task restarted", extra=self._keys(step, each))
        for each in swept.left_alone:
            self._logger.info("Task left alone", extra=self._keys(step, each))
        figures = {
            "examined": swept.examined,
            "restarted": len(swept.restarted),
            "running": swept.running,
            "stuck": swept.stuck,
            "left_alone": len(swept.left_alone),
            "failed": len(swept.failed),
            "complete": swept.complete,
        }
        self._logger.info("Step swept", extra={"step": step, **figures})
        self._failures("Task not restarted", step, swept.failed)
        errors = len(swept.failed) + (swept.error is not None)
        _publish(step, {"Restarted": len(swept.restarted), "SweepErrors": errors})

    def paused(self, step: str, pause: Pause) -> None:
        told = {"reason": pause.reason, "by": pause.by, "since": pause.since.isoformat()}
        self._logger.info("Step not swept: paused", extra={"step": step, **told})
        _publish(step, {"Restarted": 0, "SweepErrors": 0})

    def paused_for(self, step: str, seconds: float) -> None:
        _publish(step, {"PausedSeconds": seconds}, MetricUnit.Seconds)

    def counted(self, step: str, counted: StepCount, oldest_seconds: float, finished: int | None) -> None:
        for status, count in counted.tasks.items():
            self.total(step, status, count)
        # The zero is for the alarm on no progress: an idle step sends nothing itself.
        figures = {"Unfinished": counted.unfinished, "Stuck": counted.stuck, "TaskSucceeded": 0}
        _publish(step, figures if finished is None else {**figures, "FinishedSinceLastSweep": finished})
        _publish(step, {"OldestUnfinished": oldest_seconds}, MetricUnit.Seconds)

    def not_counted(self) -> None:
        self._logger.warning("Not all was counted, for want of time: raise the function's timeout")

    def total(self, step: str, status: str, count: int) -> None:
        _publish(step, {"Tasks": count}, status=status)

    def checked(self, found: Recount | None) -> None:
        """What a comparison of the counts that are kept with the tasks has found, if there was one."""
        if found is None:
            return
        if found.drift:
            figures = {"differences": found.differences, "changes_meanwhile": found.changes_meanwhile}
            self._logger.error("The counts are wrong: recount them", extra={"step": _COUNTS, **figures})
        _publish(_COUNTS, {"CountDrift": found.drift})

    def behind(self, error: CountsBehindError) -> None:
        self._logger.warning("The kept counts were not compared: %s", error, extra={"step": _COUNTS})

    def unread_for(self, seconds: float) -> None:
        _publish(_COUNTS, {"CountsBehind": seconds}, MetricUnit.Seconds)

    def reconciled(self, reconciled: Reconciled) -> None:
        for each in reconciled.registered:
            self._logger.warning("Object registered", extra=self._keys(_INTAKE, each))
        figures = {
            "listed": reconciled.listed,
            "registered": len(reconciled.registered),
            "failed": len(reconciled.failed),
            "not_started": len(reconciled.undispatched),
            "complete": reconciled.complete,
        }
        self._logger.info("Bucket compared", extra={"step": _INTAKE, **figures})
        self._failures("Object not registered", _INTAKE, reconciled.failed)
        self._failures("Task not started", _INTAKE, reconciled.undispatched)
        errors = len(reconciled.failed) + len(reconciled.undispatched) + (reconciled.error is not None)
        _publish(_INTAKE, {"Registered": len(reconciled.registered), "SweepErrors": errors})

    def failed(self, stage: str, error: Exception) -> None:
        self._logger.error("%s failed", stage, exc_info=error)

    def _failures(self, message: str, step: str, failed: Sequence[Noted]) -> None:
        for each in failed:
            self._logger.error(message, extra=self._keys(step, each))


def _publish(
    step: str, figures: Mapping[str, float], unit: MetricUnit = MetricUnit.Count, status: str | None = None
) -> None:
    metrics = EphemeralMetrics()
    metrics.add_dimension("step", step)
    if status is not None:
        metrics.add_dimension("status", status)
    for name, value in figures.items():
        metrics.add_metric(name, unit, value)
    metrics.flush_metrics()
