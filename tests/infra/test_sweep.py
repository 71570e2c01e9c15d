"""The sweep: how often it runs, what it is told, and who may start it."""

from __future__ import annotations

import pytest

from app import build
from documents_stack.settings import SettingsError
from tests.infra.expected import DEPLOYED, SWEEP
from tests.infra.synthesis import CONTEXT, Synthesized, new_app
from tests.infra.test_functions import common_variables, rights

FUNCTION = "<OperationsSweepFunction.Arn>"


def test_schedule_invokes_the_sweep_at_its_rate(stage: Synthesized) -> None:
    schedule = stage.properties("AWS::Scheduler::Schedule")
    minutes = stage.settings.sweep.sweep_interval_minutes
    assert schedule["ScheduleExpression"] == f"rate({minutes} minute{'s' if minutes > 1 else ''})"
    assert schedule["FlexibleTimeWindow"] == {"Mode": "OFF"}
    assert schedule["State"] == "ENABLED"
    target = schedule["Target"]
    assert (target["Arn"], target["RoleArn"]) == (FUNCTION, "<OperationsScheduleRightsRole.Arn>")
    assert target["RetryPolicy"] == {"MaximumEventAgeInSeconds": 60 * minutes, "MaximumRetryAttempts": 2}


def test_schedule_may_invoke_the_sweep_and_nothing_else(stage: Synthesized) -> None:
    assert rights(stage, "OperationsScheduleRights") == {("lambda:InvokeFunction", FUNCTION)}
    [trust] = stage.properties("AWS::IAM::Role", "OperationsScheduleRights")["AssumeRolePolicyDocument"]["Statement"]
    assert trust["Principal"] == {"Service": "scheduler.amazonaws.com"}
    group = "arn:<AWS::Partition>:scheduler:<AWS::Region>:<AWS::AccountId>:schedule-group/default"
    assert trust["Condition"] == {
        "StringEquals": {"aws:SourceAccount": "<AWS::AccountId>"},
        "ArnEquals": {"aws:SourceArn": group},
    }


def test_what_the_sweep_is_told(stage: Synthesized) -> None:
    function, settings = stage.properties("AWS::Lambda::Function", SWEEP), stage.settings
    assert function["Handler"] == f"{DEPLOYED}.sweep.handler"
    assert (function["Timeout"], function["MemorySize"]) == (
        settings.sweep.sweep_timeout_seconds,
        settings.sweep.sweep_memory_mb,
    )
    assert function["Environment"]["Variables"] == common_variables(stage) | {
        "WORKFLOW_ARN": "<WorkflowStateMachine>",
        "BUCKET": "<BucketsDocuments>",
        "SWEEP_MAX_RESTARTS": str(settings.sweep.sweep_max_restarts),
        "SWEEP_MAX_EXAMINED": str(settings.sweep.sweep_max_examined),
        "SWEEP_PENDING_AFTER_SECONDS": str(settings.sweep.sweep_pending_after_seconds),
        "SWEEP_MAX_OBJECTS": str(settings.sweep.sweep_max_objects),
        "SWEEP_UNREGISTERED_AFTER_SECONDS": str(settings.sweep.sweep_unregistered_after_seconds),
    }


@pytest.mark.parametrize("name", sorted(name for name in CONTEXT["stages"]["prod"] if name.startswith("sweep_")))
def test_a_sweep_of_nothing_is_refused(name: str) -> None:
    with pytest.raises(SettingsError, match=f"{name} must be from"):
        build(new_app("prod", **{name: 0}))
