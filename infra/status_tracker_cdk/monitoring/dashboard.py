"""The dashboard, in the order in which an operator asks: alarms, tasks, work, flow, functions, use."""

from __future__ import annotations

from collections.abc import Sequence

from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_sqs as sqs
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from status_tracker_cdk.monitoring.graphs import executions, graph, requests_to, workflow_throttles
from status_tracker_cdk.monitoring.metrics import INTAKE_STEP, MINUTE, Watched

_SUM, _MAXIMUM = cloudwatch.Stats.SUM, cloudwatch.Stats.MAXIMUM
_HOW_TO_READ = """\
**How to read this.** Red alarms first: each says what to do{runbook}. Then down \
the page: **tasks**, how many there are by status and how old the oldest is, as the sweep counted them every \
{interval} minutes; **work**, what came in and what became of it; **flow**, where it waits; **functions** and **use**.

What has succeeded in a step is *pending* in the next: only the last step has *succeeded* ones. \
Tasks by status and *Attempts* need not agree: a failed attempt is tried again, its task is counted once. \
*Lease takeovers* are attempts whose function was killed; that a task is taken over is the cure, not the trouble. \
*Postponed* attempts met an outage and count for nothing; *paused* starts wait until somebody resumes the step. \
One task's story: Logs Insights, saved queries, `{folder}`, *Story of one task*.
"""


class TaskDashboard(Construct):
    """The dashboard, named after what is watched.

    Args:
        alarms: shown with their states at the top.
        extra_widgets: shown above all graphs.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        watched: Watched,
        alarms: Sequence[cloudwatch.IAlarm],
        extra_widgets: Sequence[cloudwatch.IWidget],
    ) -> None:
        super().__init__(scope, construct_id)
        self._watched = watched
        runbook = watched.alarms.alarm_runbook
        how_to_read = _HOW_TO_READ.format(
            interval=watched.sweep_interval_minutes,
            folder=watched.name,
            runbook="" if runbook is None else f", and names its section of `{runbook}`",
        )
        cloudwatch.Dashboard(
            self,
            "Dashboard",
            dashboard_name=watched.name,
            default_interval=Duration.hours(3),
            widgets=[
                [cloudwatch.TextWidget(markdown=how_to_read, width=24, height=4)],
                list(extra_widgets),
                [cloudwatch.AlarmStatusWidget(title="Alarms", alarms=list(alarms), width=24, height=4)],
                *([] if watched.sweep is None else [self._tasks_by_status(), self._unfinished()]),
                self._work(),
                self._attempts(),
                self._flow(),
                self._throttles(),
                self._functions(),
                self._use(),
            ],
        )

    def _tasks_by_status(self) -> list[cloudwatch.IWidget]:
        watched = self._watched
        return [
            graph(
                f"Tasks in {step}, by status",
                [watched.swept("Tasks", step, status=status).with_(label=status) for status in watched.statuses(step)],
                width=24 // len(watched.steps),
                stacked=True,
            )
            for step in watched.steps
        ]

    def _unfinished(self) -> list[cloudwatch.IWidget]:
        return [
            graph(
                "Unfinished, and finished since the sweep before",
                [*self._swept("Unfinished"), *self._swept("FinishedSinceLastSweep")],
                width=6,
            ),
            graph(
                "Oldest unfinished (seconds)",
                self._swept("OldestUnfinished"),
                limit=self._watched.alarms.alarm_oldest_unfinished_minutes * 60,
                width=6,
            ),
            graph("Stuck", self._swept("Stuck"), width=6),
            graph(
                "Put right by the sweep",
                [
                    *self._swept("Restarted", _SUM),
                    *self._swept("SweepErrors", _SUM),
                    *self._registered(),
                ],
                width=6,
            ),
        ]

    def _registered(self) -> list[cloudwatch.Metric]:
        swept = self._watched.swept
        if self._watched.intake is None:
            return []
        return [
            swept("Registered", INTAKE_STEP, _SUM).with_(label="Registered"),
            swept("SweepErrors", INTAKE_STEP, _SUM).with_(label=f"{INTAKE_STEP} SweepErrors"),
        ]

    def _work(self) -> list[cloudwatch.IWidget]:
        watched, machine = self._watched, self._watched.state_machine
        came_in = ("TaskCreated", "DuplicateEvent", "BadMessage")
        taken_in = [watched.task(name, INTAKE_STEP).with_(label=name) for name in came_in]
        return [
            *([] if watched.intake is None else [graph("Came in", taken_in)]),
            graph("Throughput (tasks a minute)", self._counts("TaskSucceeded")),
            *([] if machine is None else [graph("Executions", executions(machine))]),
        ]

    def _attempts(self) -> list[cloudwatch.IWidget]:
        watched, paused = self._watched, self._paused()
        return [
            graph("Attempts, by outcome", self._counts("TaskSucceeded", "TaskFailed", "TaskIgnored"), width=6),
            graph("Retries and lease takeovers", self._counts("TaskRetried", "LeaseTakenOver"), width=6),
            graph("Refused starts", self._counts("TaskRefused", "RefusedSucceeded", "RefusedIgnored"), width=6),
            graph(
                "Postponed, paused and cancelled",
                self._counts("TaskPostponed", "TaskPaused", "TaskCancelled"),
                width=6,
            ),
            graph(
                "Attempt duration",
                [
                    watched.task("TaskDuration", step, statistic=statistic).with_(label=f"{step} {statistic}")
                    for step in watched.steps
                    for statistic in ("p50", "p95")
                ],
                width=12 if paused else 24,
            ),
            *paused,
        ]

    def _paused(self) -> list[cloudwatch.IWidget]:
        """For how long each step has been paused, as the sweep tells it; nothing where there is no sweep."""
        if self._watched.sweep is None:
            return []
        limit = self._watched.alarms.alarm_paused_minutes * 60
        return [graph("Paused for (seconds)", self._swept("PausedSeconds"), limit=limit, width=12)]

    def _flow(self) -> list[cloudwatch.IWidget]:
        watched = self._watched
        intake = [] if watched.intake is None else self._of_intake(watched.intake.queue)
        workers = [] if not watched.workers else self._of_workers()
        letters = [
            queue.metric_approximate_number_of_messages_visible(period=MINUTE, statistic=_MAXIMUM, label=name)
            for name, queue in watched.all_dead_letter_queues.items()
        ]
        age = [] if watched.events is None else [watched.iterator_age(watched.events)]
        late = [graph("Changes wait to be told (milliseconds)", age)] if age else []
        return [*intake, *workers, *late, *([graph("Dead letters", letters)] if letters else [])]

    def _of_intake(self, waiting: sqs.IQueue) -> list[cloudwatch.IWidget]:
        return [
            graph(
                "Oldest upload in the intake queue (seconds)",
                [waiting.metric_approximate_age_of_oldest_message(period=MINUTE, statistic=_MAXIMUM)],
                limit=self._watched.alarms.alarm_queue_age_minutes * 60,
            ),
            graph(
                "Intake queue",
                [
                    waiting.metric_approximate_number_of_messages_visible(period=MINUTE, statistic=_MAXIMUM),
                    waiting.metric_approximate_number_of_messages_not_visible(period=MINUTE, statistic=_MAXIMUM),
                ],
            ),
        ]

    def _of_workers(self) -> list[cloudwatch.IWidget]:
        queues = {name: worker.queue for name, worker in self._watched.workers.items()}
        return [
            graph(
                "Oldest message of a worker (seconds)",
                [
                    queue.metric_approximate_age_of_oldest_message(period=MINUTE, statistic=_MAXIMUM, label=name)
                    for name, queue in queues.items()
                ],
            ),
            graph(
                "Messages that wait for a worker",
                [
                    queue.metric_approximate_number_of_messages_visible(period=MINUTE, statistic=_MAXIMUM, label=name)
                    for name, queue in queues.items()
                ],
            ),
        ]

    def _throttles(self) -> list[cloudwatch.IWidget]:
        watched = self._watched
        return [
            graph(
                "DynamoDB throttles",
                self._of_dynamodb("ReadThrottleEvents", "WriteThrottleEvents"),
            ),
            graph(
                "Lambda throttles, and concurrency of the account",
                [
                    *(each.metric_throttles(period=MINUTE, label=name) for name, each in watched.all_functions.items()),
                    cloudwatch.Metric(
                        namespace="AWS/Lambda",
                        metric_name="ConcurrentExecutions",
                        statistic=_MAXIMUM,
                        period=MINUTE,
                        label="concurrent in the account",
                    ),
                ],
            ),
            *([] if watched.state_machine is None else [workflow_throttles(watched.state_machine)]),
        ]

    def _functions(self) -> list[cloudwatch.IWidget]:
        watched = self._watched
        functions = watched.all_functions
        return [
            graph("Lambda errors", [each.metric_errors(period=MINUTE, label=name) for name, each in functions.items()]),
            graph(
                "Cold starts",
                [watched.cold_starts(each, name) for name, each in watched.counting_cold_starts.items()],
            ),
            graph(
                "Lambda duration",
                [
                    each.metric_duration(period=MINUTE, statistic=statistic, label=f"{name} {statistic}")
                    for name, each in functions.items()
                    for statistic in ("p50", "p95")
                ],
            ),
        ]

    def _use(self) -> list[cloudwatch.IWidget]:
        """What is paid for, in units: prices differ by region and tier. docs/scale.md counts it in dollars."""
        watched = self._watched
        transitions = sfn.StateTransitionMetric.metric_consumed_capacity(period=MINUTE, statistic=_SUM)
        requests = requests_to(watched.queues)
        return [
            graph(
                "DynamoDB capacity units",
                self._of_dynamodb("ConsumedReadCapacityUnits", "ConsumedWriteCapacityUnits"),
                width=6,
            ),
            graph("Lambda GB-seconds", self._gigabyte_seconds(), width=6),
            *(
                []
                if watched.state_machine is None
                else [graph("State transitions (whole account)", [transitions], width=6)]
            ),
            *([graph("SQS requests (at most)", requests, width=6)] if requests else []),
        ]

    def _gigabyte_seconds(self) -> list[cloudwatch.IMetric]:
        return [
            cloudwatch.MathExpression(
                expression=f"{name.lower()} / 1000 * {self._watched.memory_mb(name)} / 1024",
                using_metrics={name.lower(): function.metric_duration(period=MINUTE, statistic=_SUM)},
                label=name,
                period=MINUTE,
            )
            for name, function in self._watched.all_functions.items()
        ]

    def _swept(self, name: str, statistic: str = _MAXIMUM) -> list[cloudwatch.Metric]:
        watched = self._watched
        return [watched.swept(name, step, statistic).with_(label=f"{step} {name}") for step in watched.steps]

    def _counts(self, *names: str) -> list[cloudwatch.Metric]:
        watched = self._watched
        return [watched.task(name, step).with_(label=f"{step} {name}") for step in watched.steps for name in names]

    def _of_dynamodb(self, *names: str) -> list[cloudwatch.Metric]:
        watched = self._watched
        sources = {"table": watched.of_table, "index": watched.of_index}
        return [of(name).with_(label=f"{source} {name}") for source, of in sources.items() for name in names]
