"""The states that wait for Textract, executed: those that call AWS give a fixed answer, and all waits are short."""

from __future__ import annotations

import json
import uuid
from typing import Any

import pytest

from app import build
from status_tracker_local.cloud import LocalCloud
from tests.infra.synthesis import Synthesized, new_app
from tests.local_cloud.support import wait_for


@pytest.fixture(scope="module")
def definition() -> dict[str, Any]:
    """The synthesized workflow: the first wait is of one second, each as much longer, the last of three."""
    patient = {"alarm_no_progress_minutes": 1200, "alarm_oldest_unfinished_minutes": 1200}
    workflow = Synthesized.of(build(new_app("prod", reader="textract", **patient))).workflow
    text = json.dumps(workflow).replace("$.analysis.wait, 5)", "$.analysis.wait, 1)")
    assert text != json.dumps(workflow)
    states = json.loads(text)["States"]
    [choice] = states["IsAnalysisOver"]["Choices"]
    choice["And"][1]["NumericLessThan"] = 3
    states["Extract"] = {"Type": "Succeed"}
    return {"StartAt": workflow["StartAt"], "States": states}


def passing(state: dict[str, Any], result: dict[str, Any]) -> dict[str, Any]:
    """The state without its call, with that result where its own would be."""
    return {"Type": "Pass", "Result": result, "ResultPath": state["ResultPath"], "Next": state["Next"]}


def run(cloud: LocalCloud, definition: dict[str, Any], job_id: str | None, status: str) -> dict[str, Any]:
    """What Extract is invoked with where Textract answers so."""
    states = definition["States"]
    fixed = {
        "StartAnalysis": passing(states["StartAnalysis"], {"job_id": job_id, "wait": 1}),
        "CheckAnalysis": passing(states["CheckAnalysis"], {"status": status}),
    }
    others = ("IsAnalysisBegun", "WaitForAnalysis", "IsAnalysisOver", "WaitLonger", "Extract")
    machine = {**definition, "States": {**{name: states[name] for name in others}, **fixed}}
    functions = cloud.client("stepfunctions")
    arn = functions.create_state_machine(
        name=f"analysis-{uuid.uuid4()}",
        definition=json.dumps(machine),
        roleArn="arn:aws:iam::123456789012:role/example",
    )["stateMachineArn"]
    execution = functions.start_execution(stateMachineArn=arn, name="one", input='{"task_id": "t", "run": 0}')

    def ended() -> dict[str, Any] | None:
        found = functions.describe_execution(executionArn=execution["executionArn"])
        return found if found["status"] != "RUNNING" else None

    found = wait_for("the end of the waiting", ended)
    assert found["status"] == "SUCCEEDED", found
    output: dict[str, Any] = json.loads(found["output"])
    assert (output["task_id"], output["run"]) == ("t", 0)
    return output["analysis"]


def test_without_a_job_there_is_nothing_to_wait_for(cloud: LocalCloud, definition: dict[str, Any]) -> None:
    assert run(cloud, definition, None, "IN_PROGRESS") == {"job_id": None, "wait": 1}


@pytest.mark.parametrize("status", ["SUCCEEDED", "FAILED", "PARTIAL_SUCCESS"])
def test_a_job_that_has_ended_is_not_polled_again(cloud: LocalCloud, definition: dict[str, Any], status: str) -> None:
    assert run(cloud, definition, "j", status) == {"job_id": "j", "wait": 1, "check": {"status": status}}


def test_a_job_that_never_ends_is_polled_less_and_less_and_then_left(
    cloud: LocalCloud, definition: dict[str, Any]
) -> None:
    assert run(cloud, definition, "j", "IN_PROGRESS") == {"job_id": "j", "wait": 3, "check": {"status": "IN_PROGRESS"}}
