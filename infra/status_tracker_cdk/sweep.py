"""The sweep and its schedule."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from aws_cdk import Aws, Duration
from aws_cdk import aws_iam as iam
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_scheduler as scheduler
from aws_cdk import aws_scheduler_targets as targets
from constructs import Construct

from status_tracker_cdk.access import allow, own_account, service_role
from status_tracker_cdk.dispatch import Dispatch
from status_tracker_cdk.functions import FunctionCommons, HandlerFunction
from status_tracker_cdk.props import Props, between
from status_tracker_cdk.table import TableRights
from status_tracker_ops.settings import SweepSettings


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

    sweep_interval_minutes: int = between(1, 60, default=5)
    sweep_max_restarts: int = between(1, 10_000, default=2000)
    sweep_max_examined: int = between(1, 100_000, default=10_000)
    sweep_pending_after_seconds: int = between(1, 604_800, default=300)
    sweep_max_objects: int = between(1, 1_000_000, default=5000)
    sweep_unregistered_after_seconds: int = between(1, 604_800, default=600)
    sweep_timeout_seconds: int = between(1, 900, default=240)
    sweep_memory_mb: int = between(128, 10240, default=512)

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

    Args:
        commons: what its function shares with all others.
        table: the task table.
        dispatch: what starts the runs of every step.
        bucket: the bucket whose objects are tasks; by default none, and no objects are registered.
        props: how often it runs, and how much it does; by default as `SweepProps` says.

    Attributes:
        function: the function.
        props: how often it runs, and how much it does.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        commons: FunctionCommons,
        table: TableRights,
        dispatch: Dispatch,
        bucket: s3.IBucket | None = None,
        props: SweepProps | None = None,
    ) -> None:
        super().__init__(scope, construct_id)
        self.props = props = props or SweepProps()
        handler = HandlerFunction(
            self,
            "Sweep",
            commons=commons,
            handler="status_tracker_ops.deployed.sweep.handler",
            environment={**dispatch.environment, **_settings(props, bucket).to_environment()},
            statements=[
                table.allow_items("PutItem", "GetItem", "BatchGetItem", "UpdateItem"),
                table.allow_listing(),
                *table.allow_following(),
                *table.allow_key(),
                *dispatch.allow_sweeping(),
                *([] if bucket is None else [allow(["s3:ListBucket"], bucket.bucket_arn)]),
            ],
            timeout_seconds=props.sweep_timeout_seconds,
            memory_mb=props.sweep_memory_mb,
            # By then the next event is due.
            asynchronous=Duration.minutes(props.sweep_interval_minutes),
        )
        dispatch.accept_executions(handler)
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


def _settings(props: SweepProps, bucket: s3.IBucket | None) -> SweepSettings:
    return SweepSettings(
        bucket=None if bucket is None else bucket.bucket_name,
        sweep_max_restarts=props.sweep_max_restarts,
        sweep_max_examined=props.sweep_max_examined,
        sweep_pending_after_seconds=props.sweep_pending_after_seconds,
        sweep_max_objects=props.sweep_max_objects,
        sweep_unregistered_after_seconds=props.sweep_unregistered_after_seconds,
    )
