"""Backfill and bulk actions: their states, what they tolerate and repeat, and exactly what they may do."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.infra.expected import (
    BULK_FOLDERS,
    DEPLOYED,
    DOCUMENTS,
    EXECUTIONS,
    INDEX,
    RESULTS,
    RIGHTS,
    TABLE,
    WORKFLOW,
    own,
)
from tests.infra.synthesis import Synthesized
from tests.infra.test_functions import rights
from tests.infra.test_workflow import PATIENT, SERVICE_FAULTS, retries, wait_before
from tests.infra.variants import synthesized

NAMES = {"Backfill": "backfill", "BulkRerun": "bulk-rerun", "BulkCancel": "bulk-cancel"}
HANDLERS = {
    "Backfill": {"Plan": f"{DEPLOYED}.backfill.plan", "Work": f"{DEPLOYED}.backfill.register"},
    "BulkRerun": {"Plan": f"{DEPLOYED}.bulk_rerun.plan", "Work": f"{DEPLOYED}.bulk_rerun.rerun"},
    "BulkCancel": {"Plan": f"{DEPLOYED}.bulk_cancel.plan", "Work": f"{DEPLOYED}.bulk_cancel.cancel"},
}
# https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html
LONGEST_NAME, LONGEST_LABEL, MOST_EVENTS = 80, 40, 25_000
LONGEST_FUNCTION_SECONDS = 900


@pytest.fixture(params=NAMES)
def machine(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


def states_of(stage: Synthesized, machine: str) -> dict[str, Any]:
    """Its states by name, with that of the Map's children."""
    definition = json.loads(stage.properties("AWS::StepFunctions::StateMachine", machine)["DefinitionString"])
    states: dict[str, Any] = definition["States"]
    return {**states, **states["EachChunk"]["ItemProcessor"]["States"]}


def functions_of(stage: Synthesized, machine: str) -> dict[str, Any]:
    return {name: stage.properties("AWS::Lambda::Function", f"{machine}{name}") for name in ("Plan", "Work", "Report")}


def test_the_states_follow_each_other_until_no_wave_is_left(stage: Synthesized, machine: str) -> None:
    states = states_of(stage, machine)
    assert states["Begin"] == {"Type": "Pass", "Result": {"progress": {}}, "Next": "Plan"}
    assert {name: state["Next"] for name, state in states.items() if "Next" in state} == {
        "Begin": "Plan",
        "Plan": "Planned",
        "EachChunk": "Report",
        "Report": "Reported",
    }
    planned, reported = states["Planned"], states["Reported"]
    assert [(each["Variable"], each["Next"]) for each in planned["Choices"]] == [
        ("$.refused", "Refused"),
        ("$.chunks", "EachChunk"),
    ]
    assert [(each["StringEquals"], each["Next"]) for each in reported["Choices"]] == [
        ("plan", "Plan"),
        ("done", "Done"),
    ]
    assert (planned["Default"], reported["Default"]) == ("Report", "Failed")
    assert states["Work"]["End"] is True


def test_whatever_goes_wrong_is_caught(stage: Synthesized, machine: str) -> None:
    """All but a child's failure, which the Map counts; and what the Map fails with is reported first."""
    states = states_of(stage, machine)
    caught = {name: state["Catch"] for name, state in states.items() if "Catch" in state}
    assert caught == {
        name: [{"ErrorEquals": ["States.ALL"], "ResultPath": "$.failure", "Next": following}]
        for name, following in (("Plan", "Failed"), ("EachChunk", "Report"), ("Report", "Failed"))
    }
    can_fail = {name for name, state in states.items() if state["Type"] in {"Task", "Map", "Parallel"}}
    assert can_fail == {*caught, "Work"}


def test_the_map_reads_the_chunks_and_keeps_to_the_plan(stage: Synthesized, machine: str) -> None:
    each_chunk = states_of(stage, machine)["EachChunk"]
    assert each_chunk["ItemProcessor"]["ProcessorConfig"] == {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"}
    assert each_chunk["ItemReader"]["ReaderConfig"] == {"InputType": "JSON"}
    assert each_chunk["ItemReader"]["Parameters"] == {"Bucket": "<BucketsResults>", "Key.$": "$.chunks_key"}
    assert each_chunk["MaxConcurrencyPath"] == "$.max_concurrency"
    assert each_chunk["ToleratedFailureCountPath"] == "$.tolerated_failures"
    writer = {"Bucket": "<BucketsResults>", "Prefix": f"{BULK_FOLDERS[machine]}map-runs"}
    assert each_chunk["ResultWriter"]["Parameters"] == writer
    assert each_chunk["ResultPath"] is None
    assert len(each_chunk["Label"]) <= LONGEST_LABEL
    assert "ItemBatcher" not in each_chunk


def test_names_are_no_longer_than_step_functions_takes(stage: Synthesized, machine: str) -> None:
    name = stage.properties("AWS::StepFunctions::StateMachine", machine)["StateMachineName"]
    assert name == f"status-tracker-{stage.settings.stack.stage}-{NAMES[machine]}"
    longest_stage = f"status-tracker-{'s' * 20}-{NAMES[machine]}"
    assert max(map(len, (longest_stage, *states_of(stage, machine)))) <= LONGEST_NAME


def test_everything_is_repeated_with_full_jitter_but_items_that_failed(stage: Synthesized, machine: str) -> None:
    """The function has repeated those itself, and has told of them."""
    states = states_of(stage, machine)
    for name in ("Plan", "Work", "Report"):
        by_error = retries(states[name])
        final = by_error.pop("ItemsFailedError", None)
        assert final == ({"ErrorEquals": ["ItemsFailedError"], "MaxAttempts": 0} if name == "Work" else None)
        assert [entry["ErrorEquals"] for entry in by_error.values()] == [
            PATIENT,
            SERVICE_FAULTS,
            ["States.ALL"],
        ]
        assert {entry["JitterStrategy"] for entry in by_error.values()} == {"FULL"}
        assert by_error["States.ALL"]["MaxAttempts"] >= 3


def test_a_burst_is_waited_for_longer_than_an_hour(prod: Synthesized, machine: str) -> None:
    for name in ("Plan", "Work", "Report"):
        patient = retries(states_of(prod, machine)[name])["TaskNotDueError"]
        waits = sum(wait_before(patient, min(attempt, 100)) for attempt in range(patient["MaxAttempts"]))
        assert waits / 2 > 3600


def test_states_outlive_their_functions_and_the_execution_a_hundred_waves(stage: Synthesized, machine: str) -> None:
    states = states_of(stage, machine)
    for name, function in functions_of(stage, machine).items():
        assert function["Timeout"] == LONGEST_FUNCTION_SECONDS
        assert states[name]["TimeoutSeconds"] > function["Timeout"]
    definition = json.loads(stage.properties("AWS::StepFunctions::StateMachine", machine)["DefinitionString"])
    # A wave is planned in a function's time; at one task a second and concurrency its chunks take 100 s each.
    assert definition["TimeoutSeconds"] > 100 * 2 * LONGEST_FUNCTION_SECONDS


def test_refusals_and_failures_tell_their_cause(stage: Synthesized, machine: str) -> None:
    states = states_of(stage, machine)
    assert states["Refused"] == {"Type": "Fail", "Error": "BadInput", "CausePath": "$.refused"}
    assert states["Failed"] == {"Type": "Fail", "ErrorPath": "$.failure.Error", "CausePath": "$.failure.Cause"}
    assert states["Done"] == {"Type": "Succeed", "OutputPath": "$.summary"}


def test_executions_are_logged_without_their_data(stage: Synthesized, machine: str) -> None:
    logging = stage.properties("AWS::StepFunctions::StateMachine", machine)["LoggingConfiguration"]
    assert logging["Level"] == "ALL"
    assert "IncludeExecutionData" not in logging or logging["IncludeExecutionData"] is False
    names = {group["Properties"].get("LogGroupName") for group in stage.of_type("AWS::Logs::LogGroup").values()}
    assert len([name for name in names if name]) == len(stage.of_type("AWS::StepFunctions::StateMachine"))


def test_what_the_functions_are(stage: Synthesized, machine: str) -> None:
    settings = stage.settings
    for name, function in functions_of(stage, machine).items():
        assert function["Handler"] == {**HANDLERS[machine], "Report": f"{DEPLOYED}.bulk_report.handler"}[name]
        variables = function["Environment"]["Variables"]
        told = {key: value for key, value in variables.items() if key.startswith("BULK_") or key.endswith("BUCKET")}
        assert told == {
            "BUCKET": "<BucketsDocuments>",
            "RESULT_BUCKET": "<BucketsResults>",
            "BULK_TASKS_PER_SECOND": str(settings.bulk.bulk_tasks_per_second),
            "BULK_MAX_CONCURRENCY": str(settings.bulk.bulk_max_concurrency),
            "BULK_TOLERATED_FAILURES": str(settings.bulk.bulk_tolerated_failures),
        }
        assert variables.get("WORKFLOW_ARN") == (WORKFLOW if name == "Work" else None)


def test_the_report_lists_its_own_folder_only(stage: Synthesized, machine: str) -> None:
    role = stage.properties("AWS::IAM::Role", f"{machine}Report")
    statements = [each for policy in role["Policies"] for each in policy["PolicyDocument"]["Statement"]]
    [listing] = [each for each in statements if each["Action"] == "s3:ListBucket"]
    assert listing["Condition"] == {"StringLike": {"s3:prefix": f"{BULK_FOLDERS[machine]}*"}}


def test_machine_may_run_itself_and_its_functions_and_keep_its_files(stage: Synthesized, machine: str) -> None:
    account = "arn:<AWS::Partition>:states:<AWS::Region>:<AWS::AccountId>"
    name = f"status-tracker-{stage.settings.stack.stage}-{NAMES[machine]}"
    found = {each for each in rights(stage, f"{machine}Role") if each[0].partition(":")[0] not in {"logs", "xray"}}
    assert found == {
        *(("lambda:InvokeFunction", f"<{machine}{function}Function.Arn>") for function in ("Plan", "Work", "Report")),
        ("states:StartExecution", f"{account}:stateMachine:{name}"),
        ("states:DescribeExecution", f"{account}:execution:{name}:*"),
        ("states:StopExecution", f"{account}:execution:{name}:*"),
        ("s3:GetObject", own(machine)),
        ("s3:PutObject", own(machine)),
        ("s3:AbortMultipartUpload", own(machine)),
        ("s3:ListMultipartUploadParts", own(machine)),
    }


def test_only_where_it_is_switched_on_is_there_a_machine_that_deletes(prod: Synthesized) -> None:
    """With rights that no other machine has; whoever may start another one deletes nothing by it."""
    deleting, own_files = synthesized("deletes"), f"{RESULTS}/deletions/*"
    assert set(deleting.of_type("AWS::StepFunctions::StateMachine")) - set(
        prod.of_type("AWS::StepFunctions::StateMachine")
    ) == {"BulkDeleteStateMachine"}
    handlers = {name: each["Handler"] for name, each in functions_of(deleting, "BulkDelete").items()}
    assert handlers == {
        "Plan": f"{DEPLOYED}.bulk_delete.plan",
        "Work": f"{DEPLOYED}.bulk_delete.delete",
        "Report": f"{DEPLOYED}.bulk_report.handler",
    }
    assert rights_of_function(deleting, "BulkDeletePlan") == {
        ("dynamodb:Query", INDEX),
        ("dynamodb:BatchGetItem", TABLE),
        ("s3:PutObject", own_files),
    }
    assert rights_of_function(deleting, "BulkDeleteWork") == {
        *((f"dynamodb:{action}", TABLE) for action in ("GetItem", "UpdateItem", "DeleteItem")),
        ("states:StopExecution", EXECUTIONS),
        *((f"s3:{action}", f"{DOCUMENTS}/*") for action in ("GetObject", "DeleteObject")),
        ("s3:ListBucket", DOCUMENTS),
        ("s3:DeleteObject", f"{RESULTS}/*/*"),
        ("s3:ListBucket", RESULTS),
        ("s3:PutObject", own_files),
    }
    for_good = {"dynamodb:DeleteItem", "s3:DeleteObject"}
    may = {each for each in RIGHTS if for_good & {action for action, _ in rights(deleting, f"{each}Role")}}
    assert may == {"WidgetAdmin"}


def rights_of_function(stage: Synthesized, owner: str) -> set[tuple[str, str]]:
    """Beside writing its log and traces."""
    return {each for each in rights(stage, f"{owner}Role") if each[0].partition(":")[0] not in {"logs", "xray"}}
