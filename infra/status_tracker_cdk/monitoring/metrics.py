"""What is watched, and the metrics of it that the dashboard and the alarms share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import cast

from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_sqs as sqs
from aws_cdk import aws_stepfunctions as sfn

from infra.documents.settings import Settings
from infra.status_tracker_cdk.functions import METRICS_NAMESPACE
from infra.status_tracker_cdk.table import INDEX_NAME

MINUTE = Duration.minutes(1)
INTAKE_STEP = "Intake"
STATUS_NAMES = ("pending", "in_progress", "failed", "succeeded", "ignored")


@dataclass(frozen=True, kw_only=True)
class Watched:
    """The parts of one stage.

    Attributes:
        name: of the stage's dashboard; what its alarms' names begin with, and the folder of its saved queries.
        use_case_id: the ``service`` dimension of the application's metrics.
        settings: those of the stage.
        table: the task table.
        queue: where uploads wait for intake.
        dead_letter_queues: every queue where something ends that could not be handled, by the name of its alarm.
        state_machine: the workflow.
        bulk_machines: the state machines that somebody starts for very many tasks, by their names.
        steps: the names of the workflow's steps in their order, the ``step`` dimension of their metrics.
        functions: every function that works by itself, by its name; that of a step by the step's.
        attended: the functions that are called by somebody who sees them fail: shown, and without alarms.
    """

    name: str
    use_case_id: str
    settings: Settings
    table: dynamodb.ITable
    queue: sqs.IQueue
    dead_letter_queues: Mapping[str, sqs.IQueue]
    state_machine: sfn.StateMachine
    bulk_machines: Mapping[str, sfn.StateMachine]
    steps: Sequence[str]
    functions: Mapping[str, lambda_.Function]
    attended: Mapping[str, lambda_.Function]

    @property
    def all_functions(self) -> Mapping[str, lambda_.Function]:
        """Those that work by themselves, and those that somebody calls."""
        return {**self.functions, **self.attended}

    @property
    def helpers(self) -> Mapping[str, lambda_.Function]:
        """The functions that are no step, whose errors no task tells of."""
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
            dimensions_map={"service": self.use_case_id, "step": step, **dimensions},
            statistic=statistic,
            period=period,
        )

    def swept(
        self, name: str, step: str, statistic: str = cloudwatch.Stats.MAXIMUM, **dimensions: str
    ) -> cloudwatch.Metric:
        """A metric that the sweep publishes, by a period that holds at least one sweep."""
        return self.task(name, step, statistic=statistic, period=self.sweep_period, **dimensions)

    @property
    def sweep_period(self) -> Duration:
        """Twice the sweep's interval: however late a sweep starts, there is one in each."""
        return Duration.minutes(2 * self.settings.sweep_interval_minutes)

    def cold_starts(self, function: lambda_.IFunction, name: str) -> cloudwatch.Metric:
        """The cold starts of a function, as Powertools counts them."""
        return cloudwatch.Metric(
            namespace=METRICS_NAMESPACE,
            metric_name="ColdStart",
            dimensions_map={"service": self.use_case_id, "function_name": function.function_name},
            statistic=cloudwatch.Stats.SUM,
            period=MINUTE,
            label=name,
        )

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
            dimensions_map={"TableName": self.table.table_name, **dimensions},
            statistic=cloudwatch.Stats.SUM,
            period=MINUTE,
        )
