"""The state machine: when a step is tried again, and where each of its errors leads."""

from __future__ import annotations

import importlib
from typing import Any

import pytest

import status_tracker as st
from app import build
from tests.handlers.support import ENVIRONMENT
from tests.infra.synthesis import CONTEXT, Synthesized, new_app

PASSED = "TaskAlreadySucceedError"
NOT_READY = "TaskIsNotReadyToStartError"
HOPELESS = ["TaskIgnoredError", "TaskExhaustedError", "NonRetryableError"]
SERVICE_FAULTS = [
    "Lambda.ClientExecutionTimeoutException",
    "Lambda.ServiceException",
    "Lambda.AWSLambdaException",
    "Lambda.SdkClientException",
]
PATIENT = ["TaskNotDueError", "Postponed", "TaskPausedError", "Lambda.TooManyRequestsException"]
# https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html; a retry is scheduled, started and failed.
MOST_EVENTS, EVENTS_OF_A_RETRY = 25_000, 3


def retries(state: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The retry entries of a step under the first of their errors."""
    return {entry["ErrorEquals"][0]: entry for entry in state["Retry"]}


def wait_before(entry: dict[str, Any], attempt: int) -> float:
    """The seconds that Step Functions waits before that attempt, counted from 0."""
    wait = entry["IntervalSeconds"] * entry["BackoffRate"] ** attempt
    return min(wait, entry.get("MaxDelaySeconds", wait))


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the steps, as the handlers' code has them."""
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    return [step.name for step in importlib.import_module("documents.tasks").PIPELINE]


def test_steps_follow_each_other_with_the_same_input(stage: Synthesized, names: list[str]) -> None:
    assert list(stage.steps) == names
    assert stage.workflow["StartAt"] == names[0]
    assert [state["Next"] for state in stage.steps.values()] == [*names[1:], "Done"]
    for name, state in stage.steps.items():
        assert state["Resource"] == "arn:<AWS::Partition>:states:::lambda:invoke"
        assert state["Parameters"] == {"FunctionName": f"<{name}HandlerFunction.Arn>", "Payload.$": "$"}
        assert state["ResultPath"] is None


def test_order_of_the_retries(stage: Synthesized) -> None:
    for state in stage.steps.values():
        assert [entry["ErrorEquals"] for entry in state["Retry"]] == [
            [*HOPELESS, PASSED, NOT_READY, "TaskIsNotInitializedError"],
            ["TaskLockedError"],
            ["Sandbox.Timedout", "Lambda.Unknown", "Runtime.ExitError", "Runtime.OutOfMemory", "States.Timeout"],
            PATIENT,
            SERVICE_FAULTS,
            ["States.ALL"],
        ]


def test_what_no_retry_can_mend_is_not_retried(stage: Synthesized) -> None:
    for state in stage.steps.values():
        assert retries(state)["TaskIgnoredError"]["MaxAttempts"] == 0


def test_tracker_decides_when_a_task_is_given_up(stage: Synthesized) -> None:
    """The retry after the last attempt allowed is the one that hears from the tracker that the task is ignored."""
    for name, state in stage.steps.items():
        variables = stage.properties("AWS::Lambda::Function", name)["Environment"]["Variables"]
        attempts = int(variables["MAX_ATTEMPTS"])
        assert attempts == stage.settings.retries.max_attempts
        assert retries(state)["States.ALL"]["MaxAttempts"] > attempts
        assert retries(state)["Sandbox.Timedout"]["MaxAttempts"] > attempts


def test_locked_task_is_waited_for_longer_than_every_lease(stage: Synthesized) -> None:
    """Every attempt dies at once and leaves a whole lease behind; one entry's waits have to reach over all of them."""
    for name, state in stage.steps.items():
        lease = stage.properties("AWS::Lambda::Function", name)["Timeout"]
        locked, killed = (retries(state)[error] for error in ("TaskLockedError", "Sandbox.Timedout"))
        waits = 0
        for death in range(stage.settings.retries.max_attempts):
            waited = wait_before(killed, death)
            while waited < lease:
                waited += wait_before(locked, waits)
                waits += 1
        assert waits <= locked["MaxAttempts"]


def test_killed_function_is_tried_again_soon_and_evenly(stage: Synthesized) -> None:
    for state in stage.steps.values():
        killed = retries(state)["Sandbox.Timedout"]
        assert killed["IntervalSeconds"] == stage.settings.retries.retry_interval_seconds
        assert killed["BackoffRate"] == 1


def test_service_faults_back_off_with_full_jitter(stage: Synthesized) -> None:
    for state in stage.steps.values():
        faults = retries(state)["Lambda.ClientExecutionTimeoutException"]
        assert faults["JitterStrategy"] == "FULL"
        assert faults["BackoffRate"] == 2
        assert faults["MaxAttempts"] >= 10


def test_burst_and_a_task_that_is_not_due_are_waited_for_as_long_as_the_execution_lives(prod: Synthesized) -> None:
    for state in prod.steps.values():
        patient = retries(state)["TaskNotDueError"]
        waits = sum(wait_before(patient, min(attempt, 100)) for attempt in range(patient["MaxAttempts"]))
        assert patient["JitterStrategy"] == "FULL"
        assert waits / 2 > prod.workflow["TimeoutSeconds"]  # the jitter takes half of it


def test_r19_r20_what_postpones_or_pauses_a_task_is_waited_for_without_a_count(stage: Synthesized) -> None:
    """Of every step, by the names of the library's own exceptions, before the entry for all others."""
    for state in stage.steps.values():
        for error in (st.Postponed, st.TaskPausedError, st.TaskNotDueError):
            entry = next(each for each in state["Retry"] if {error.__name__, "States.ALL"} & set(each["ErrorEquals"]))
            assert entry["ErrorEquals"] == PATIENT
            assert entry["MaxAttempts"] > 10 * retries(state)["States.ALL"]["MaxAttempts"]


def test_all_retries_together_fit_into_the_history_of_an_execution(stage: Synthesized) -> None:
    attempts = sum(entry["MaxAttempts"] for state in stage.steps.values() for entry in state["Retry"])
    assert attempts * EVENTS_OF_A_RETRY < MOST_EVENTS


def test_the_longest_leases_and_the_shortest_waits_fit_into_the_history_too() -> None:
    settings = {
        "step_timeout_seconds": 900,
        "max_attempts": 50,
        "retry_interval_seconds": 1,
        "retry_max_interval_seconds": 2,
        "retry_backoff_rate": 1.0,
        "alarm_no_progress_minutes": 1320,
        "alarm_oldest_unfinished_minutes": 10_000,
    }
    stages = {"prod": {**CONTEXT["stages"]["prod"], **settings}}
    test_all_retries_together_fit_into_the_history_of_an_execution(
        Synthesized.of(build(new_app("prod", stages=stages)))
    )


def test_no_error_that_ends_a_task_is_retried() -> None:
    """Step Functions knows no classes: each must be named."""
    given_up = {each.__name__ for each in (st.NoMoreRetryError, *st.NoMoreRetryError.__subclasses__())}
    assert given_up - {"NoMoreRetryError"} <= set(HOPELESS)


def test_pacing_is_that_of_the_settings(stage: Synthesized) -> None:
    settings = stage.settings
    for state in stage.steps.values():
        for error in ("TaskLockedError", "States.ALL"):
            entry = retries(state)[error]
            assert entry["IntervalSeconds"] == settings.retries.retry_interval_seconds
            assert entry["MaxDelaySeconds"] == settings.retries.retry_max_interval_seconds
            assert entry["BackoffRate"] == settings.retries.retry_backoff_rate


def test_local_stage_retries_within_two_seconds(local: Synthesized) -> None:
    for state in local.steps.values():
        waits = [wait_before(entry, 100) for entry in state["Retry"] if entry["MaxAttempts"]]
        assert max(waits) <= 2


def test_catches(stage: Synthesized, names: list[str]) -> None:
    for name, following in zip(names, [*names[1:], "Done"], strict=True):
        # An execution never ends Done with a task that is not known to be done.
        passed = [PASSED] if following == "Done" else [PASSED, NOT_READY]
        found = stage.steps[name]["Catch"]
        assert [(catch["ErrorEquals"], catch["Next"], catch["ResultPath"]) for catch in found] == [
            (passed, following, None),
            (HOPELESS, "Ignored", None),
            (["States.ALL"], "Failed", "$.failure"),
        ]


def test_ends(stage: Synthesized) -> None:
    states = stage.workflow["States"]
    assert states["Done"]["Type"] == "Succeed"
    assert states["Ignored"]["Type"] == "Succeed"
    assert states["Failed"] == {"Type": "Fail", "ErrorPath": "$.failure.Error", "CausePath": "$.failure.Cause"}


def test_state_outlives_its_function_and_the_execution_every_state(stage: Synthesized) -> None:
    for name, state in stage.steps.items():
        assert state["TimeoutSeconds"] > stage.properties("AWS::Lambda::Function", name)["Timeout"]
        assert stage.workflow["TimeoutSeconds"] > state["TimeoutSeconds"]


def test_executions_are_logged_and_traced(stage: Synthesized) -> None:
    machine = stage.properties("AWS::StepFunctions::StateMachine", "Workflow")
    assert machine.get("StateMachineType", "STANDARD") == "STANDARD"
    assert machine["TracingConfiguration"] == {"Enabled": True}
    assert machine["LoggingConfiguration"]["Level"] == "ALL"
    [destination] = machine["LoggingConfiguration"]["Destinations"]
    assert destination == {"CloudWatchLogsLogGroup": {"LogGroupArn": "<WorkflowLogs.Arn>"}}
