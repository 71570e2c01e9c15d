"""Tests as a user writes them, on moto in the process: `mend_dynamodb` makes many threads safe there too."""

from __future__ import annotations

import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import boto3
import pytest
from moto import mock_aws

import status_tracker as st
from status_tracker.testing.moto import mend_dynamodb

WORKERS = 8
REGION = "us-east-1"
STREAMS = f"https://streams.dynamodb.{REGION}.amazonaws.com"  # moto does not know the endpoint that botocore chooses
TASK_IDS = [f"order-{number}" for number in range(25)]

mend_dynamodb()


class Order(st.BaseTask):
    class Meta:
        table_name, region, billing_mode = "orders", REGION, "PAY_PER_REQUEST"

    status_and_update_time_index = st.StatusAndUpdateTimeIndex()
    config = st.TrackerConfig.make("mended", 0, 3, 6, 9, 10)


@pytest.fixture
def credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")


@mock_aws
@pytest.mark.usefixtures("credentials")
def test_of_eight_threads_one_wins_each_task() -> None:
    Order.create_table(wait=True)
    barrier, wins = threading.Barrier(WORKERS), Counter[str]()

    def work(_: int) -> None:
        for task_id in TASK_IDS:
            barrier.wait(30)
            try:
                with Order.start(task_id, create=True):
                    wins[task_id] += 1
            except st.TaskIsNotReadyToStartError:
                continue

    with ThreadPoolExecutor(WORKERS) as pool:
        list(pool.map(work, range(WORKERS)))
    assert wins == dict.fromkeys(TASK_IDS, 1)


@mock_aws
@pytest.mark.usefixtures("credentials")
def test_a_success_with_other_data_of_the_same_size_is_stored_whole() -> None:
    Order.create_table(wait=True)
    old, new = ({"text": letter * 205 * 1024} for letter in "on")
    with Order.start("large", create=True, data=old) as ctx:
        ctx.set_data(new)
    task = Order.get_one_or_none("large", consistent_read=True)
    assert task is not None
    assert (task.is_succeeded(), task.data, task.is_locked()) == (True, new, False)


@mock_aws
@pytest.mark.usefixtures("credentials")
def test_a_refused_update_is_told_to_no_stream() -> None:
    dynamodb = boto3.client("dynamodb", region_name=REGION)
    streams = boto3.client("dynamodbstreams", region_name=REGION, endpoint_url=STREAMS)
    arn = dynamodb.create_table(
        TableName="watched",
        BillingMode="PAY_PER_REQUEST",
        KeySchema=[{"AttributeName": "key", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "key", "AttributeType": "S"}],
        StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"},
    )["TableDescription"]["LatestStreamArn"]

    def set_text(length: int) -> None:
        values: Any = {":text": {"S": "x" * length}}
        expression: Any = {"UpdateExpression": "SET body = :text", "ExpressionAttributeValues": values}
        dynamodb.update_item(TableName="watched", Key={"key": {"S": "k"}}, **expression)

    set_text(3)
    with pytest.raises(dynamodb.exceptions.ClientError, match="exceeded the maximum"):
        set_text(400 * 1024)
    [shard] = streams.describe_stream(StreamArn=arn)["StreamDescription"]["Shards"]
    iterator = streams.get_shard_iterator(StreamArn=arn, ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON")
    records = streams.get_records(ShardIterator=iterator["ShardIterator"])["Records"]
    assert [(each["eventName"], each["dynamodb"]["NewImage"]["body"]) for each in records] == [("INSERT", {"S": "xxx"})]


@mock_aws
@pytest.mark.usefixtures("credentials")
def test_a_refused_transaction_leaves_the_table_and_its_stream_as_they_were() -> None:
    dynamodb: Any = boto3.client("dynamodb", region_name=REGION)
    streams = boto3.client("dynamodbstreams", region_name=REGION, endpoint_url=STREAMS)
    arn = dynamodb.create_table(
        TableName="kept",
        BillingMode="PAY_PER_REQUEST",
        KeySchema=[{"AttributeName": "key", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "key", "AttributeType": "S"}],
        StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"},
    )["TableDescription"]["LatestStreamArn"]
    for key in ("updated", "deleted", "replaced"):
        dynamodb.put_item(TableName="kept", Item={"key": {"S": key}, "deep": {"M": {"n": {"N": "1"}}}})

    def seen() -> tuple[Any, int]:
        items = sorted(dynamodb.scan(TableName="kept")["Items"], key=lambda item: str(item["key"]))
        [shard] = streams.describe_stream(StreamArn=arn)["StreamDescription"]["Shards"]
        begin = streams.get_shard_iterator(StreamArn=arn, ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON")
        return items, len(streams.get_records(ShardIterator=begin["ShardIterator"])["Records"])

    def key(name: str) -> dict[str, Any]:
        return {"TableName": "kept", "Key": {"key": {"S": name}}}

    values = {":two": {"N": "2"}}
    changes = [
        {"Update": {**key("updated"), "UpdateExpression": "SET deep.n = :two", "ExpressionAttributeValues": values}},
        {"Delete": key("deleted")},
        {"Put": {"TableName": "kept", "Item": {"key": {"S": "replaced"}}}},
        {"Put": {"TableName": "kept", "Item": {"key": {"S": "new"}}}},
    ]
    before = seen()
    check = {"ConditionCheck": {**key("missing"), "ConditionExpression": "attribute_exists(deep)"}}
    with pytest.raises(dynamodb.exceptions.TransactionCanceledException):
        dynamodb.transact_write_items(TransactItems=[*changes, check])
    assert seen() == before
    dynamodb.transact_write_items(TransactItems=changes)
    assert seen()[1] == before[1] + len(changes)
