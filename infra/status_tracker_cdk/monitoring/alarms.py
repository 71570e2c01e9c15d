"""All alarms, each with instructions; those about what the tasks run on."""

from __future__ import annotations

from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sqs as sqs
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from status_tracker_cdk.events import TaskEvents
from status_tracker_cdk.monitoring.alarm_list import AlarmList
from status_tracker_cdk.monitoring.metrics import COUNTS_STEP, EVENTS_STEP, INTAKE_STEP, MINUTE, Watched
from status_tracker_cdk.monitoring.task_alarms import TaskAlarms
from status_tracker_cdk.monitoring.windows import EVENT, LASTING, TWICE
from status_tracker_cdk.worker_alarms import WorkerAlarms

_SUM, _MAXIMUM = cloudwatch.Stats.SUM, cloudwatch.Stats.MAXIMUM
# The sweep compares now and then only.
_AS_IT_WAS = cloudwatch.TreatMissingData.IGNORE


class Alarms(Construct):
    """The alarms about `watched`, all of which go to `topic`.

    Attributes:
        alarms: the alarms, in the order in which a dashboard shows them.
    """

    def __init__(self, scope: Construct, construct_id: str, *, watched: Watched, topic: sns.ITopic) -> None:
        super().__init__(scope, construct_id)
        self._watched = watched
        self._alarms = AlarmList(self, watched=watched, topic=topic)
        TaskAlarms(self, watched=watched, alarms=self._alarms)
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
            self._alarms.made += WorkerAlarms(
                worker,
                topic=topic,
                prefix=f"{watched.name}-{step}",
                ignored_tasks=watched.alarms.alarm_ignored_tasks,
            ).alarms
        self.alarms = self._alarms.made

    def _add_executions(self, machine: sfn.IStateMachine) -> None:
        self._alarms.add(
            "ExecutionsFailed",
            machine.metric_failed(period=MINUTE, statistic=_SUM),
            "Executions ended in Failed: the retries ran out before the tracker gave the tasks up. Their error and "
            "cause say on what; the sweep restarts their tasks.",
            "Executions failed or timed out",
            window=EVENT,
        )
        self._alarms.add(
            "ExecutionsTimedOut",
            machine.metric_timed_out(period=MINUTE, statistic=_SUM),
            "Executions ran for a day without an end. See in their history which state waits for what; the sweep "
            "restarts their tasks.",
            "Executions failed or timed out",
            window=EVENT,
        )
        self._alarms.add(
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
            self._alarms.add(
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
            self._alarms.add(
                name,
                queue.metric_approximate_number_of_messages_visible(period=MINUTE, statistic=_MAXIMUM),
                "Messages could not be handled. The log says why of each; mend the cause, then move them back.",
                "Messages in a dead letter queue",
            )

    def _add_oldest_upload(self, queue: sqs.IQueue) -> None:
        props = self._watched.alarms
        self._alarms.add(
            "OldestMessage",
            queue.metric_approximate_age_of_oldest_message(period=MINUTE, statistic=_MAXIMUM),
            f"Uploads have waited for intake for over {props.alarm_queue_age_minutes} minutes. See whether the "
            "intake function runs, fails or is throttled, and whether its event source is enabled.",
            "Messages wait too long",
            over=props.alarm_queue_age_minutes * 60,
        )

    def _add_events(self, events: TaskEvents) -> None:
        minutes = self._watched.alarms.alarm_events_age_minutes
        self._alarms.add(
            "EventsDeadLetters",
            events.dead_letter_queue.metric_approximate_number_of_messages_visible(period=MINUTE, statistic=_MAXIMUM),
            "Changes of tasks were not told or not counted. Each message says which and why: mend the cause, look at "
            "the tasks, and recount.",
            "Changes were not told",
        )
        self._alarms.add(
            "EventsLate",
            self._watched.iterator_age(events),
            f"Changes of tasks wait for over {minutes} minutes to be told and counted. See whether the function "
            f"{EVENTS_STEP} fails, is throttled, or has too small batches.",
            "Events are late",
            over=minutes * 60_000,
        )
        if events.counts and self._watched.sweep is not None:
            self._alarms.add(
                "CountDrift",
                self._watched.swept("CountDrift", COUNTS_STEP),
                "The counts that are kept are not those of the tasks. What shows counts counts the tasks itself until "
                "somebody recounts: status-tracker recount.",
                "Counts have drifted",
                missing=_AS_IT_WAS,
            )
            self._alarms.add(
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
                self._alarms.add(
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
            self._alarms.add(
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
        self._alarms.add(
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
            self._alarms.add(
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
            self._alarms.add(
                f"{name}Errors",
                function.metric_errors(period=Duration.minutes(often), statistic=_SUM),
                f"The function {name} fails again and again: it crashes, runs out of time or memory, or cannot be "
                "loaded. Read its log.",
                "A function fails",
                window=TWICE,
            )
