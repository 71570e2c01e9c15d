"""The sweep and its schedule."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import cast

from aws_cdk import ArnFormat, Aws, Duration, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_scheduler as scheduler
from aws_cdk import aws_scheduler_targets as targets
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from status_tracker_cdk.access import acknowledge, allow, own_account, service_role
from status_tracker_cdk.functions import FunctionCommons, HandlerFunction
from status_tracker_cdk.props import Props, between
from status_tracker_cdk.table import TaskTable
from status_tracker_ops.settings import SweepSettings, WorkflowSettings


@dataclass(frozen=True, kw_only=True)
class SweepProps(Props):
    """How often a sweep runs, and how much it does.

    Attributes:
        sweep_interval_minutes: from one sweep to the next.
        sweep_max_restarts: tasks of each step that one sweep restarts, at most.
        sweep_max_examined: tasks of each step that one sweep reads, at most, to find those that no execution works on.
        sweep_pending_after_seconds: how long a pending task may be on its way to its execution before a sweep looks.
        sweep_max_objects: objects of the bucket that one sweep compares with the tasks, at most.
        sweep_unregistered_after_seconds: how old an object without a task must be for a sweep to register it.
        sweep_timeout_seconds: timeout of the sweep, at most its interval; it stops before, and the next one goes on.
        sweep_memory_mb: memory of the sweep.
    """

    sweep_interval_minutes: int = between(1, 60)
    sweep_max_restarts: int = between(1, 10_000)
    sweep_max_examined: int = between(1, 100_000)
    sweep_pending_after_seconds: int = between(1, 604_800)
    sweep_max_objects: int = between(1, 1_000_000)
    sweep_unregistered_after_seconds: int = between(1, 604_800)
    sweep_timeout_seconds: int = between(1, 900)
    sweep_memory_mb: int = between(128, 10240)

    def conflicts(self) -> Iterator[str]:
        """A sweep that may still run when the next is due."""
        if self.sweep_timeout_seconds > 60 * self.sweep_interval_minutes:
            yield (
                f"sweep_timeout_seconds ({self.sweep_timeout_seconds}) must be at most sweep_interval_minutes "
                f"({self.sweep_interval_minutes} x 60 seconds): a sweep is over when the next is due"
            )


class Sweep(Construct):
    """A function that restarts abandoned tasks, registers objects without a task, and counts, on a schedule.

    It needs no reserved concurrency: its own task in the table keeps two sweeps from running at once, and what one
    sweep has no time for, the next one does.

    Attributes:
        function: the function.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        commons: FunctionCommons,
        props: SweepProps,
        bucket: s3.IBucket,
        table: TaskTable,
        state_machine: sfn.StateMachine,
    ) -> None:
        super().__init__(scope, construct_id)
        executions = _executions_of(state_machine)
        handler = HandlerFunction(
            self,
            "Sweep",
            commons=commons,
            handler="sweep.handler",
            environment={
                **WorkflowSettings(workflow_arn=state_machine.state_machine_arn).to_environment(),
                **_settings(props, bucket).to_environment(),
            },
            statements=[
                table.allow_items("PutItem", "GetItem", "BatchGetItem", "UpdateItem"),
                table.allow_listing(),
                allow(["states:StartExecution", "states:ListExecutions"], state_machine.state_machine_arn),
                allow(["states:DescribeExecution"], executions),
                allow(["s3:ListBucket"], bucket.bucket_arn),
            ],
            timeout_seconds=props.sweep_timeout_seconds,
            memory_mb=props.sweep_memory_mb,
            # By then the next event is due.
            asynchronous=Duration.minutes(props.sweep_interval_minutes),
        )
        acknowledge(
            handler,
            _finding(state_machine),
            "An execution is asked for by its name, and each run of a task is one.",
        )
        self.function = handler.function
        self._add_schedule(Duration.minutes(props.sweep_interval_minutes))

    def _add_schedule(self, interval: Duration) -> None:
        scheduler.Schedule(
            self,
            "Schedule",
            description="Restarts, registers and counts what is left to itself",
            schedule=scheduler.ScheduleExpression.rate(interval),
            time_window=scheduler.TimeWindow.off(),
            target=targets.LambdaInvoke(
                self.function,
                role=self._schedule_role(),
                # This is about the way to Lambda; what the function does with the event is for its own settings.
                max_event_age=interval,
                retry_attempts=2,
            ),
        )

    def _schedule_role(self) -> iam.IRole:
        scope = Construct(self, "ScheduleRights")
        # The group of a schedule is as near as EventBridge Scheduler says what it acts for.
        group = f"arn:{Aws.PARTITION}:scheduler:{Aws.REGION}:{Aws.ACCOUNT_ID}:schedule-group/default"
        conditions = {**own_account(), "ArnEquals": {"aws:SourceArn": group}}
        statements = [allow(["lambda:InvokeFunction"], self.function.function_arn)]
        role = service_role(scope, "scheduler.amazonaws.com", statements, conditions=conditions)
        return role.without_policy_updates()


def _settings(props: SweepProps, bucket: s3.IBucket) -> SweepSettings:
    return SweepSettings(
        bucket=bucket.bucket_name,
        sweep_max_restarts=props.sweep_max_restarts,
        sweep_max_examined=props.sweep_max_examined,
        sweep_pending_after_seconds=props.sweep_pending_after_seconds,
        sweep_max_objects=props.sweep_max_objects,
        sweep_unregistered_after_seconds=props.sweep_unregistered_after_seconds,
    )


def _executions_of(state_machine: sfn.StateMachine) -> str:
    return Stack.of(state_machine).format_arn(
        service="states",
        resource="execution",
        resource_name=f"{state_machine.state_machine_name}:*",
        arn_format=ArnFormat.COLON_RESOURCE_NAME,
    )


def _finding(state_machine: sfn.StateMachine) -> str:
    """The id of cdk-nag's finding about rights on every execution."""
    resource = cast("sfn.CfnStateMachine", state_machine.node.default_child)
    name = f"<{Stack.of(state_machine).resolve(resource.logical_id)}.Name>"
    return f"IAM5[Resource::arn:<AWS::Partition>:states:<AWS::Region>:<AWS::AccountId>:execution:{name}:*]"
