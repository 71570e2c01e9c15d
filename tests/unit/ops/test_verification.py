"""What is checked of a deployed stack beside its samples."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from typing import Any, NamedTuple

import boto3
import pytest
from botocore.response import StreamingBody
from botocore.stub import ANY, Stubber

from status_tracker.operations.samples import DoesNotHoldError, NothingToCheckError
from status_tracker_ops import verification

STACK = "status-tracker-prod"
ALARMS = [f"{STACK}-{name}" for name in ("DeadLetters", "IgnoredExtract", "SweepNotRunning")]


class Task(NamedTuple):
    task_id: str


@pytest.fixture
def clients(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Stubber]]:
    """What answers in place of each service."""
    keys = {"aws_access_key_id": "x", "aws_secret_access_key": "x"}
    client: Any = boto3.client
    made = {each: client(each, "eu-west-1", **keys) for each in ("cloudformation", "cloudwatch", "lambda")}
    monkeypatch.setattr(verification, "make_client", lambda service, **_: made[service])
    stubbers = {service: Stubber(client) for service, client in made.items()}
    for stubber in stubbers.values():
        stubber.activate()
    yield stubbers
    for stubber in stubbers.values():
        stubber.assert_no_pending_responses()


def look(name: str) -> str:
    [probe] = [each for each in verification.probes(STACK) if each.name == name]
    return probe.look(lambda: Task("good.pdf#1"))


def stack_with(clients: dict[str, Stubber], *alarms: str) -> None:
    resources = [("AWS::SQS::Queue", "queue"), *(("AWS::CloudWatch::Alarm", name) for name in alarms)]
    summaries = [
        {
            "LogicalResourceId": name,
            "PhysicalResourceId": name,
            "ResourceType": kind,
            "LastUpdatedTimestamp": "2026-01-01T00:00:00Z",
            "ResourceStatus": "CREATE_COMPLETE",
        }
        for kind, name in resources
    ]
    clients["cloudformation"].add_response(
        "list_stack_resources", {"StackResourceSummaries": summaries}, {"StackName": STACK}
    )


def states(clients: dict[str, Stubber], **given: str) -> None:
    alarms = [{"AlarmName": f"{STACK}-{name}", "StateValue": state} for name, state in given.items()]
    clients["cloudwatch"].add_response("describe_alarms", {"MetricAlarms": alarms}, {"AlarmNames": ALARMS})


def test_alarms_are_counted_and_those_that_ring_are_named(clients: dict[str, Stubber]) -> None:
    stack_with(clients, *ALARMS)
    states(clients, DeadLetters="OK", IgnoredExtract="ALARM", SweepNotRunning="INSUFFICIENT_DATA")
    assert look("alarms") == f"3 alarms; without data: 1; in ALARM: {STACK}-IgnoredExtract"


def test_alarms_may_be_told_in_several_pages(clients: dict[str, Stubber]) -> None:
    stack_with(clients, *ALARMS)
    for begin, token in ((0, {"NextToken": "more"}), (2, {})):
        alarms = [{"AlarmName": name, "StateValue": "OK"} for name in ALARMS[begin : begin + 2]]
        asked = {"NextToken": "more"} if begin else {}
        clients["cloudwatch"].add_response(
            "describe_alarms", {"MetricAlarms": alarms, **token}, {"AlarmNames": ALARMS, **asked}
        )
    assert look("alarms") == "3 alarms; without data: 0; in ALARM: none"


def test_an_alarm_that_somebody_has_deleted(clients: dict[str, Stubber]) -> None:
    stack_with(clients, *ALARMS)
    states(clients, DeadLetters="OK", SweepNotRunning="OK")
    with pytest.raises(DoesNotHoldError, match=f"1 of 3 alarms are not there: {STACK}-IgnoredExtract"):
        look("alarms")


def test_a_stack_without_alarms(clients: dict[str, Stubber]) -> None:
    stack_with(clients)
    with pytest.raises(NothingToCheckError, match=f"the stack {STACK} has no alarms"):
        look("alarms")


def invoked(clients: dict[str, Stubber], role: str, payload: Any, **more: str) -> None:
    body = json.dumps(payload).encode()
    answer = {"StatusCode": 200, "Payload": StreamingBody(io.BytesIO(body), len(body)), **more}
    clients["lambda"].add_response("invoke", answer, {"FunctionName": f"{STACK}-widget-{role}", "Payload": ANY})


VIEW, REFUSAL = "<h2>good.pdf#1</h2><button>Rerun from Extract</button>", "<p>The request has no id</p>"


def test_the_widget_shows_and_answers(clients: dict[str, Stubber]) -> None:
    invoked(clients, "viewer", VIEW)
    invoked(clients, "actor", REFUSAL)
    assert look("widget") == "the viewer shows the task; the actor answers"


@pytest.mark.parametrize("role", ["viewer", "actor"])
def test_a_function_that_fails_is_named(clients: dict[str, Stubber], role: str) -> None:
    if role == "actor":
        invoked(clients, "viewer", VIEW)
    invoked(clients, role, {"errorType": "Runtime.ImportModuleError"}, FunctionError="Unhandled")
    with pytest.raises(DoesNotHoldError, match=rf"{STACK}-widget-{role} failed: .*ImportModuleError"):
        look("widget")


def test_a_widget_that_does_not_show_the_task(clients: dict[str, Stubber]) -> None:
    invoked(clients, "viewer", "<p>Something went wrong</p>")
    with pytest.raises(DoesNotHoldError, match=r"the viewer does not show the task: .*Something went wrong"):
        look("widget")


def test_an_actor_that_does_as_it_is_told(clients: dict[str, Stubber]) -> None:
    invoked(clients, "viewer", VIEW)
    invoked(clients, "actor", "<p>Done: Rerun.</p>")
    with pytest.raises(DoesNotHoldError, match=r"the actor did not refuse an unfinished request: .*Done"):
        look("widget")
