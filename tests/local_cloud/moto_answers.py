"""Prints what moto answers to requests whose answers `status_tracker_local.moto_speed` makes quicker.

``python -m tests.local_cloud.moto_answers quicker`` prints them with that, and without the argument without it.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from typing import Any

import boto3
from moto import mock_aws

from status_tracker_local.moto_speed import make_moto_quicker

Answer = Callable[[], Any]
KEY = {"key": {"S": "one"}}
ITEM: dict[str, Any] = {
    **KEY,
    "status": {"S": "a ü €"},
    "number": {"N": "-1.50"},
    "bytes": {"B": b"\x00\xff"},
    "texts": {"SS": ["b", "a"]},
    "numbers": {"NS": ["2", "1"]},
    "blobs": {"BS": [b"x", b"yz"]},
    "map": {"M": {"in": {"M": {"bytes": {"B": b"\x01"}, "none": {"M": {}}}}, "yes": {"BOOL": True}}},
    "list": {"L": [{"S": ""}, {"N": "3"}, {"L": [{"NULL": True}, {"BS": [b"q"]}]}, {"L": []}]},
    "no": {"BOOL": False},
    "nothing": {"NULL": True},
}
VALUES: dict[str, Any] = {
    ":one": {"N": "1"},
    ":text": {"S": "new"},
    ":more": {"L": [{"S": "last"}]},
    ":gone": {"SS": ["a"]},
}
UPDATES = [
    "SET #m.#i = :text, #n = #n + :one",
    "SET #f = if_not_exists(#f, :text), #l = list_append(#l, :more)",
    "ADD #n :one",
    "DELETE #t :gone",
    "REMOVE #l[0], #l[2], #f",
    "SET #m = :text, #m.#i = :text",
    "SET #m.#f.#i = :text",
    "SET #n = #n + :text",
    "SET #n :one",
    "SET #k = :text",
    "SET #n = :one SET #f = :one",
    "SET #n = :one, #n = :text",
    "SET #unknown = :one",
    "SET #f = :unknown",
]
CONDITIONS = [
    "#n < :one AND NOT (contains(#l, :text) OR #f IN (:text, :one))",
    "attribute_exists(#m.#i) AND (size(#t) >= :one OR begins_with(#s, :text))",
    "#n BETWEEN :one AND :text",
    "#l[0] = :text OR attribute_type(#m, :text)",
    "number <= :one",
    "status = :text",
    "#unknown = :one",
    "#n = :unknown",
    "#n BETWEEN :one",
    "((#n = :one))",
    "(#n = :one",
]
# What the values of a condition are from one request to the next, whose text is the same.
WANTED: list[tuple[Any, Any]] = [
    ({"N": "1"}, {"S": "a"}),
    ({"N": "-2"}, {"S": "M"}),
    ({"S": "x"}, {"NULL": True}),
    ({"N": "-1.5"}, {"N": "7"}),
]
NAMES = {
    "#m": "map",
    "#i": "in",
    "#n": "number",
    "#f": "fresh",
    "#l": "list",
    "#t": "texts",
    "#k": "key",
    "#s": "status",
}
RETURNED = ("ALL_NEW", "UPDATED_NEW", "UPDATED_OLD")


def of_items() -> Iterator[Answer]:
    """Requests to a table."""
    dynamodb = boto3.client("dynamodb")
    dynamodb.create_table(
        TableName="table",
        BillingMode="PAY_PER_REQUEST",
        KeySchema=[{"AttributeName": "key", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in ("key", "status")],
        GlobalSecondaryIndexes=[
            {
                "IndexName": "index",
                "KeySchema": [{"AttributeName": "status", "KeyType": "HASH"}],
                "Projection": {"ProjectionType": "ALL"},
            }
        ],
    )
    yield lambda: dynamodb.put_item(TableName="table", Item=ITEM)
    yield lambda: dynamodb.get_item(TableName="table", Key=KEY)
    yield lambda: dynamodb.batch_get_item(RequestItems={"table": {"Keys": [KEY]}})
    yield lambda: dynamodb.query(
        TableName="table",
        IndexName="index",
        KeyConditionExpression="#s = :s",
        ExpressionAttributeNames={"#s": "status"},
        ExpressionAttributeValues={":s": ITEM["status"]},
    )
    for returned in RETURNED:
        for expression in UPDATES:
            yield lambda expression=expression, returned=returned: dynamodb.update_item(  # type: ignore[misc]
                TableName="table",
                Key=KEY,
                UpdateExpression=expression,
                ReturnValues=returned,
                **names(expression),
                **values(expression),
            )
    yield from of_conditions(dynamodb)
    yield lambda: dynamodb.get_item(TableName="table", Key=KEY)


def of_conditions(dynamodb: Any) -> Iterator[Answer]:
    """Each condition with several values, of a write and of a read; the same update with another name for the key."""
    for one, text in WANTED:
        for condition in CONDITIONS:
            wanted = {":one": one, ":text": text}
            named = {name: wanted[name] for name in wanted if name in condition}
            asked = {**names(condition), **({"ExpressionAttributeValues": named} if named else {})}
            yield lambda asked=asked, condition=condition: dynamodb.put_item(  # type: ignore[misc]
                TableName="table", Item=ITEM, ConditionExpression=condition, **asked
            )
            yield lambda asked=asked, condition=condition: dynamodb.scan(  # type: ignore[misc]
                TableName="table", FilterExpression=condition, **asked
            )
    for name in ("fresh", "key", "status"):
        yield lambda name=name: dynamodb.update_item(  # type: ignore[misc]
            TableName="table",
            Key=KEY,
            UpdateExpression="SET #a = :text",
            ConditionExpression="attribute_exists(#a)",
            ExpressionAttributeNames={"#a": name},
            ExpressionAttributeValues={":text": {"S": "new"}},
        )


def names(expression: str) -> dict[str, Any]:
    """The names that an expression has for attributes; DynamoDB refuses an empty list of them."""
    named = {name: NAMES[name] for name in NAMES if name in expression}
    return {"ExpressionAttributeNames": named} if named else {}


def values(expression: str) -> dict[str, Any]:
    """The values that an expression names; DynamoDB refuses an empty list of them."""
    named = {name: VALUES[name] for name in VALUES if name in expression}
    return {"ExpressionAttributeValues": named} if named else {}


def of_queues() -> Iterator[Answer]:
    """Requests to a queue."""
    sqs = boto3.client("sqs")
    url = sqs.create_queue(QueueName="queue")["QueueUrl"]
    counts: Any = ["ApproximateNumberOfMessages"]
    counts += ["ApproximateNumberOfMessagesNotVisible", "ApproximateNumberOfMessagesDelayed"]

    def received() -> dict[str, Any]:
        messages = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=2).get("Messages", [])
        return {"Bodies": [message["Body"] for message in messages]}

    for body, delay in (("a", 0), ("b", 0), ("late", 60), ("c", 0)):
        sqs.send_message(QueueUrl=url, MessageBody=body, DelaySeconds=delay)
    for _ in range(3):
        yield lambda: sqs.get_queue_attributes(QueueUrl=url, AttributeNames=counts)
        yield received


def answered(request: Answer) -> Any:
    """The answer, or the error, without what is different each time."""
    try:
        answer = request()
    except Exception as error:  # noqa: BLE001 - of some requests moto's own
        return f"{type(error).__name__}: {error}"
    return {name: value for name, value in answer.items() if name != "ResponseMetadata"}


@mock_aws
def main() -> None:
    if sys.argv[1:] == ["quicker"]:
        make_moto_quicker()
    for request in (*of_items(), *of_queues()):
        sys.stdout.write(json.dumps(answered(request), default=repr, sort_keys=True) + "\n")


if __name__ == "__main__":
    main()
