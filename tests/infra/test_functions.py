"""The functions: what they run on, what they are told, and exactly what they may do."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from app import build
from tests.infra.expected import BULK_FOLDERS, DEPLOYED, INTAKE, RIGHTS, STEP_FUNCTIONS, STEPS, SWEEP
from tests.infra.synthesis import CONTEXT, Synthesized, listed, new_app


def common_variables(stage: Synthesized) -> dict[str, str]:
    """What every function is told."""
    return {
        "USE_CASE_ID": "pdf_processing",
        "TASK_TABLE_NAME": "<TasksTable>",
        "MAX_ATTEMPTS": str(stage.settings.retries.max_attempts),
        "STATUS_TRACKER_TASK": "documents.tasks:PIPELINE",
        "POWERTOOLS_SERVICE_NAME": stage.stack.stack_name,
        "POWERTOOLS_METRICS_NAMESPACE": "StatusTracker",
        "POWERTOOLS_LOG_LEVEL": "INFO",
    }


def rights(stage: Synthesized, owner: str) -> set[tuple[str, str]]:
    """Each action with its resource, of the role of that function or state machine."""
    role = stage.properties("AWS::IAM::Role", owner)
    assert "ManagedPolicyArns" not in role
    statements = [s for policy in role["Policies"] for s in policy["PolicyDocument"]["Statement"]]
    assert {statement["Effect"] for statement in statements} == {"Allow"}
    return {
        (action, resource)
        for statement in statements
        for action in listed(statement["Action"])
        for resource in listed(statement["Resource"])
    }


@pytest.mark.parametrize("owner", RIGHTS)
def test_function_may_do_this_and_nothing_else(stage: Synthesized, owner: str) -> None:
    log = f"<{owner}Logs.Arn>"
    assert rights(stage, owner) == RIGHTS[owner] | {
        ("logs:CreateLogStream", log),
        ("logs:PutLogEvents", log),
        ("xray:PutTraceSegments", "*"),
        ("xray:PutTelemetryRecords", "*"),
    }


def test_the_rights_of_every_function_are_known(stage: Synthesized) -> None:
    assert {name.removesuffix("Function") for name in stage.of_type("AWS::Lambda::Function")} == set(RIGHTS)
    assert list(stage.steps) == list(STEPS)


def test_workflow_may_invoke_its_steps_and_write_its_log(stage: Synthesized) -> None:
    found = rights(stage, "Workflow")
    invoked = {resource for action, resource in found if action.startswith("lambda:")}
    assert invoked == {f"<{name}HandlerFunction.Arn>" for name in stage.steps}
    others = {action for action, _ in found if action != "lambda:InvokeFunction"}
    assert {action.partition(":")[0] for action in others} == {"logs", "xray"}


def trust(stage: Synthesized, owner: str) -> dict[str, Any]:
    """The one statement that says who may take the role."""
    [statement] = stage.properties("AWS::IAM::Role", owner)["AssumeRolePolicyDocument"]["Statement"]
    return dict(statement)


@pytest.mark.parametrize("machine", ["Workflow", *BULK_FOLDERS])
def test_step_functions_takes_a_role_for_machines_of_this_account(stage: Synthesized, machine: str) -> None:
    [owner] = [name for name in stage.of_type("AWS::IAM::Role") if name == f"{machine}Role"]
    machines = stage.properties("AWS::StepFunctions::StateMachine", machine).get("StateMachineName", "")
    statement = trust(stage, owner)
    assert statement["Principal"] == {"Service": "states.amazonaws.com"}
    account = "<AWS::AccountId>"
    assert statement["Condition"] == {
        "StringEquals": {"aws:SourceAccount": account},
        "ArnLike": {
            "aws:SourceArn": f"arn:<AWS::Partition>:states:<AWS::Region>:{account}:stateMachine:{machines}*",
        },
    }


def test_no_rights_beside_those_of_the_roles(stage: Synthesized) -> None:
    assert not stage.of_type("AWS::IAM::Policy")
    owners = ("AWS::Lambda::Function", "AWS::StepFunctions::StateMachine", "AWS::Scheduler::Schedule")
    assert len(stage.of_type("AWS::IAM::Role")) == sum(len(stage.of_type(owner)) for owner in owners)


@pytest.mark.parametrize("owner", RIGHTS)
def test_how_a_function_runs(stage: Synthesized, owner: str) -> None:
    function = stage.properties("AWS::Lambda::Function", owner)
    assert function["Runtime"] == "python3.14"
    assert function["Architectures"] == ["arm64"]
    assert function["TracingConfig"] == {"Mode": "Active"}
    assert function["Layers"] == ["<Layer>"]
    assert function["Role"] == f"<{owner}Role.Arn>"
    assert function["LoggingConfig"] == {"LogFormat": "Text", "LogGroup": f"<{owner}Logs>"}
    assert "ReservedConcurrentExecutions" not in function


def test_what_lambda_queues_for_a_function_is_tried_once_and_not_for_ever(stage: Synthesized) -> None:
    """Its caller comes again; and a caller that waits for the answer tries again itself."""
    invoked = {target["Arn"] for target in targets_of_events(stage)}
    functions = {f"<{name}.Arn>": f"<{name}>" for name in stage.of_type("AWS::Lambda::Function")}
    queued_for = {functions[arn] for arn in invoked & set(functions)}
    assert queued_for == {f"<{SWEEP}Function>"}
    configured = [each["Properties"] for each in stage.of_type("AWS::Lambda::EventInvokeConfig").values()]
    assert {each["FunctionName"] for each in configured} == queued_for
    for each in configured:
        assert each["Qualifier"] == "$LATEST"
        assert each["MaximumRetryAttempts"] == 0
        assert each["MaximumEventAgeInSeconds"] == 60 * stage.settings.sweep.sweep_interval_minutes


def targets_of_events(stage: Synthesized) -> list[dict[str, Any]]:
    """What EventBridge, its Scheduler, topics and buckets send to; to a function, without waiting for it."""
    rules = [rule["Properties"]["Targets"] for rule in stage.of_type("AWS::Events::Rule").values()]
    schedules = [schedule["Properties"]["Target"] for schedule in stage.of_type("AWS::Scheduler::Schedule").values()]
    assert not stage.of_type("AWS::SNS::Subscription")
    assert not stage.of_type("AWS::Lambda::Permission")  # which S3, SNS and a rule would need
    return [*schedules, *(target for targets in rules for target in targets)]


@pytest.mark.parametrize(
    ("owner", "handler", "variables"),
    [
        (INTAKE, f"{DEPLOYED}.intake.handler", {"WORKFLOW_ARN": "<WorkflowStateMachine>"}),
        *((STEP_FUNCTIONS[name], step.handler, step.variables) for name, step in STEPS.items()),
    ],
)
def test_what_a_function_is_told(stage: Synthesized, owner: str, handler: str, variables: Mapping[str, str]) -> None:
    function = stage.properties("AWS::Lambda::Function", owner)
    assert function["Handler"] == handler
    assert function["Environment"]["Variables"] == common_variables(stage) | dict(variables)


def test_steps_reserve_concurrency_where_the_stage_says_so() -> None:
    stages = {"prod": {**CONTEXT["stages"]["prod"], "step_reserved_concurrency": 5}}
    reserving = Synthesized.of(build(new_app("prod", stages=stages)))
    functions = {
        owner: reserving.properties("AWS::Lambda::Function", owner) for owner in (INTAKE, *STEP_FUNCTIONS.values())
    }
    found = {owner: function.get("ReservedConcurrentExecutions") for owner, function in functions.items()}
    assert found == {INTAKE: None, **dict.fromkeys(STEP_FUNCTIONS.values(), 5)}


@pytest.mark.parametrize("level", ["DEBUG", "WARN", "ERROR"])
def test_log_level_is_the_loggers_and_lambda_filters_no_metrics(level: str) -> None:
    """In its JSON format Lambda would drop lines by a level of its own, and metrics have none."""
    stack = Synthesized.of(build(new_app("prod", log_level=level)))
    for owner in (INTAKE, *STEP_FUNCTIONS.values()):
        function = stack.properties("AWS::Lambda::Function", owner)
        assert function["Environment"]["Variables"]["POWERTOOLS_LOG_LEVEL"] == level
        assert function["LoggingConfig"] == {"LogFormat": "Text", "LogGroup": f"<{owner}Logs>"}
