"""What every state machine has: its role, its log and its traces."""

from __future__ import annotations

from collections.abc import Sequence

from aws_cdk import Aws, Fn
from aws_cdk import aws_iam as iam
from aws_cdk import aws_logs as logs
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from status_tracker_cdk.access import allow, own_account, service_role
from status_tracker_cdk.naming import by_stack_name
from status_tracker_cdk.retention import LogProps


def log_options(scope: Construct, props: LogProps, name: str, *, with_data: bool = True) -> sfn.LogOptions:
    """Log every event to a new log group in `scope`; `name`, which begins with the stack's, is in its name."""
    log_group = logs.LogGroup(
        scope,
        "Logs",
        log_group_name=_vended_log_group_name(by_stack_name(scope, name)),
        retention=props.retention,
        removal_policy=props.removal_policy,
    )
    return sfn.LogOptions(destination=log_group, level=sfn.LogLevel.ALL, include_execution_data=with_data)


def state_machine_role(scope: Construct, statements: Sequence[iam.PolicyStatement], *, name: str = "") -> iam.Role:
    """The role of a state machine, with `statements` and the rights for its log and traces.

    Step Functions may take it for machines of this account whose names begin with `name`: a Distributed Map runs under
    the machine's name with a suffix. Leave it out where CloudFormation makes the name up; the machine is then not yet
    known.
    """
    machines = {"ArnLike": {"aws:SourceArn": states_arn(f"stateMachine:{name}*")}}
    return service_role(
        scope,
        "states.amazonaws.com",
        [*statements, *_allow_logs_and_traces()],
        conditions={**own_account(), **machines},
    )


def states_arn(resource: str) -> str:
    """The ARN of a resource of Step Functions in the stack's account and region."""
    return f"arn:{Aws.PARTITION}:states:{Aws.REGION}:{Aws.ACCOUNT_ID}:{resource}"


def _allow_logs_and_traces() -> list[iam.PolicyStatement]:
    """Their actions take no resource."""
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


def _vended_log_group_name(name: str) -> str:
    """A log group name that is new with each stack, under AWS's prefix for delivered logs.

    Without the prefix every state machine adds a statement to the account's log resource policy, which is limited to
    5,120 characters. Without the stack's unique id, a log group retained from an earlier stack would have the name.
    """
    unique = Fn.select(2, Fn.split("/", Aws.STACK_ID))
    return Fn.join("", ["/aws/vendedlogs/states/", name, "-", unique])
