"""Prints what moto answers to requests whose answers `status_tracker_local.moto_speed` makes quicker.

``python -m tests.local_cloud.moto_answers quicker`` prints them with that, and without the argument without it.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from typing import Any

import boto3
from botocore.exceptions import ClientError
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
]
NAMES = {"#m": "map", "#i": "in", "#n": "number", "#f": "fresh", "#l": "list", "#t": "texts", "#k": "key"}
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
                ExpressionAttributeNames={name: NAMES[name] for name in NAMES if name in expression},
                ReturnValues=returned,
                **values(expression),
            )
    yield lambda: dynamodb.get_item(TableName="table", Key=KEY)


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
    except ClientError as error:
        return str(error)
    return {name: value for name, value in answer.items() if name != "ResponseMetadata"}


@mock_aws
def main() -> None:
    if sys.argv[1:] == ["quicker"]:
        make_moto_quicker()
    for request in (*of_items(), *of_queues()):
        sys.stdout.write(json.dumps(answered(request), default=repr, sort_keys=True) + "\n")


if __name__ == "__main__":
    main()
