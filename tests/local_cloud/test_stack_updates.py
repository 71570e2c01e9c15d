"""What becomes of a stack when its template changes, seen through the API of the running cloud."""

from __future__ import annotations

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from status_tracker_local.cloud import LocalCloud
from tests.local_cloud.stack import Stack, inline, left_out

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


def table(*indexed: str, **properties: Any) -> dict[str, Any]:
    def key(name: str) -> list[dict[str, str]]:
        return [{"AttributeName": name, "KeyType": "HASH"}]

    indexes = [{"IndexName": each, "KeySchema": key(each), "Projection": {"ProjectionType": "ALL"}} for each in indexed]
    attributes = [{"AttributeName": each, "AttributeType": "S"} for each in ("key", *indexed)]
    own = {"KeySchema": key("key"), "AttributeDefinitions": attributes, "BillingMode": "PAY_PER_REQUEST", **properties}
    return {"Table": {"Type": "AWS::DynamoDB::Table", "Properties": {**own, "GlobalSecondaryIndexes": indexes}}}


def test_what_changes_of_a_table_is_carried_out_and_its_items_stay(cloud: LocalCloud) -> None:
    stack, dynamodb = Stack(cloud, "tables-that-change"), cloud.client("dynamodb")
    stack.create(table("old", "kept"))
    name = stack.resources()["Table"]
    dynamodb.put_item(TableName=name, Item={each: {"S": "x"} for each in ("key", "kept", "new")})
    ttl = {"AttributeName": "gone", "Enabled": True}
    stream = {"StreamViewType": "NEW_IMAGE"}
    stack.update(table("kept", "new", TimeToLiveSpecification=ttl, StreamSpecification=stream))
    found = dynamodb.describe_table(TableName=name)["Table"]
    assert {each["IndexName"] for each in found["GlobalSecondaryIndexes"]} == {"kept", "new"}
    assert found["StreamSpecification"] == {"StreamEnabled": True, **stream}
    asked = {"KeyConditionExpression": "#new = :x", "ExpressionAttributeNames": {"#new": "new"}}
    items = dynamodb.query(TableName=name, IndexName="new", ExpressionAttributeValues={":x": {"S": "x"}}, **asked)
    assert items["Count"] == 1
    assert dynamodb.describe_time_to_live(TableName=name)["TimeToLiveDescription"]["TimeToLiveStatus"] == "ENABLED"
    stack.update(table("kept"))
    found = dynamodb.describe_table(TableName=name)["Table"]
    assert [each["IndexName"] for each in found["GlobalSecondaryIndexes"]] == ["kept"]
    assert "StreamSpecification" not in found or not found["StreamSpecification"]["StreamEnabled"]
    assert dynamodb.describe_time_to_live(TableName=name)["TimeToLiveDescription"]["TimeToLiveStatus"] == "DISABLED"
    assert left_out(stack)["lines"] == []


def test_a_change_that_cannot_be_carried_out_is_named_until_it_is_taken_back(cloud: LocalCloud) -> None:
    stack = Stack(cloud, "kept")

    def resources(days: int, view: str) -> dict[str, Any]:
        logs = {"Type": "AWS::Logs::LogGroup", "Properties": {"RetentionInDays": days}}
        logs["Metadata"] = {"aws:cdk:path": "App/Logs/Resource"}
        return {"Logs": logs, **table(SSESpecification={"SSEEnabled": view == "sealed"})}

    stack.create(resources(7, "open"))
    stack.update(resources(14, "sealed"))
    stack.update({**resources(30, "sealed"), "Queue": QUEUE})
    reason = "Left as it was, since the local cloud cannot change it:"
    assert left_out(stack)["lines"] == [
        f"{reason} RetentionInDays of App/Logs (AWS::Logs::LogGroup).",
        f"{reason} SSESpecification of Table (AWS::DynamoDB::Table).",
    ]
    stack.update(resources(7, "open"))
    assert left_out(stack)["lines"] == []


def test_an_export_that_is_added_can_be_imported(cloud: LocalCloud) -> None:
    giving, taking = Stack(cloud, "giving"), Stack(cloud, "taking")
    for each in (giving, taking):
        each.create({"Queue": QUEUE})
    giving.update({"Queue": QUEUE}, Outputs={"Given": {"Value": "it", "Export": {"Name": "given"}}})
    taking.update({"Queue": QUEUE}, Outputs={"Taken": {"Value": {"Fn::ImportValue": "given"}}})
    assert taking.outputs() == {"Taken": "it"}


def test_a_nested_stack_is_changed_in_its_place(cloud: LocalCloud) -> None:
    s3, dynamodb = cloud.client("s3"), cloud.client("dynamodb")
    s3.create_bucket(Bucket="nested-templates")
    stack = Stack(cloud, "around")

    def resources(version: int, value: str) -> dict[str, Any]:
        output = {"Value": {"Fn::Join": ["-", [{"Ref": "Table"}, {"Ref": "Given"}]]}}
        inner = {
            "Parameters": {"Given": {"Type": "String"}},
            "Resources": {**table(*(["new"] if version > 1 else [])), "Cell": {"Type": "AWS::Unknown::Cell"}},
            "Outputs": {"Name": {"Value": {"Ref": "Table"}}, "Both": output},
        }
        s3.put_object(Bucket="nested-templates", Key=f"{version}.json", Body=json.dumps(inner).encode())
        url = f"https://s3.us-east-1.amazonaws.com/nested-templates/{version}.json"
        nested = {"TemplateURL": url, "Parameters": {"Given": value}}
        return {"Nested": {"Type": "AWS::CloudFormation::Stack", "Properties": nested}}

    outputs = {each: {"Value": {"Fn::GetAtt": ["Nested", f"Outputs.{each}"]}} for each in ("Name", "Both")}
    stack.create(resources(1, "a"), Outputs=outputs)
    name = stack.outputs()["Name"]
    dynamodb.put_item(TableName=name, Item={"key": {"S": "x"}})
    stack.update(resources(2, "b"), Outputs=outputs)
    assert stack.outputs() == {"Name": name, "Both": f"{name}-b"}
    found = dynamodb.describe_table(TableName=name)["Table"]
    assert (len(found["GlobalSecondaryIndexes"]), found["ItemCount"]) == (1, 1)
    assert left_out(stack)["types"] == ["AWS::Unknown::Cell"]


@pytest.mark.parametrize(
    "about",
    [
        {"Fn::GetAtt": ["Cell", "Arn"]},
        {"Ref": "Cell"},
        {"Fn::Sub": "it is ${Cell.Arn}"},
        {"Fn::Sub": ["${It}", {"It": {"Fn::Join": ["", ["it is ", {"Ref": "Cell"}]]}}]},
    ],
)
def test_an_output_about_what_is_not_deployed_is_left_out_and_named(
    cloud: LocalCloud, about: Any, request: pytest.FixtureRequest
) -> None:
    stack = Stack(cloud, f"cells-{request.node.callspec.id}")
    outputs = {"Cell": {"Value": about, "Export": {"Name": stack.name}}, "Said": {"Value": "it"}}
    stack.create({"Queue": QUEUE, "Cell": {"Type": "AWS::Unknown::Cell"}}, Outputs=outputs)
    assert stack.outputs() == {"Said": "it"}
    assert left_out(stack) == {
        "types": ["AWS::Unknown::Cell"],
        "lines": [f"Left out: the output Cell of {stack.name}, which is about Cell (AWS::Unknown::Cell)."],
    }
