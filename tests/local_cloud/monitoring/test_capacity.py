"""What requests to DynamoDB consume: counted here as AWS's own engine counts it."""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws
from moto.dynamodb.models import DynamoDBBackend
from moto.dynamodb.responses import DynamoHandler

from status_tracker_local.account import REGION
from status_tracker_local.monitoring.capacity import CapacityMetrics
from status_tracker_local.monitoring.clock import Clock
from tests.support.engines import Engine

TABLE, INDEX = f"tasks-{uuid.uuid4()}", "by-status"
LONG, LONGER = "x" * 1500, "y" * 5000


@pytest.fixture
def capacity(monkeypatch: pytest.MonkeyPatch) -> Iterator[CapacityMetrics]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    for method in ("put_item", "update_item", "delete_item", "transact_write_items"):
        monkeypatch.setattr(DynamoDBBackend, method, getattr(DynamoDBBackend, method))
    for method in ("get_item", "query", "scan", "batch_get_item"):
        monkeypatch.setattr(DynamoHandler, method, getattr(DynamoHandler, method))
    found = CapacityMetrics(Clock())
    found.install()
    with mock_aws():
        yield found


def make_table(client: Any) -> None:
    names = {"key": "HASH"}, {"status": "HASH", "at": "RANGE"}
    table, index = ([{"AttributeName": name, "KeyType": kind} for name, kind in each.items()] for each in names)
    client.create_table(
        TableName=TABLE,
        BillingMode="PAY_PER_REQUEST",
        KeySchema=table,
        AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in ("key", "status", "at")],
        GlobalSecondaryIndexes=[
            {
                "IndexName": INDEX,
                "KeySchema": index,
                "Projection": {"ProjectionType": "INCLUDE", "NonKeyAttributes": ["shown"]},
            }
        ],
    )


def item(key: str, **attributes: str) -> dict[str, Any]:
    return {name: {"S": value} for name, value in {"key": key, **attributes}.items()}


def update(expression: str, **values: str) -> dict[str, Any]:
    named = {f":{name}": {"S": value} for name, value in values.items()}
    return {
        "Key": item("a"),
        "UpdateExpression": expression,
        **({"ExpressionAttributeValues": named} if named else {}),
        "ExpressionAttributeNames": {"#s": "status"} if "#s" in expression else {"#b": "body"},
    }


NESTED = {**item("d", status="failed", at="3"), "shown": {"M": {"in": {"S": "a"}}}}


def nested(text: str) -> dict[str, Any]:
    """Changes what is within an attribute, which stays as large as it was."""
    return {
        "Key": item("d"),
        "UpdateExpression": "SET shown.#in = :in",
        "ExpressionAttributeNames": {"#in": "in"},
        "ExpressionAttributeValues": {":in": {"S": text}},
    }


QUERY = {
    "IndexName": INDEX,
    "KeyConditionExpression": "#s = :s",
    "ExpressionAttributeNames": {"#s": "status"},
    "ExpressionAttributeValues": {":s": {"S": "failed"}},
}
REQUESTS: list[tuple[str, dict[str, Any]]] = [
    ("put_item", {"Item": item("a", status="pending", at="1", shown="s", body=LONG)}),
    ("put_item", {"Item": item("a", status="pending", at="1", shown="s", body=LONGER)}),  # the index stays as it was
    ("update_item", update("SET #b = :b", b="short")),
    ("update_item", update("SET #s = :s", s="failed")),  # the entry of the index moves
    ("put_item", {"Item": item("b", body=LONG)}),  # in no index
    ("put_item", {"Item": item("c", status="failed", at="2", shown=LONG)}),
    ("get_item", {"Key": item("a")}),
    ("get_item", {"Key": item("c"), "ConsistentRead": True}),
    ("get_item", {"Key": item("nothing")}),
    ("query", QUERY),
    ("scan", {}),
    ("scan", {"ConsistentRead": True}),
    ("delete_item", {"Key": item("c")}),
    ("delete_item", {"Key": item("nothing")}),
    ("put_item", {"Item": NESTED}),
    ("update_item", nested("b")),
    ("update_item", nested("b")),  # the index stays as it was
]


def consumed(answer: dict[str, Any]) -> dict[str, float]:
    """What AWS's own engine says, by index and "" for the table; without what is nothing."""
    told = answer["ConsumedCapacity"]
    indexes = {name: each["CapacityUnits"] for name, each in told.get("GlobalSecondaryIndexes", {}).items()}
    return {name: units for name, units in {"": told["Table"]["CapacityUnits"], **indexes}.items() if units}


def test_it_is_what_the_engine_of_aws_says(capacity: CapacityMetrics, dynamodb_local_engine: Engine) -> None:
    there = boto3.client("dynamodb", region_name=REGION, endpoint_url=dynamodb_local_engine.host)
    here = boto3.client("dynamodb", region_name=REGION)
    for client in (there, here):
        make_table(client)
    for method, request in REQUESTS:
        answer = getattr(there, method)(TableName=TABLE, ReturnConsumedCapacity="INDEXES", **request)
        getattr(here, method)(TableName=TABLE, **request)
        found: Counter[str] = Counter()
        for datum in capacity.collect():
            found[dict(datum.metric.dimensions).get("GlobalSecondaryIndexName", "")] += datum.value  # type: ignore[assignment]
        assert dict(found) == consumed(answer), (method, request)


@pytest.mark.parametrize("missing", ["key", "at"])
@pytest.mark.usefixtures("capacity")
def test_an_item_without_its_key_is_refused_as_if_nobody_counted(missing: str) -> None:
    client: Any = boto3.client("dynamodb", region_name=REGION)
    keys = {"key": "HASH", "at": "RANGE"}
    client.create_table(
        TableName=TABLE,
        BillingMode="PAY_PER_REQUEST",
        KeySchema=[{"AttributeName": name, "KeyType": kind} for name, kind in keys.items()],
        AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in keys],
    )
    lacking = {name: value for name, value in item("a", at="1").items() if name != missing}
    with pytest.raises(ClientError, match=f"were invalid: Missing the key {missing} in the item"):
        client.put_item(TableName=TABLE, Item=lacking)
