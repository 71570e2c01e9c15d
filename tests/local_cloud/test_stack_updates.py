"""What becomes of a stack when its template changes, seen through the API of the running cloud."""

from __future__ import annotations

import json

import pytest
from botocore.exceptions import ClientError

from status_tracker_local.cloud import LocalCloud
from tests.local_cloud.stack import Stack, inline

QUEUE = {"Type": "AWS::SQS::Queue", "Properties": {}}


def test_code_that_stands_in_the_template_is_changed(cloud: LocalCloud) -> None:
    stack = Stack(cloud, "inline")
    stack.create(inline("def handler(event, context): return 1"))
    stack.update(inline("def handler(event, context): return 2"))
    name = stack.resources()["Function"]
    assert json.load(cloud.client("lambda").invoke(FunctionName=name)["Payload"]) == 2


BROKEN = {"Type": "AWS::Lambda::EventInvokeConfig", "Properties": {"FunctionName": "nowhere"}}


def test_an_update_that_fails_is_told_and_taken_back(cloud: LocalCloud) -> None:
    stack = Stack(cloud, "failing")
    stack.create({"First": QUEUE, "Second": QUEUE}, Outputs={"Said": {"Value": "old"}})
    before = stack.template()
    for _ in range(2):
        with pytest.raises(ClientError, match=r"ValidationError.* Broken .AWS::Lambda::EventInvokeConfig.: KeyError"):
            stack.update({"First": QUEUE, "Third": QUEUE, "Broken": BROKEN}, Outputs={"Said": {"Value": "new"}})
        assert stack.template() == before
        assert stack.outputs() == {"Said": "old"}
        assert stack.queues() == {"First", "Second"}
    stack.update({"First": QUEUE, "Third": QUEUE}, Outputs={"Said": {"Value": "new"}})
    assert stack.outputs() == {"Said": "new"}
    assert stack.queues() == {"First", "Third"}


def test_a_stack_that_cannot_be_made_is_told_and_taken_back(cloud: LocalCloud) -> None:
    stack = Stack(cloud, "unmade")
    with pytest.raises(ClientError, match=r"ValidationError.* Broken .AWS::Lambda::EventInvokeConfig.: KeyError"):
        stack.create({"First": QUEUE, "Broken": BROKEN})
    assert not stack.exists()
    assert stack.queues() == set()
    stack.create({"First": QUEUE})
    assert stack.queues() == {"First"}


def test_what_was_removed_is_made_when_it_is_there_again(cloud: LocalCloud) -> None:
    stack = Stack(cloud, "returning")
    for names in (["One", "Two"], ["One"], ["One", "Two"]):
        (stack.update if stack.exists() else stack.create)(dict.fromkeys(names, QUEUE))
        assert stack.queues() == {*names}
