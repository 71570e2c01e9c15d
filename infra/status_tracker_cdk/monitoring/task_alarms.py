"""The alarms about the tasks of each step: whether they go on, how old they are, and how they end."""

from __future__ import annotations

import math

from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch
from constructs import Construct

from status_tracker_cdk.monitoring.alarm_list import AlarmList
from status_tracker_cdk.monitoring.metrics import WIDGET, Watched
from status_tracker_cdk.monitoring.windows import EVENT, Window
from status_tracker_cdk.naming import dashboard_address

_SUM, _MINIMUM = cloudwatch.Stats.SUM, cloudwatch.Stats.MINIMUM
_UNKNOWN = cloudwatch.TreatMissingData.MISSING
_QUARTER = Duration.minutes(15)


class TaskAlarms:
    """Adds the alarms about the tasks of `watched` to `alarms`."""

    def __init__(self, scope: Construct, *, watched: Watched, alarms: AlarmList) -> None:
        self._scope, self._watched, self._alarms = scope, watched, alarms
        if watched.sweep is not None:
            for step in watched.steps:
                self._add_progress(step)
                self._add_pause(step)
        self._add_outcomes()

    def _add_progress(self, step: str) -> None:
        swept, props = self._watched.swept, self._watched.alarms
        self._alarms.add(
            f"NoProgress{step}",
            cloudwatch.MathExpression(
                expression="IF(unfinished > 0 AND finished == 0 AND succeeded == 0, 1, 0)",
                using_metrics={
                    "unfinished": swept("Unfinished", step, _MINIMUM),
                    "finished": swept("FinishedSinceLastSweep", step, _SUM),
                    # What the next step takes at once is not there for the sweep to count.
                    "succeeded": swept("TaskSucceeded", step, _SUM),
                },
                label=f"{step} has work and finishes none",
                period=self._watched.sweep_period,
            ),
            f"{step} has unfinished tasks, and none ended in {props.alarm_no_progress_minutes} minutes. Look at the "
            f"executions, throttles and function errors of that time.{self._listed(step, 'pending')}",
            "No progress while there is work",
            window=self._all_of(props.alarm_no_progress_minutes),
            missing=_UNKNOWN,
        )
        self._alarms.add(
            f"OldestUnfinished{step}",
            swept("OldestUnfinished", step),
            f"A task in {step} has been without an end for over "
            f"{props.alarm_oldest_unfinished_minutes} minutes. List the oldest, and see what it fails or waits for."
            f"{self._listed(step, 'pending')}",
            "The oldest unfinished task is too old",
            over=props.alarm_oldest_unfinished_minutes * 60,
            missing=_UNKNOWN,
        )
        self._alarms.add(
            f"Stuck{step}",
            swept("Stuck", step, _MINIMUM),
            f"For {props.alarm_stuck_minutes} minutes there were tasks in {step} whose worker has vanished and that "
            "nothing took over. See whether their executions run and the sweep restarts any."
            f"{self._listed(step, 'in progress')}",
            "Tasks are stuck",
            window=self._all_of(props.alarm_stuck_minutes),
            missing=_UNKNOWN,
        )

    def _add_pause(self, step: str) -> None:
        minutes = self._watched.alarms.alarm_paused_minutes
        self._alarms.add(
            f"Paused{step}",
            self._watched.swept("PausedSeconds", step),
            f"{step} has been paused for over {minutes} minutes, and nothing is begun there. The sweep's log says by "
            "whom and why: resume it, if that was forgotten.",
            "A pause is forgotten",
            over=minutes * 60,
        )

    def _add_outcomes(self) -> None:
        watched, props = self._watched, self._watched.alarms
        for step in watched.steps:
            if step in watched.workers:
                continue  # it has an alarm of its own
            self._alarms.add(
                f"Ignored{step}",
                watched.task("TaskIgnored", step),
                f"{step} has set tasks aside. List them with their errors, mend what they are about or the code, and "
                f"run them again.{self._listed(step, 'ignored')}",
                "Tasks were ignored",
                over=props.alarm_ignored_tasks,
                window=EVENT,
            )
        # Only in the last step does a success say that the whole task was done: a run that is restarted in a later
        # step passes the earlier ones by in the same way.
        if watched.steps[-1] not in watched.workers:  # a message may be delivered twice
            self._add_duplicate_runs("DuplicateRuns", "RefusedSucceeded", watched.steps[-1], "done")
        for step in watched.steps:
            self._add_duplicate_runs(f"DuplicateRunsIgnored{step}", "RefusedIgnored", step, f"ignored in {step}")

    def _add_duplicate_runs(self, name: str, metric: str, step: str, ended: str) -> None:
        most = self._watched.alarms.alarm_duplicate_runs
        self._alarms.add(
            name,
            self._watched.task(metric, step, period=_QUARTER),
            f"More than {most} executions in 15 minutes found their task {ended} already. The tracker did no work "
            "twice; find what starts them.",
            "Duplicate runs",
            over=most,
        )

    def _listed(self, step: str, status: str) -> str:
        """Where these tasks are listed; a dashboard's address cannot say which view of a widget to open."""
        if WIDGET not in self._watched.attended_functions:
            return ""
        return f" Tasks: {dashboard_address(self._scope, self._watched.name)} (widget Tasks, {step}: {status})."

    def _all_of(self, minutes: int) -> Window:
        """As many periods of the sweep as it takes to cover `minutes`, all of them breaching."""
        periods = math.ceil(minutes / self._watched.sweep_period.to_minutes())
        return Window(periods, periods)
