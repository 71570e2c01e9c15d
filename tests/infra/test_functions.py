"""The functions: what they run on, what they are told, and exactly what they may do."""

from __future__ import annotations

import pytest

from app import build
from tests.infra.synthesis import CONTEXT, Synthesized, listed, new_app

TABLE, QUEUE = "<TasksTable.Arn>", "<DocumentIntakeQueue.Arn>"
DOCUMENTS, RESULTS = "<BucketsDocuments.Arn>", "<BucketsResults.Arn>"
INTAKE, EXTRACT, ANSWER = "DocumentIntake", "ExtractHandler", "AnswerHandler"
SWEEP = "OperationsSweep"
EXECUTIONS = "arn:<AWS::Partition>:states:<AWS::Region>:<AWS::AccountId>:execution:<WorkflowStateMachine.Name>:*"
VIEWER, ACTOR = "WidgetViewer", "WidgetActor"
COMMON_VARIABLES = {
    "USE_CASE_ID": "pdf_processing",
    "TASK_TABLE_NAME": "<TasksTable>",
    "POWERTOOLS_SERVICE_NAME": "pdf_processing",
    "POWERTOOLS_METRICS_NAMESPACE": "StatusTracker",
    "POWERTOOLS_LOG_LEVEL": "INFO",
}
READING = {
    ("dynamodb:GetItem", TABLE),
    ("dynamodb:BatchGetItem", TABLE),
    ("dynamodb:Query", f"{TABLE}/index/status_and_update_time-index"),
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


@pytest.mark.parametrize(
    ("owner", "expected"),
    [
        (
            INTAKE,
            {
                ("dynamodb:PutItem", TABLE),
                ("states:StartExecution", "<WorkflowStateMachine>"),
                ("sqs:ReceiveMessage", QUEUE),
                ("sqs:DeleteMessage", QUEUE),
                ("sqs:ChangeMessageVisibility", QUEUE),
                ("sqs:GetQueueAttributes", QUEUE),
            },
        ),
        (
            EXTRACT,
            {
                ("dynamodb:UpdateItem", TABLE),
                ("s3:GetObject", f"{DOCUMENTS}/*"),
                ("s3:ListBucket", DOCUMENTS),
                ("s3:PutObject", f"{RESULTS}/*"),
            },
        ),
        (
            ANSWER,
            {
                ("dynamodb:UpdateItem", TABLE),
                ("s3:GetObject", f"{RESULTS}/*"),
                ("s3:PutObject", f"{RESULTS}/*"),
                ("s3:ListBucket", RESULTS),
            },
        ),
        (
            SWEEP,
            {
                ("dynamodb:PutItem", TABLE),
                ("dynamodb:GetItem", TABLE),
                ("dynamodb:BatchGetItem", TABLE),
                ("dynamodb:UpdateItem", TABLE),
                ("dynamodb:Query", f"{TABLE}/index/status_and_update_time-index"),
                ("states:StartExecution", "<WorkflowStateMachine>"),
                ("states:ListExecutions", "<WorkflowStateMachine>"),
                ("states:DescribeExecution", EXECUTIONS),
                ("s3:ListBucket", DOCUMENTS),
            },
        ),
        (VIEWER, READING),
        (
            ACTOR,
            {
                *READING,
                ("dynamodb:UpdateItem", TABLE),
                ("states:StartExecution", "<WorkflowStateMachine>"),
            },
        ),
    ],
)
def test_function_may_do_this_and_nothing_else(stage: Synthesized, owner: str, expected: set[tuple[str, str]]) -> None:
    log = f"<{owner}Logs.Arn>"
    assert rights(stage, owner) == expected | {
        ("logs:CreateLogStream", log),
        ("logs:PutLogEvents", log),
        ("xray:PutTraceSegments", "*"),
        ("xray:PutTelemetryRecords", "*"),
    }


def test_workflow_may_invoke_its_steps_and_write_its_log(stage: Synthesized) -> None:
    found = rights(stage, "Workflow")
    invoked = {resource for action, resource in found if action.startswith("lambda:")}
    assert invoked == {f"<{name}HandlerFunction.Arn>" for name in stage.steps}
    others = {action for action, _ in found if action != "lambda:InvokeFunction"}
    assert {action.partition(":")[0] for action in others} == {"logs", "xray"}


def test_no_rights_beside_those_of_the_roles(stage: Synthesized) -> None:
    assert not stage.of_type("AWS::IAM::Policy")
    owners = ("AWS::Lambda::Function", "AWS::StepFunctions::StateMachine", "AWS::Scheduler::Schedule")
    assert len(stage.of_type("AWS::IAM::Role")) == sum(len(stage.of_type(owner)) for owner in owners)


@pytest.mark.parametrize("owner", [INTAKE, EXTRACT, ANSWER, SWEEP, VIEWER, ACTOR])
def test_how_a_function_runs(stage: Synthesized, owner: str) -> None:
    function = stage.properties("AWS::Lambda::Function", owner)
    assert function["Runtime"] == "python3.14"
    assert function["Architectures"] == ["arm64"]
    assert function["TracingConfig"] == {"Mode": "Active"}
    assert function["Layers"] == ["<Layer>"]
    assert function["Role"] == f"<{owner}Role.Arn>"
    assert function["LoggingConfig"] == {"LogFormat": "Text", "LogGroup": f"<{owner}Logs>"}
    assert "ReservedConcurrentExecutions" not in function


@pytest.mark.parametrize(
    ("owner", "handler", "variables"),
    [
        (INTAKE, "intake.handler", {"WORKFLOW_ARN": "<WorkflowStateMachine>"}),
        (
            EXTRACT,
            "extract.handler",
            {
                "DOCUMENT_BUCKET": "<BucketsDocuments>",
                "RESULT_BUCKET": "<BucketsResults>",
                "MAX_DOCUMENT_BYTES": "52428800",
            },
        ),
        (ANSWER, "answer.handler", {"RESULT_BUCKET": "<BucketsResults>"}),
    ],
)
def test_what_a_function_is_told(stage: Synthesized, owner: str, handler: str, variables: dict[str, str]) -> None:
    function = stage.properties("AWS::Lambda::Function", owner)
    assert function["Handler"] == handler
    attempts = {"MAX_ATTEMPTS": str(stage.settings.max_attempts)}
    assert function["Environment"]["Variables"] == COMMON_VARIABLES | attempts | variables


def test_steps_reserve_concurrency_where_the_stage_says_so() -> None:
    stages = {"prod": {**CONTEXT["stages"]["prod"], "step_reserved_concurrency": 5}}
    reserving = Synthesized.of(build(new_app("prod", stages=stages)))
    functions = {owner: reserving.properties("AWS::Lambda::Function", owner) for owner in (INTAKE, EXTRACT, ANSWER)}
    found = {owner: function.get("ReservedConcurrentExecutions") for owner, function in functions.items()}
    assert found == {INTAKE: None, EXTRACT: 5, ANSWER: 5}


@pytest.mark.parametrize("level", ["DEBUG", "WARN", "ERROR"])
def test_log_level_is_the_loggers_and_lambda_filters_no_metrics(level: str) -> None:
    """In its JSON format Lambda would drop lines by a level of its own, and metrics have none."""
    stack = Synthesized.of(build(new_app("prod", log_level=level)))
    for owner in (INTAKE, EXTRACT, ANSWER):
        function = stack.properties("AWS::Lambda::Function", owner)
        assert function["Environment"]["Variables"]["POWERTOOLS_LOG_LEVEL"] == level
        assert function["LoggingConfig"] == {"LogFormat": "Text", "LogGroup": f"<{owner}Logs>"}
