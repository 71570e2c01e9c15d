"""Custom resources, which functions make, seen through the API of the running cloud."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from status_tracker_local.cloud import LocalCloud
from tests.local_cloud.stack import Stack, Template, inline

ANSWERING = """
import json, urllib.request

def handler(event, context):
    properties = event["ResourceProperties"]
    with open(properties["File"], "a") as file:
        file.write(json.dumps(event) + "\\n")
    value = properties["Value"]
    if value == "silence":
        return "said nothing"
    same = {name: event[name] for name in ("StackId", "RequestId", "LogicalResourceId")}
    answer = {**same, "Status": "FAILED", "Reason": "It is full.", "PhysicalResourceId": "x"}
    if value != "failure":
        name = properties.get("Name", "made")
        answer = {**same, "Status": "SUCCESS", "PhysicalResourceId": name, "Data": {"Value": value.upper()}}
    request = urllib.request.Request(event["ResponseURL"], json.dumps(answer).encode(), method="PUT")
    urllib.request.urlopen(request).close()
"""
OUTPUTS = {"Value": {"Value": {"Fn::Join": ["", ["It is ", {"Fn::GetAtt": ["Custom", "Value"]}]]}}}


class Custom:
    """A stack with a custom resource, whose function keeps what it is asked."""

    def __init__(self, cloud: LocalCloud, file: Path) -> None:
        self.stack = Stack(cloud, f"custom-{file.parent.name.replace('_', '-')}")
        self._file = file

    def template(self, *, kind: str = "Custom::Greeting", runtime: str = "python3.14", **properties: Any) -> Template:
        token = {"Fn::GetAtt": ["Function", "Arn"]}
        own = {"ServiceToken": token, "File": str(self._file), **properties}
        return {"Custom": {"Type": kind, "Properties": own}, **inline(ANSWERING, runtime)}

    def asked(self, name: str) -> list[Any]:
        """What stood under that name in each request."""
        return [json.loads(line).get(name) for line in self._file.read_text().splitlines()]


@pytest.fixture
def custom(cloud: LocalCloud, tmp_path: Path) -> Custom:
    return Custom(cloud, tmp_path / "asked.jsonl")


def test_a_custom_resource_is_what_its_function_makes_of_it(custom: Custom) -> None:
    named = {"Fn::Join": ["-", [custom.stack.name, {"Fn::GetAtt": ["Custom", "Value"]}]]}
    queue = {"Type": "AWS::SQS::Queue", "Properties": {"QueueName": named}}
    custom.stack.create({**custom.template(Value="hello"), "Queue": queue})
    made = custom.stack.resources()
    assert made["Custom"] == "made"
    assert made["Queue"].endswith(f"/{custom.stack.name}-HELLO")


def test_a_function_is_asked_with_strings_as_by_cloudformation(custom: Custom) -> None:
    custom.stack.create(custom.template(Value="x", Yes=True, No=False, Deep=[{"Number": 3, "Part": 0.5}]))
    [asked] = custom.asked("ResourceProperties")
    assert (asked["Yes"], asked["No"], asked["Deep"]) == ("true", "false", [{"Number": "3", "Part": "0.5"}])


def test_a_function_that_does_not_run_makes_nothing_and_is_not_waited_for(custom: Custom) -> None:
    custom.stack.create(custom.template(Value="hello", runtime="nodejs24.x"))
    assert "Custom" in custom.stack.resources()


@pytest.mark.parametrize(("value", "told"), [("failure", "It is full"), ("silence", 'returned "said nothing"')])
def test_a_custom_resource_that_fails_fails_its_stack(custom: Custom, value: str, told: str) -> None:
    with pytest.raises(ClientError, match=told):
        custom.stack.create(custom.template(Value=value))


def test_a_type_without_a_name_is_custom_too(custom: Custom) -> None:
    custom.stack.create(custom.template(kind="AWS::CloudFormation::CustomResource", Value="hello"), Outputs=OUTPUTS)
    assert custom.stack.outputs() == {"Value": "It is HELLO"}


def test_a_change_is_asked_for_with_what_was_before(custom: Custom) -> None:
    for value in ("old", "new"):
        do = custom.stack.update if custom.stack.exists() else custom.stack.create
        do(custom.template(Value=value), Outputs=OUTPUTS)
        assert custom.stack.outputs() == {"Value": f"It is {value.upper()}"}
    assert custom.asked("RequestType") == ["Create", "Update"]
    assert custom.asked("PhysicalResourceId") == [None, "made"]
    assert custom.asked("OldResourceProperties")[1]["Value"] == "old"


def test_a_change_that_fails_leaves_what_was_before(custom: Custom) -> None:
    custom.stack.create(custom.template(Value="old"), Outputs=OUTPUTS)
    with pytest.raises(ClientError, match="It is full"):
        custom.stack.update(custom.template(Value="failure"), Outputs=OUTPUTS)
    assert custom.stack.outputs() == {"Value": "It is OLD"}


def test_a_resource_that_is_replaced_or_goes_is_asked_to_be_deleted(custom: Custom) -> None:
    custom.stack.create(custom.template(Value="x", Name="first"))
    custom.stack.update(custom.template(Value="x", Name="second"))
    without = custom.template(Value="x")
    del without["Custom"], without["Function"]
    custom.stack.update(without)
    custom.stack.update(custom.template(Value="x", Name="third"))
    custom.stack.delete()
    asked = list(zip(custom.asked("RequestType"), custom.asked("PhysicalResourceId"), strict=True))
    assert asked == [
        ("Create", None),
        ("Update", "first"),
        ("Delete", "first"),
        ("Delete", "second"),
        ("Create", None),
        ("Delete", "third"),
    ]
