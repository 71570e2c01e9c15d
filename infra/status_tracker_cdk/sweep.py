"""What looks after the tasks by itself: the sweep, and its schedule."""

from __future__ import annotations

from typing import cast

from aws_cdk import ArnFormat, Aws, Duration, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_scheduler as scheduler
from aws_cdk import aws_scheduler_targets as targets
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from infra.documents.settings import Settings
from infra.status_tracker_cdk.access import acknowledge, allow, service_role
from infra.status_tracker_cdk.functions import FunctionCommons, HandlerFunction
from infra.status_tracker_cdk.table import TaskTable


class Operations(Construct):
    """The sweep, again and again: it restarts what nothing works on, registers what has no task, and counts.

    No concurrency is reserved for it: its own task in the table sees to it that two never sweep at once, and what one
    sweep does not come to is for the next.

    Attributes:
        sweep: the function.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        commons: FunctionCommons,
        documents: s3.IBucket,
        table: TaskTable,
        state_machine: sfn.StateMachine,
    ) -> None:
        super().__init__(scope, construct_id)
        executions = _executions_of(state_machine)
        settings = commons.settings
        handler = HandlerFunction(
            self,
            "Sweep",
            commons=commons,
            handler="sweep.handler",
            environment={
                "WORKFLOW_ARN": state_machine.state_machine_arn,
                "DOCUMENT_BUCKET": documents.bucket_name,
                **_limits(settings),
            },
            statements=[
                table.allow_items("PutItem", "GetItem", "BatchGetItem", "UpdateItem"),
                table.allow_listing(),
                allow(["states:StartExecution", "states:ListExecutions"], state_machine.state_machine_arn),
                allow(["states:DescribeExecution"], executions),
                allow(["s3:ListBucket"], documents.bucket_arn),
            ],
            timeout_seconds=settings.sweep_timeout_seconds,
            memory_mb=settings.sweep_memory_mb,
        )
        acknowledge(
            handler,
            _finding(state_machine),
            "An execution is asked for by its name, and each run of a task is one.",
        )
        self.sweep = handler.function
        self._add_schedule(settings)

    def _add_schedule(self, settings: Settings) -> None:
        interval = Duration.minutes(settings.sweep_interval_minutes)
        scheduler.Schedule(
            self,
            "Schedule",
            description="Restarts, registers and counts what is left to itself",
            schedule=scheduler.ScheduleExpression.rate(interval),
            time_window=scheduler.TimeWindow.off(),
            target=targets.LambdaInvoke(
                self.sweep,
                role=self._schedule_role(),
                # What Lambda did not take by then, the next invocation makes up for.
                max_event_age=interval,
                retry_attempts=2,
            ),
        )

    def _schedule_role(self) -> iam.IRole:
        scope = Construct(self, "ScheduleRights")
        own = {"StringEquals": {"aws:SourceAccount": Aws.ACCOUNT_ID}}
        statements = [allow(["lambda:InvokeFunction"], self.sweep.function_arn)]
        return service_role(scope, "scheduler.amazonaws.com", statements, conditions=own).without_policy_updates()


def _limits(settings: Settings) -> dict[str, str]:
    return {
        "SWEEP_MAX_RESTARTS": str(settings.sweep_max_restarts),
        "SWEEP_MAX_EXAMINED": str(settings.sweep_max_examined),
        "SWEEP_PENDING_AFTER_SECONDS": str(settings.sweep_pending_after_seconds),
        "SWEEP_MAX_OBJECTS": str(settings.sweep_max_objects),
        "SWEEP_UNREGISTERED_AFTER_SECONDS": str(settings.sweep_unregistered_after_seconds),
    }


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
