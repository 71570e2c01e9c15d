"""A Lambda function with its role, its log group and its environment."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from aws_cdk import Duration
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from constructs import Construct

from status_tracker_cdk.access import acknowledge, allow, service_role
from status_tracker_cdk.retention import LogProps
from status_tracker_cdk.retries import RetryProps
from status_tracker_ops.settings import TrackerSettings

RUNTIME = lambda_.Runtime.PYTHON_3_14
ARCHITECTURE = lambda_.Architecture.ARM_64
METRICS_NAMESPACE = "StatusTracker"
PIPELINE_VARIABLE = "STATUS_TRACKER_TASK"


@dataclass(frozen=True, kw_only=True)
class FunctionCommons:
    """What all functions of a tracker share.

    Attributes:
        name: what its physical names begin with, and the ``service`` of its metrics and logs; no other tracker in the
            account and region may have it. See `status_tracker_cdk.naming.name_of`.
        code: the folder of the handlers.
        layer: the library and what it needs.
        pipeline: the pipeline that they operate, ``module:NAME``.
        use_case_id: the use case whose tasks they work on.
        table_name: the task table.
        retries: how often a task is tried, and how soon again.
        logs: what they log, and how long it is kept.
        counts: whether counts may be kept with every change, as `TaskEvents` does it; without, none are relied on.
    """

    name: str
    code: lambda_.Code
    layer: lambda_.ILayerVersion
    pipeline: str
    use_case_id: str
    table_name: str
    retries: RetryProps
    logs: LogProps
    counts: bool = True

    @property
    def environment(self) -> dict[str, str]:
        """The variables that every function reads."""
        tracker = TrackerSettings(
            use_case_id=self.use_case_id,
            task_table_name=self.table_name,
            max_attempts=self.retries.max_attempts,
            status_tracker_counts="1" if self.counts else "0",
        )
        return {
            **tracker.to_environment(),
            PIPELINE_VARIABLE: self.pipeline,
            "POWERTOOLS_SERVICE_NAME": self.name,
            "POWERTOOLS_METRICS_NAMESPACE": METRICS_NAMESPACE,
            "POWERTOOLS_LOG_LEVEL": self.logs.log_level,
        }


class HandlerFunction(Construct):
    """A Lambda function with the rights in `statements`, and those to write its own log and to send traces.

    Args:
        asynchronous: how old an event may become that Lambda has queued for it. Give this to every function whose
            caller does not wait for it, as a schedule: Lambda never repeats such an event, since it would repeat also
            what failed halfway, when the caller comes again by itself.

    Attributes:
        function: the function. Rights that it is granted are without effect: grant them to `role`.
        role: its role.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        commons: FunctionCommons,
        handler: str,
        environment: Mapping[str, str],
        statements: Sequence[iam.PolicyStatement],
        actions_without_resource: Sequence[str] = (),
        timeout_seconds: int,
        memory_mb: int,
        reserved_concurrency: int | None = None,
        function_name: str | None = None,
        asynchronous: Duration | None = None,
    ) -> None:
        super().__init__(scope, construct_id)
        log_group = self._log_group(commons.logs)
        self._rights = iam.PolicyDocument()
        self.role = self._role(statements, actions_without_resource, log_group)
        self.function = lambda_.Function(
            self,
            "Function",
            handler=handler,
            code=commons.code,
            layers=[commons.layer],
            runtime=RUNTIME,
            architecture=ARCHITECTURE,
            environment={**commons.environment, **environment},
            timeout=Duration.seconds(timeout_seconds),
            memory_size=memory_mb,
            reserved_concurrent_executions=reserved_concurrency,
            function_name=function_name,
            role=self.role.without_policy_updates(),
            log_group=log_group,
            # With JSON, Lambda filters by a level of its own, which overrules POWERTOOLS_LOG_LEVEL, and above INFO
            # drops the metrics. Powertools' lines are JSON all the same.
            logging_format=lambda_.LoggingFormat.TEXT,
            tracing=lambda_.Tracing.ACTIVE,
            max_event_age=asynchronous,
            retry_attempts=None if asynchronous is None else 0,
        )

    def allow(self, *statements: iam.PolicyStatement) -> None:
        """Give it further rights."""
        self._rights.add_statements(*statements)

    def tell(self, environment: Mapping[str, str]) -> None:
        """Give it further variables."""
        for name, value in environment.items():
            self.function.add_environment(name, value)

    def _log_group(self, props: LogProps) -> logs.LogGroup:
        return logs.LogGroup(self, "Logs", retention=props.retention, removal_policy=props.removal_policy)

    def _role(
        self,
        statements: Sequence[iam.PolicyStatement],
        actions_without_resource: Sequence[str],
        log_group: logs.ILogGroup,
    ) -> iam.Role:
        unlimited = ["xray:PutTraceSegments", "xray:PutTelemetryRecords", *actions_without_resource]
        role = service_role(
            self,
            "lambda.amazonaws.com",
            [
                *statements,
                allow(["logs:CreateLogStream", "logs:PutLogEvents"], log_group.log_group_arn),
                allow(unlimited, "*"),
            ],
            document=self._rights,
        )
        services = " and ".join(sorted({action.partition(":")[0] for action in unlimited}))
        reason = f"The actions used of {services} take no resource; no other statement is on '*'."
        acknowledge(role, "IAM5[Resource::*]", reason)
        return role
