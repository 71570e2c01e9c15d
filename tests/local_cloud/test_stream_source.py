"""The stream of a table as the event source of a function: order, kill -9, what is given up, and its rights."""

from __future__ import annotations

import json
import os
import signal
import uuid
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws

from status_tracker_local.runtime_api import Outcome
from status_tracker_local.stream_source import StreamSource
from tests.local_cloud.support import Functions, allow, make_role, wait_for

# Tells the numbers of each batch in the result queue; what it shall do stands in the items.
HANDLER = """
import boto3, json, os, time
sqs = boto3.client("sqs")
def handler(event, context):
    records = event["Records"]
    words = [record["dynamodb"].get("NewImage", {}).get("word", {}).get("S", "-") for record in records]
    sqs.send_message(QueueUrl=os.environ["SEEN"], MessageBody=json.dumps([words, event]))
    if "crash" in words:
        raise RuntimeError("crash")
    if "slow" in words:
        time.sleep(15)
    failed = [record["dynamodb"]["SequenceNumber"] for record, word in zip(records, words) if word == "bad"]
    return {"state": {}, "batchItemFailures": [{"itemIdentifier": number} for number in failed]}
"""

FAILED = Outcome(b"{}", is_error=True)


class Table:
    """A table whose changes go to a function that tells what it sees."""

    def __init__(self, functions: Functions, **mapping: Any) -> None:
        self.cloud = functions.cloud
        self.sqs, self.dynamodb = self.cloud.client("sqs"), self.cloud.client("dynamodb")
        self.name = f"stream-{uuid.uuid4().hex[:8]}"
        self.seen_url, _ = self._queue("seen")
        self.failed_url, self.failed_arn = self._queue("failed")
        self.arn: str = self.dynamodb.create_table(
            TableName=self.name,
            KeySchema=[{"AttributeName": "key", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "key", "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST",
            StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"},
        )["TableDescription"]["LatestStreamArn"]
        functions.make(self.name, HANDLER, Environment={"Variables": {"SEEN": self.seen_url}})
        self.mapping = self.cloud.client("lambda").create_event_source_mapping(
            EventSourceArn=self.arn,
            FunctionName=self.name,
            StartingPosition="TRIM_HORIZON",
            FunctionResponseTypes=["ReportBatchItemFailures"],
            **{"MaximumRetryAttempts": 1, **mapping},
            DestinationConfig={"OnFailure": {"Destination": self.failed_arn}},
        )["UUID"]

    def put(self, *words: str, key: str = "k") -> None:
        for word in words:
            self.dynamodb.put_item(TableName=self.name, Item={"key": {"S": key}, "word": {"S": word}})

    def events(self, enough: Callable[[list[Any]], bool]) -> list[Any]:
        """The words and the events that the function has seen, as soon as they are enough."""
        return self._receive(self.seen_url, enough)

    def failures(self) -> list[Any]:
        return self._receive(self.failed_url, bool)

    def _queue(self, name: str) -> tuple[str, str]:
        url = self.sqs.create_queue(QueueName=f"{self.name}-{name}")["QueueUrl"]
        names = ["QueueArn"]
        return url, self.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"]["QueueArn"]

    def _receive(self, url: str, enough: Callable[[list[Any]], bool]) -> list[Any]:
        found: list[Any] = []

        def look() -> bool:
            for message in self.sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", []):
                found.append(json.loads(message["Body"]))
                self.sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
            return enough(found)

        wait_for(f"messages in {url}", look)
        return found


def words_of(events: list[Any]) -> list[str]:
    return [word for words, _ in events for word in words]


def test_changes_come_in_their_order_with_what_was_before_and_what_is_now(functions: Functions) -> None:
    table = Table(functions, TumblingWindowInSeconds=900)
    table.put("a", "b", "b", "c")
    table.dynamodb.delete_item(TableName=table.name, Key={"key": {"S": "k"}})
    events = table.events(lambda found: len(words_of(found)) >= 4)
    assert words_of(events) == ["a", "b", "c", "-"]
    records = [record for _, event in events for record in event["Records"]]
    assert [record["eventName"] for record in records] == ["INSERT", "MODIFY", "MODIFY", "REMOVE"]
    change = records[1]
    assert (change["eventSourceARN"], change["awsRegion"]) == (table.arn, "us-east-1")
    assert change["dynamodb"]["OldImage"]["word"] == {"S": "a"}
    assert change["dynamodb"]["NewImage"]["word"] == {"S": "b"}
    assert change["dynamodb"]["Keys"] == {"key": {"S": "k"}}
    numbers = [int(record["dynamodb"]["SequenceNumber"]) for record in records]
    assert numbers == sorted(set(numbers))
    assert {event["shardId"] for _, event in events} == {events[0][1]["shardId"]}


def test_a_batch_whose_function_was_killed_comes_again(functions: Functions) -> None:
    table = Table(functions, MaximumRetryAttempts=-1)
    table.put("slow")
    [first] = table.events(bool)
    for pid in table.cloud.processes()[table.name]:
        os.kill(pid, signal.SIGKILL)
    again = table.events(bool)
    assert again[0][1]["Records"] == first[1]["Records"]


def test_what_a_filter_does_not_admit_is_passed_by(functions: Functions) -> None:
    pattern = json.dumps({"dynamodb": {"NewImage": {"word": {"S": [{"prefix": "w"}]}}}})
    table = Table(functions, FilterCriteria={"Filters": [{"Pattern": pattern}]})
    table.put("aside", "wanted", "beside", "word")
    assert words_of(table.events(lambda found: len(words_of(found)) >= 2)) == ["wanted", "word"]


def test_poison_is_set_aside_and_told_by_its_place(functions: Functions) -> None:
    table = Table(functions, MaximumRetryAttempts=0, BisectBatchOnFunctionError=True)
    table.put("good", "crash", "fine")
    [failure] = table.failures()
    batch = failure["DDBStreamBatchInfo"]
    assert failure["requestContext"]["condition"] == "RetryAttemptsExhausted"
    assert failure["responseContext"]["functionError"] == "Unhandled"
    assert (batch["batchSize"], batch["streamArn"]) == (1, table.arn)
    assert batch["startSequenceNumber"] == batch["endSequenceNumber"]
    assert "crash" not in json.dumps(failure)
    assert "fine" in words_of(table.events(lambda found: "fine" in words_of(found)))


def test_a_disabled_mapping_goes_on_where_it_was(functions: Functions) -> None:
    table = Table(functions)
    client = table.cloud.client("lambda")
    for word in ("before", "at last"):  # the first is done with when the second is there, which may still be worked on
        table.put(word)
        table.events(lambda found, word=word: words_of(found) == [word])
    client.update_event_source_mapping(UUID=table.mapping, Enabled=False)
    table.put("meanwhile")
    client.update_event_source_mapping(UUID=table.mapping, Enabled=True)
    words = words_of(table.events(lambda found: "meanwhile" in words_of(found)))
    assert words in (["meanwhile"], ["at last", "meanwhile"])


def test_what_was_being_tried_when_a_mapping_was_disabled_is_tried_again() -> None:
    """A queue between two processes would not tell when the poller has stopped: here it is in this one."""
    with mock_aws():
        client = boto3.client("dynamodb", "us-east-1")
        stream = client.create_table(
            TableName="t",
            KeySchema=[{"AttributeName": "key", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "key", "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST",
            StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"},
        )["TableDescription"]["LatestStreamArn"]
        for key in ("good", "bad", "next"):
            client.put_item(TableName="t", Item={"key": {"S": key}})
        mapping = _mapping_of(stream)
        assert _seen_until_disabled(mapping, lambda _: FAILED) == [["good", "bad"]]
        assert _seen_until_disabled(mapping, lambda records: _reported(records[1])) == [["good", "bad"]]
        assert _seen_until_disabled(mapping, lambda _: _reported()) == [["bad", "next"]]


def test_a_transaction_that_is_refused_is_in_no_stream(functions: Functions) -> None:
    table = Table(functions)
    put = {"TableName": table.name, "Item": {"key": {"S": "a"}, "word": {"S": "refused"}}}
    never = {"TableName": table.name, "Key": {"key": {"S": "b"}}, "ConditionExpression": "attribute_exists(word)"}
    with pytest.raises(ClientError, match="ConditionalCheckFailed"):
        table.dynamodb.transact_write_items(TransactItems=[{"Put": put}, {"ConditionCheck": never}])
    table.put("after")
    assert words_of(table.events(bool)) == ["after"]


def test_a_role_that_may_not_read_the_stream_is_refused(functions: Functions) -> None:
    table = Table(functions)
    reading = allow(["dynamodb:GetRecords", "dynamodb:GetShardIterator", "dynamodb:DescribeStream"], table.arn)
    role = make_role(table.cloud, f"{table.name}-role", "lambda.amazonaws.com", reading)
    functions.make(f"{table.name}-2", HANDLER, role=role)
    with pytest.raises(ClientError, match=r"not authorized to perform: dynamodb:ListStreams"):
        _map(functions, table, f"{table.name}-2")


def test_a_filter_and_a_destination_that_are_not_known_are_refused(functions: Functions) -> None:
    table = Table(functions)
    with pytest.raises(ClientError, match=r"does not know .*wildcard.* at eventName"):
        _map(
            functions,
            table,
            table.name,
            FilterCriteria={"Filters": [{"Pattern": '{"eventName": [{"wildcard": "a"}]}'}]},
        )
    topic = {"OnFailure": {"Destination": "arn:aws:sns:us-east-1:123456789012:failures"}}
    with pytest.raises(ClientError, match="sends failures of streams to queues"):
        _map(functions, table, table.name, DestinationConfig=topic)


def _map(functions: Functions, table: Table, name: str, **settings: Any) -> None:
    functions.cloud.client("lambda").create_event_source_mapping(
        EventSourceArn=table.arn, FunctionName=name, StartingPosition="LATEST", **settings
    )


def _mapping_of(stream: str) -> Any:
    """Moto's event source mapping, as far as a poller reads it."""
    return SimpleNamespace(
        uuid="a-mapping",
        event_source_arn=stream,
        function_arn="a-function",
        starting_position="TRIM_HORIZON",
        starting_position_timestamp=None,
        batch_size=2,
        max_batch_window=0,
        tumbling_window=0,
        max_retry_attempts=None,
        max_record_age=None,
        bisect_on_error=False,
        function_response_types=["ReportBatchItemFailures"],
        filter_criteria=None,
        destination_config=None,
    )


def _seen_until_disabled(mapping: Any, answer: Callable[[list[Any]], Outcome]) -> list[list[str]]:
    """The keys of the batches that a function gets whose mapping is disabled while it runs."""
    seen: list[list[str]] = []

    def invoke(_function: str, event: bytes) -> Outcome:
        source.stop()
        records = json.loads(event)["Records"]
        seen.append([each["dynamodb"]["Keys"]["key"]["S"] for each in records])
        return answer(records)

    source = StreamSource(mapping, invoke, lambda *_: True, lambda *_: None)
    source.start()
    source.join(timeout=30)
    return seen


def _reported(*failed: Any) -> Outcome:
    numbers = [{"itemIdentifier": each["dynamodb"]["SequenceNumber"]} for each in failed]
    return Outcome(json.dumps({"batchItemFailures": numbers}).encode(), is_error=False)
