"""What every state machine of the application has to log and to trace."""

from __future__ import annotations

from aws_cdk import Aws, Fn
from aws_cdk import aws_iam as iam
from aws_cdk import aws_logs as logs
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from infra.status_tracker_cdk.access import allow
from infra.status_tracker_cdk.retention import LogProps


def log_options(scope: Construct, props: LogProps, label: str = "", *, with_data: bool = True) -> sfn.LogOptions:
    """Every event, to a log group in `scope`; a `label` tells it from those of the stack's other machines."""
    log_group = logs.LogGroup(
        scope,
        "Logs",
        log_group_name=_vended_log_group_name(label),
        retention=props.retention,
        removal_policy=props.removal_policy,
    )
    return sfn.LogOptions(destination=log_group, level=sfn.LogLevel.ALL, include_execution_data=with_data)


def allow_logs_and_traces() -> list[iam.PolicyStatement]:
    """The statements that Step Functions needs for its log and its traces; their actions take no resource."""
    return [
        allow(
            [
                "logs:CreateLogDelivery",
                "logs:GetLogDelivery",
                "logs:UpdateLogDelivery",
                "logs:DeleteLogDelivery",
                "logs:ListLogDeliveries",
                "logs:PutResourcePolicy",
                "logs:DescribeResourcePolicies",
                "logs:DescribeLogGroups",
            ],
            "*",
        ),
        allow(
            [
                "xray:PutTraceSegments",
                "xray:PutTelemetryRecords",
                "xray:GetSamplingRules",
                "xray:GetSamplingTargets",
            ],
            "*",
        ),
    ]


def _vended_log_group_name(label: str) -> str:
    """A name under the prefix that keeps the account's log resource policy small, new with each stack.

    Without the prefix every state machine adds a statement to that policy, which is limited to 5,120 characters; with
    a name that a stack of this name had before, a retained log group would stand in the way.
    """
    unique = Fn.select(2, Fn.split("/", Aws.STACK_ID))
    return Fn.join("", ["/aws/vendedlogs/states/", Aws.STACK_NAME, label, "-", unique])
