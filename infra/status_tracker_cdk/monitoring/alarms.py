"""The alarms, each with instructions."""

from __future__ import annotations

import math

from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_cloudwatch_actions as actions
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sqs as sqs
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from status_tracker_cdk.events import TaskEvents
from status_tracker_cdk.monitoring.metrics import COUNTS_STEP, EVENTS_STEP, INTAKE_STEP, MINUTE, WIDGET, Watched
from status_tracker_cdk.monitoring.windows import AT_ONCE, EVENT, LASTING, TWICE, Window
from status_tracker_cdk.naming import dashboard_address
from status_tracker_cdk.worker_alarms import WorkerAlarms

_SUM, _MAXIMUM, _MINIMUM = cloudwatch.Stats.SUM, cloudwatch.Stats.MAXIMUM, cloudwatch.Stats.MINIMUM
_NOT_BREACHING = cloudwatch.TreatMissingData.NOT_BREACHING
# The sweep compares now and then only.
_AS_IT_WAS = cloudwatch.TreatMissingData.IGNORE
_UNKNOWN = cloudwatch.TreatMissingData.MISSING
_QUARTER = Duration.minutes(15)


class Alarms(Construct):
    """The alarms about `watched`, all of which go to `topic`.

    Attributes:
        alarms: the alarms, in the order in which a dashboard shows them.
    """

    def __init__(self, scope: Construct, construct_id: str, *, watched: Watched, topic: sns.ITopic) -> None:
        super().__init__(scope, construct_id)
        self.alarms: list[cloudwatch.IAlarm] = []
        self._watched = watched
        self._props = watched.alarms
        self._action = actions.SnsAction(topic)
        if watched.sweep is not None:
            for step in watched.steps:
                self._add_progress(step)
                self._add_pause(step)
        self._add_outcomes()
        if watched.state_machine is not None:
            self._add_executions(watched.state_machine)
        self._add_bulk_machines()
        self._add_dead_letters()
        if watched.intake is not None:
            self._add_oldest_upload(watched.intake.queue)
        if watched.events is not None:
            self._add_events(watched.events)
        self._add_throttles()
        if watched.sweep is not None:
            self._add_sweep()
        self._add_functions()
        for step, worker in watched.workers.items():
            self.alarms += WorkerAlarms(
                worker,
                topic=topic,
                prefix=f"{watched.name}-{step}",
                ignored_tasks=watched.alarms.alarm_ignored_tasks,
            ).alarms

    def _add_progress(self, step: str) -> None:
        swept, props = self._watched.swept, self._props
        self._alarm(
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
        self._alarm(
            f"OldestUnfinished{step}",
            swept("OldestUnfinished", step),
            f"A task in {step} has been without an end for over "
            f"{props.alarm_oldest_unfinished_minutes} minutes. List the oldest, and see what it fails or waits for."
            f"{self._listed(step, 'pending')}",
            "The oldest unfinished task is too old",
            over=props.alarm_oldest_unfinished_minutes * 60,
            missing=_UNKNOWN,
        )
        self._alarm(
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
        minutes = self._props.alarm_paused_minutes
        self._alarm(
            f"Paused{step}",
            self._watched.swept("PausedSeconds", step),
            f"{step} has been paused for over {minutes} minutes, and nothing is begun there. The sweep's log says by "
            "whom and why: resume it, if that was forgotten.",
            "A pause is forgotten",
            over=minutes * 60,
        )

    def _add_outcomes(self) -> None:
        watched, props = self._watched, self._props
        for step in watched.steps:
            if step in watched.workers:
                continue  # it has an alarm of its own
            self._alarm(
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
        most = self._props.alarm_duplicate_runs
        self._alarm(
            name,
            self._watched.task(metric, step, period=_QUARTER),
            f"More than {most} executions in 15 minutes found their task {ended} already. The tracker did no work "
            "twice; find what starts them.",
            "Duplicate runs",
            over=most,
        )

    def _add_executions(self, machine: sfn.IStateMachine) -> None:
        self._alarm(
            "ExecutionsFailed",
            machine.metric_failed(period=MINUTE, statistic=_SUM),
            "Executions ended in Failed: the retries ran out before the tracker gave the tasks up. Their error and "
            "cause say on what; the sweep restarts their tasks.",
            "Executions failed or timed out",
            window=EVENT,
        )
        self._alarm(
            "ExecutionsTimedOut",
            machine.metric_timed_out(period=MINUTE, statistic=_SUM),
            "Executions ran for a day without an end. See in their history which state waits for what; the sweep "
            "restarts their tasks.",
            "Executions failed or timed out",
            window=EVENT,
        )
        self._alarm(
            "ExecutionsAborted",
            machine.metric_aborted(period=MINUTE, statistic=_SUM),
            "Executions were stopped, as those of cancelled and deleted tasks are. The tasks of others are restarted "
            "by the sweep: cancel those that are not wanted.",
            "Executions were aborted",
            window=EVENT,
        )

    def _add_bulk_machines(self) -> None:
        for name, bulk_machine in self._watched.bulk_machines.items():
            ends = {
                "failed": bulk_machine.state_machine.metric_failed(period=MINUTE, statistic=_SUM),
                "timed_out": bulk_machine.state_machine.metric_timed_out(period=MINUTE, statistic=_SUM),
                "aborted": bulk_machine.state_machine.metric_aborted(period=MINUTE, statistic=_SUM),
            }
            self._alarm(
                f"{name}Failed",
                # SUM of a list adds what there is.
                cloudwatch.MathExpression(
                    expression=f"SUM([{', '.join(ends)}])", using_metrics=ends, label=f"{name} failed", period=MINUTE
                ),
                f"An execution of {name} ended in Failed or Refused, timed out or was stopped. What it did not come to "
                "is untouched: read its cause and its report, mend that, and start it again.",
                "A backfill or bulk action failed",
                window=EVENT,
            )

    def _add_dead_letters(self) -> None:
        for name, queue in self._watched.dead_letter_queues.items():
            # Visible messages, since "sent" does not count those that a queue moves there itself.
            self._alarm(
                name,
                queue.metric_approximate_number_of_messages_visible(period=MINUTE, statistic=_MAXIMUM),
                "Messages could not be handled. The log says why of each; mend the cause, then move them back.",
                "Messages in a dead letter queue",
            )

    def _add_oldest_upload(self, queue: sqs.IQueue) -> None:
        props = self._props
        self._alarm(
            "OldestMessage",
            queue.metric_approximate_age_of_oldest_message(period=MINUTE, statistic=_MAXIMUM),
            f"Uploads have waited for intake for over {props.alarm_queue_age_minutes} minutes. See whether the "
            "intake function runs, fails or is throttled, and whether its event source is enabled.",
            "Messages wait too long",
            over=props.alarm_queue_age_minutes * 60,
        )

    def _add_events(self, events: TaskEvents) -> None:
        minutes = self._props.alarm_events_age_minutes
        self._alarm(
            "EventsDeadLetters",
            events.dead_letter_queue.metric_approximate_number_of_messages_visible(period=MINUTE, statistic=_MAXIMUM),
            "Changes of tasks were not told or not counted. Each message says which and why: mend the cause, look at "
            "the tasks, and recount.",
            "Changes were not told",
        )
        self._alarm(
            "EventsLate",
            self._watched.iterator_age(events),
            f"Changes of tasks wait for over {minutes} minutes to be told and counted. See whether the function "
            f"{EVENTS_STEP} fails, is throttled, or has too small batches.",
            "Events are late",
            over=minutes * 60_000,
        )
        if events.counts and self._watched.sweep is not None:
            self._alarm(
                "CountDrift",
                self._watched.swept("CountDrift", COUNTS_STEP),
                "The counts that are kept are not those of the tasks. What shows counts counts the tasks itself until "
                "somebody recounts: status-tracker recount.",
                "Counts have drifted",
                missing=_AS_IT_WAS,
            )
            self._alarm(
                "CountsBehind",
                self._watched.swept("CountsBehind", COUNTS_STEP),
                f"For over {minutes} minutes nothing has read the table's stream: no change is told or counted. See "
                f"whether the function {EVENTS_STEP} is there, and its event source mapping enabled.",
                "Nothing keeps the counts",
                over=minutes * 60,
            )

    def _add_throttles(self) -> None:
        watched = self._watched
        for name, described, metric_of in (
            ("Table", "the task table", watched.of_table),
            ("Index", "the task table's index", watched.of_index),
        ):
            for requests in ("Read", "Write"):
                self._alarm(
                    f"{name}{requests}sThrottled",
                    metric_of(f"{requests}ThrottleEvents"),
                    f"DynamoDB throttles {requests.lower()}s of {described}. They are tried again, and slow everything "
                    "down: see whether one status has too few shards.",
                    "The table is throttled",
                    window=LASTING,
                )
        for name, function in watched.functions.items():
            if name in watched.workers:
                continue  # it has an alarm of its own
            self._alarm(
                f"{name}Throttled",
                function.metric_throttles(period=MINUTE, statistic=_SUM),
                f"Lambda throttles the function {name}. Its work waits and nothing is lost: see whether the account's "
                "concurrency is used up, and by what.",
                "Functions are throttled",
                window=LASTING,
            )

    def _add_sweep(self) -> None:
        watched, interval = self._watched, self._watched.sweep_interval_minutes
        period = Duration.minutes(3 * interval)
        # FILL, and missing data breaching: CloudWatch would else take an older period for one that has no data, and
        # where there never was any, FILL has nothing to fill.
        self._alarm(
            "SweepNotRunning",
            cloudwatch.MathExpression(
                expression="FILL(sweeps, 0)",
                using_metrics={
                    "sweeps": watched.task(
                        "Unfinished", watched.steps[0], statistic=cloudwatch.Stats.SAMPLE_COUNT, period=period
                    )
                },
                label="sweeps",
                period=period,
            ),
            f"No sweep has reported for {3 * interval} minutes: stuck tasks are not restarted, and the alarms about "
            "progress, age and stuck tasks know nothing. Look at the sweep's schedule, function and log.",
            "The sweep does not run",
            under=1,
            missing=cloudwatch.TreatMissingData.BREACHING,
        )
        for step in (*watched.steps, *([] if watched.intake is None else [INTAKE_STEP])):
            self._alarm(
                f"CannotSweep{step}",
                watched.swept("SweepErrors", step, _SUM),
                f"In {step} the sweep could not restart tasks or register objects, again and again. Its log says why "
                "of each.",
                "The sweep cannot put something right",
                window=TWICE,
            )

    def _add_functions(self) -> None:
        watched, interval = self._watched, self._watched.sweep_interval_minutes
        for name, function in watched.helpers.items():
            often = 5 if name == INTAKE_STEP else max(5, interval)
            self._alarm(
                f"{name}Errors",
                function.metric_errors(period=Duration.minutes(often), statistic=_SUM),
                f"The function {name} fails again and again: it crashes, runs out of time or memory, or cannot be "
                "loaded. Read its log.",
                "A function fails",
                window=TWICE,
            )

    def _listed(self, step: str, status: str) -> str:
        """Where these tasks are listed; a dashboard's address cannot say which view of a widget to open."""
        if WIDGET not in self._watched.attended_functions:
            return ""
        return f" Tasks: {dashboard_address(self, self._watched.name)} (widget Tasks, {step}: {status})."

    def _all_of(self, minutes: int) -> Window:
        """As many periods of the sweep as it takes to cover `minutes`, all of them breaching."""
        periods = math.ceil(minutes / self._watched.sweep_period.to_minutes())
        return Window(periods, periods)

    def _alarm(
        self,
        name: str,
        metric: cloudwatch.IMetric,
        what_to_do: str,
        section: str,
        *,
        over: float = 0,
        under: float | None = None,
        window: Window = AT_ONCE,
        missing: cloudwatch.TreatMissingData = _NOT_BREACHING,
    ) -> None:
        """Add an alarm for `metric` over (or under) the threshold in the `window`; `section` is the runbook's."""
        runbook = self._props.alarm_runbook
        operators = cloudwatch.ComparisonOperator
        alarm_name = f"{self._watched.name}-{name}"
        alarm = cloudwatch.Alarm(
            self,
            name,
            alarm_name=alarm_name,
            metric=metric,
            threshold=over if under is None else under,
            comparison_operator=operators.GREATER_THAN_THRESHOLD if under is None else operators.LESS_THAN_THRESHOLD,
            evaluation_periods=window.periods,
            datapoints_to_alarm=window.breaching,
            treat_missing_data=missing,
            alarm_description=what_to_do if runbook is None else f"{what_to_do} Runbook ({runbook}): '{section}'.",
        )
        alarm.add_alarm_action(self._action)
        # By its name and not by the resource: so a dashboard waits for no alarm to be made.
        self.alarms.append(cloudwatch.Alarm.from_alarm_name(self, f"{name}ByName", alarm_name))
