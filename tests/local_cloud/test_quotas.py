"""What AWS refuses for its size the running cloud refuses too, and takes what is one byte smaller."""

from __future__ import annotations

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from status_tracker_local.cloud import LocalCloud
from tests.local_cloud.support import Functions, wait_for

KIB, MIB = 1024, 1024 * 1024
ECHO = "def handler(event, context): return 'x' * event.get('answer', 0)"
ROLE = "arn:aws:iam::123456789012:role/example"


def text_of(size: int) -> str:
    """A JSON string of so many bytes, half of them in characters of two."""
    inner = size - len('""')
    return "é" * (inner // 4) + "x" * (inner - inner // 4 * 2)


@pytest.fixture(scope="module")
def echo(functions: Functions) -> str:
    return functions.make("echo", ECHO)


def refused(request: Any) -> str:
    with pytest.raises(ClientError) as error:
        request()
    return f"{error.value.response['Error']['Code']}: {error.value.response['Error']['Message']}"


@pytest.mark.parametrize(("kind", "most"), [("Event", MIB), ("RequestResponse", 6 * MIB)])
def test_the_event_of_an_invocation(cloud: LocalCloud, echo: str, kind: str, most: int) -> None:
    def invoke(size: int) -> Any:
        payload = json.dumps({"pad": "x" * (size - len('{"pad": ""}'))}).encode()
        return cloud.client("lambda").invoke(FunctionName=echo, InvocationType=kind, Payload=payload)

    assert invoke(most)["StatusCode"] == (202 if kind == "Event" else 200)
    told = refused(lambda: invoke(most + 1))
    assert (
        told == f"RequestTooLargeException: Request must be smaller than {most} bytes for the InvokeFunction operation"
    )


def test_the_answer_of_a_function(functions: Functions, echo: str) -> None:
    most = 6 * MIB + 100 - len('""')
    answer, failed = functions.invoke(echo, {"answer": most})
    assert (len(answer), failed) == (most, False)
    answer, failed = functions.invoke(echo, {"answer": most + 1})
    assert (answer["errorType"], failed) == ("Function.ResponseSizeTooLarge", True)


def test_the_input_of_an_execution_and_what_its_states_give(cloud: LocalCloud) -> None:
    states = cloud.client("stepfunctions")
    definition = {"StartAt": "Wrap", "States": {"Wrap": {"Type": "Pass", "End": True}}}
    machine = states.create_state_machine(name="wrapping", definition=json.dumps(definition), roleArn=ROLE)
    arn = machine["stateMachineArn"]

    def ended(size: int) -> Any:
        started = states.start_execution(stateMachineArn=arn, input=json.dumps(text_of(size), ensure_ascii=False))

        def look() -> Any:
            found = states.describe_execution(executionArn=started["executionArn"])
            return None if found["status"] == "RUNNING" else found

        return wait_for("the end of the execution", look)

    assert ended(256 * KIB)["status"] == "SUCCEEDED"
    assert "Member must have length less than or equal to 262144" in refused(lambda: ended(256 * KIB + 1))
    wrapping = {"Type": "Pass", "Parameters": {"it.$": "$"}, "End": True}
    states.update_state_machine(
        stateMachineArn=arn, definition=json.dumps({**definition, "States": {"Wrap": wrapping}})
    )
    assert ended(256 * KIB - len('{"it":}'))["status"] == "SUCCEEDED"
    assert ended(256 * KIB - len('{"it":}') + 1)["error"] == "States.DataLimitExceeded"


def test_a_message(cloud: LocalCloud) -> None:
    sqs = cloud.client("sqs")
    url = sqs.create_queue(QueueName="large")["QueueUrl"]
    sqs.send_message(QueueUrl=url, MessageBody=text_of(MIB + 2))
    assert "must be shorter than 1048576 bytes" in refused(
        lambda: sqs.send_message(QueueUrl=url, MessageBody=text_of(MIB + 3))
    )
    halves = [{"Id": str(number), "MessageBody": text_of(MIB // 2 + 2 + number)} for number in range(2)]
    assert "BatchRequestTooLong" in refused(lambda: sqs.send_message_batch(QueueUrl=url, Entries=halves))


def test_events(cloud: LocalCloud) -> None:
    events = cloud.client("events")

    def entry(size: int) -> dict[str, Any]:
        fixed = {"Source": "orders", "DetailType": "Done"}
        detail = json.dumps({"pad": ""})
        pad = size - len("ordersDone") - len(detail)
        return {**fixed, "Detail": json.dumps({"pad": "x" * pad})}

    assert events.put_events(Entries=[entry(MIB // 2), entry(MIB // 2)])["FailedEntryCount"] == 0
    told = refused(lambda: events.put_events(Entries=[entry(MIB // 2), entry(MIB // 2 + 1)]))
    assert told == "ValidationException: Total size of the entries in the request is over the limit."
