"""An execution that is stopped is over at once, with the error and the cause that were given."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.local_cloud.support import Functions, allow, make_role, wait_for

SLOW = """
import pathlib, time
def handler(event, context):
    folder = pathlib.Path(event["folder"])
    (folder / "begun").touch()
    while not (folder / "go").exists():
        time.sleep(0.02)
    (folder / "done").touch()
    if event.get("fails"):
        raise RuntimeError("too late")
"""
MARK = """
import pathlib
def handler(event, context):
    (pathlib.Path(event["folder"]) / "next").touch()
"""
STOP = {"error": "Cancelled", "cause": "ada: the wrong document"}

Start = Callable[..., Any]


class Execution:
    """One execution, under way."""

    def __init__(self, states: Any, arn: str) -> None:
        self._states, self.arn = states, arn

    def stop(self) -> Any:
        return self._states.stop_execution(executionArn=self.arn, **STOP)

    def described(self) -> Any:
        return self._states.describe_execution(executionArn=self.arn)

    def history(self) -> list[Any]:
        events: list[Any] = self._states.get_execution_history(executionArn=self.arn)["events"]
        return events


@pytest.fixture(scope="module")
def start(functions: Functions) -> Start:
    """Starts an execution of these states, the first of which is ``Work``."""
    states = functions.cloud.client("stepfunctions")
    numbers = iter(range(100))
    role = make_role(functions.cloud, "stopped", "states.amazonaws.com", allow("*", "*"))

    def start(definition: Any, **given: Any) -> Execution:
        name = f"stopped-{next(numbers)}"
        body = json.dumps({"StartAt": "Work", "States": definition})
        arn = states.create_state_machine(name=name, definition=body, roleArn=role)["stateMachineArn"]
        return Execution(states, states.start_execution(stateMachineArn=arn, input=json.dumps(given))["executionArn"])

    return start


@pytest.fixture(scope="module")
def working(functions: Functions) -> Any:
    """States of which the first is slow and is tried again when it fails, and the next leaves a mark."""
    retry = [{"ErrorEquals": ["States.ALL"], "IntervalSeconds": 1, "MaxAttempts": 3}]
    slow, mark = functions.make("stopped-slow", SLOW), functions.make("stopped-mark", MARK)
    return {
        "Work": {"Type": "Task", "Resource": slow, "Retry": retry, "ResultPath": None, "Next": "After"},
        "After": {"Type": "Task", "Resource": mark, "End": True},
    }


def assert_aborted(execution: Execution) -> None:
    found = execution.described()
    assert (found["status"], found["error"], found["cause"]) == ("ABORTED", STOP["error"], STOP["cause"])
    last = execution.history()[-1]
    assert (last["type"], last["executionAbortedEventDetails"]) == ("ExecutionAborted", STOP)


@pytest.mark.parametrize("fails", [False, True])
def test_while_a_function_works(start: Start, working: Any, tmp_path: Path, fails: bool) -> None:
    execution = start(working, folder=str(tmp_path), fails=fails)
    wait_for("the function", (tmp_path / "begun").exists)
    stopped = execution.stop()
    assert_aborted(execution)
    assert execution.described()["stopDate"] == stopped["stopDate"]
    (tmp_path / "go").touch()
    wait_for("the end of the function, which works on", (tmp_path / "done").exists)
    again = start({"Work": working["After"]}, folder=str(tmp_path.parent))
    wait_for(
        "another execution, after which this one would have gone on", lambda: again.described()["status"] != "RUNNING"
    )
    assert again.described()["status"] == "SUCCEEDED", again.history()
    assert_aborted(execution)
    assert not (tmp_path / "next").exists()


def test_while_it_waits(start: Start) -> None:
    execution = start({"Work": {"Type": "Wait", "Seconds": 600, "End": True}})
    execution.stop()
    assert_aborted(execution)


def test_while_it_waits_to_try_again(start: Start, functions: Functions) -> None:
    arn = functions.make("stopped-failing", "def handler(event, context): raise RuntimeError")
    retry = [{"ErrorEquals": ["States.ALL"], "IntervalSeconds": 600}]
    execution = start({"Work": {"Type": "Task", "Resource": arn, "Retry": retry, "End": True}})
    wait_for("the failure", lambda: [each for each in execution.history() if "Failed" in each["type"]])
    execution.stop()
    assert_aborted(execution)


def test_while_a_distributed_map_runs(start: Start, functions: Functions, working: Any, tmp_path: Path) -> None:
    states = functions.cloud.client("stepfunctions")
    one = {"Type": "Task", "Resource": working["Work"]["Resource"], "End": True}
    processor = {"ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"}, "StartAt": "One"}
    each = {"Type": "Map", "ItemsPath": "$.items", "ItemProcessor": {**processor, "States": {"One": one}}, "End": True}
    execution = start({"Work": each}, items=[{"folder": str(tmp_path)}] * 2)
    wait_for("the function", (tmp_path / "begun").exists)
    [run] = states.list_map_runs(executionArn=execution.arn)["mapRuns"]
    execution.stop()

    def described() -> Any:
        found = states.describe_map_run(mapRunArn=run["mapRunArn"])
        return found["status"], found.get("stopDate")

    stopped = described()
    assert stopped[0] == "ABORTED"
    (tmp_path / "go").touch()
    wait_for("the end of the function", (tmp_path / "done").exists)
    again = start({"Work": working["After"]}, folder=str(tmp_path))
    wait_for(
        "another execution, after which the map would have ended", lambda: again.described()["status"] != "RUNNING"
    )
    assert described() == stopped
    assert_aborted(execution)


def test_what_has_ended_stays_as_it_ended(start: Start) -> None:
    execution = start({"Work": {"Type": "Succeed"}})
    before = wait_for("its end", lambda: "output" in execution.described() and execution.described())
    assert execution.stop()["stopDate"] == before["stopDate"]
    after = execution.described()
    assert (after["status"], after.get("error")) == ("SUCCEEDED", None)
