"""What is monitored, and the metrics that the dashboard and the alarms share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import cast

from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_sqs as sqs
from aws_cdk import aws_stepfunctions as sfn

from status_tracker_cdk.bulk_machine import BulkMachine
from status_tracker_cdk.events import TaskEvents
from status_tracker_cdk.functions import METRICS_NAMESPACE
from status_tracker_cdk.intake import Intake
from status_tracker_cdk.monitoring.alarm_props import AlarmProps
from status_tracker_cdk.sweep import Sweep
from status_tracker_cdk.table import INDEX_NAME, TableRights
from status_tracker_cdk.worker_queue import WorkerQueue
from status_tracker_cdk.workflow import TrackedStep

MINUTE = Duration.minutes(1)
INTAKE_STEP = "Intake"
SWEEP_STEP = "Sweep"
EVENTS_STEP = "Events"
COUNTS_STEP = "Counts"
WIDGET = "Widget"
"""The name of the widget's viewer among the attended functions."""
STATUS_NAMES = ("pending", "in_progress", "failed", "succeeded", "ignored")
_PASSED_ON = "succeeded"


@dataclass(frozen=True, kw_only=True)
class Watched:
    """The parts of one tracker that are monitored. What is not given is not looked at.

    Attributes:
        name: of the dashboard; what its alarms' names begin with, the folder of its saved queries, and the ``service``
            dimension of the application's metrics.
        task_table: the task table.
        tracked_steps: the steps in their order.
        alarms: when the alarms go off; by default as `AlarmProps` says.
        state_machine: the workflow of those steps that no worker works on.
        workers: the queues that steps are worked on from, by the names of the steps.
        intake: what takes new objects in.
        sweep: the sweep.
        bulk_machines: the state machines for very many tasks, by their names; their failures raise an alarm.
        events: what tells of changes and counts them.
        attended_functions: functions whose caller sees them fail, by their names: on the dashboard, without alarms.
        further_functions: other functions, by their names; their errors raise an alarm.
        further_dead_letter_queues: other dead letter queues than intake's, by the names of their alarms.
    """

    name: str
    task_table: TableRights
    tracked_steps: Sequence[TrackedStep]
    alarms: AlarmProps = field(default_factory=AlarmProps)
    state_machine: sfn.IStateMachine | None = None
    workers: Mapping[str, WorkerQueue] = field(default_factory=dict)
    intake: Intake | None = None
    sweep: Sweep | None = None
    bulk_machines: Mapping[str, BulkMachine] = field(default_factory=dict)
    events: TaskEvents | None = None
    attended_functions: Mapping[str, lambda_.Function] = field(default_factory=dict)
    further_functions: Mapping[str, lambda_.Function] = field(default_factory=dict)
    further_dead_letter_queues: Mapping[str, sqs.IQueue] = field(default_factory=dict)

    @property
    def dead_letter_queues(self) -> Mapping[str, sqs.IQueue]:
        """Every dead letter queue but those of workers, by the name of its alarm."""
        of_intake = {} if self.intake is None else {"DeadLetters": self.intake.dead_letter_queue}
        return {**of_intake, **self.further_dead_letter_queues}

    @property
    def all_dead_letter_queues(self) -> Mapping[str, sqs.IQueue]:
        """Every dead letter queue, by its name on the dashboard."""
        workers = {f"{name}DeadLetters": worker.dead_letter_queue for name, worker in self.workers.items()}
        of_events = {} if self.events is None else {"EventsDeadLetters": self.events.dead_letter_queue}
        return {**self.dead_letter_queues, **workers, **of_events}

    @property
    def queues(self) -> Mapping[str, sqs.IQueue]:
        """The queues that work waits in, by what takes it from there."""
        of_intake = {} if self.intake is None else {INTAKE_STEP: self.intake.queue}
        return {**of_intake, **{name: worker.queue for name, worker in self.workers.items()}}

    @property
    def steps(self) -> Sequence[str]:
        """The names of the steps in their order, the ``step`` dimension of their metrics."""
        return [step.name for step in self.tracked_steps]

    @property
    def sweep_interval_minutes(self) -> int:
        """From one sweep to the next; of no meaning where there are none."""
        return 1 if self.sweep is None else self.sweep.props.sweep_interval_minutes

    @property
    def functions(self) -> Mapping[str, lambda_.Function]:
        """Every function that runs unattended, by its name; that of a step by the step's."""
        steps = self.tracked_steps
        return {
            **({} if self.intake is None else {INTAKE_STEP: self.intake.function}),
            **{step.name: step.function for step in steps},
            **{name: function for step in steps for name, function in step.helpers.items()},
            **({} if self.sweep is None else {SWEEP_STEP: self.sweep.function}),
            **({} if self.events is None else {EVENTS_STEP: self.events.function}),
            **self.further_functions,
        }

    @property
    def counting_cold_starts(self) -> Mapping[str, lambda_.Function]:
        """The functions that send metrics of their own, and with them count their cold starts, by their names."""
        sending = {INTAKE_STEP, *self.steps, SWEEP_STEP, EVENTS_STEP}
        return {name: function for name, function in self.functions.items() if name in sending}

    def statuses(self, step: str) -> Sequence[str]:
        """The statuses of which the sweep counts the tasks of a step.

        What has succeeded in a step is pending in the next one, and is counted there.
        """
        return [name for name in STATUS_NAMES if step == self.steps[-1] or name != _PASSED_ON]

    @property
    def attended(self) -> Mapping[str, lambda_.Function]:
        """The functions whose caller sees them fail, including those of the bulk machines."""
        bulk = {
            f"{name}{state}": function
            for name, machine in self.bulk_machines.items()
            for state, function in machine.functions.items()
        }
        return {**self.attended_functions, **bulk}

    @property
    def all_functions(self) -> Mapping[str, lambda_.Function]:
        """The unattended functions and the attended ones."""
        return {**self.functions, **self.attended}

    @property
    def helpers(self) -> Mapping[str, lambda_.Function]:
        """The functions that are not steps: no task records their errors."""
        return {name: function for name, function in self.functions.items() if name not in self.steps}

    def memory_mb(self, name: str) -> int:
        """The memory of a function."""
        resource = cast("lambda_.CfnFunction", self.all_functions[name].node.default_child)
        return int(resource.memory_size or 0)

    def task(
        self,
        name: str,
        step: str,
        *,
        statistic: str = cloudwatch.Stats.SUM,
        period: Duration = MINUTE,
        **dimensions: str,
    ) -> cloudwatch.Metric:
        """A metric of the application about one step."""
        return cloudwatch.Metric(
            namespace=METRICS_NAMESPACE,
            metric_name=name,
            dimensions_map={"service": self.name, "step": step, **dimensions},
            statistic=statistic,
            period=period,
        )

    def swept(
        self, name: str, step: str, statistic: str = cloudwatch.Stats.MAXIMUM, **dimensions: str
    ) -> cloudwatch.Metric:
        """A metric that the sweep publishes, over a period that contains at least one sweep."""
        return self.task(name, step, statistic=statistic, period=self.sweep_period, **dimensions)

    @property
    def sweep_period(self) -> Duration:
        """Twice the sweep's interval: however late a sweep starts, there is one in each."""
        return Duration.minutes(2 * self.sweep_interval_minutes)

    def cold_starts(self, function: lambda_.IFunction, name: str) -> cloudwatch.Metric:
        """The cold starts of a function, as Powertools counts them."""
        return cloudwatch.Metric(
            namespace=METRICS_NAMESPACE,
            metric_name="ColdStart",
            dimensions_map={"service": self.name, "function_name": function.function_name},
            statistic=cloudwatch.Stats.SUM,
            period=MINUTE,
            label=name,
        )

    def iterator_age(self, events: TaskEvents) -> cloudwatch.Metric:
        """How old the last change of a batch is when it is handed over, in milliseconds."""
        return events.function.metric("IteratorAge", period=MINUTE, statistic=cloudwatch.Stats.MAXIMUM)

    def of_table(self, name: str) -> cloudwatch.Metric:
        """The sum of a metric of the table, without its index."""
        return self._of_dynamodb(name)

    def of_index(self, name: str) -> cloudwatch.Metric:
        """The sum of a metric of the table's index."""
        return self._of_dynamodb(name, GlobalSecondaryIndexName=INDEX_NAME)

    def _of_dynamodb(self, name: str, **dimensions: str) -> cloudwatch.Metric:
        return cloudwatch.Metric(
            namespace="AWS/DynamoDB",
            metric_name=name,
            dimensions_map={"TableName": self.task_table.table.table_name, **dimensions},
            statistic=cloudwatch.Stats.SUM,
            period=MINUTE,
        )
