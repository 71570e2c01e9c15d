"""The poller: batches, partial failures, what comes back, and what ends in the dead-letter queue."""

from __future__ import annotations

import json
import uuid
from typing import Any

import pytest

from status_tracker_local.event_source import failed_messages
from status_tracker_local.runtime_api import Outcome
from tests.local_cloud.support import Functions, wait_for

# Tells each batch in the result queue; what it shall do stands in the messages' bodies. What fails is made visible
# again at once: after a short visibility timeout it would come back while a slow cold start is still under way.
HANDLER = """
import boto3, json, os
sqs = boto3.client("sqs")
def handler(event, context):
    records = event["Records"]
    bodies = [record["body"] for record in records]
    counts = [record["attributes"]["ApproximateReceiveCount"] for record in records]
    sqs.send_message(QueueUrl=os.environ["SEEN"], MessageBody=json.dumps([bodies, counts]))
    failed = [record for record in records if "crash" in bodies or record["body"].startswith("bad")]
    for record in failed:
        sqs.change_message_visibility(
            QueueUrl=os.environ["QUEUE"], ReceiptHandle=record["receiptHandle"], VisibilityTimeout=0
        )
    if "crash" in bodies:
        raise RuntimeError("crash")
    return {"batchItemFailures": [{"itemIdentifier": record["messageId"]} for record in failed]}
"""


class Line:
    """A queue with a dead-letter queue, polled for a function that tells what it sees."""

    def __init__(self, functions: Functions) -> None:
        self.sqs = functions.cloud.client("sqs")
        name = f"line-{uuid.uuid4().hex[:8]}"
        self.seen_url, _ = self._queue(f"{name}-seen")
        self.dead_url, dead_arn = self._queue(f"{name}-dead")
        redrive = json.dumps({"deadLetterTargetArn": dead_arn, "maxReceiveCount": 2})
        self.url, arn = self._queue(name, VisibilityTimeout="300", RedrivePolicy=redrive)
        functions.make(name, HANDLER, Environment={"Variables": {"SEEN": self.seen_url, "QUEUE": self.url}})
        functions.cloud.client("lambda").create_event_source_mapping(
            EventSourceArn=arn,
            FunctionName=name,
            BatchSize=10,
            MaximumBatchingWindowInSeconds=2,  # so that what comes one after the other is one batch
            FunctionResponseTypes=["ReportBatchItemFailures"],
            ScalingConfig={"MaximumConcurrency": 2},
        )

    def send(self, *bodies: str) -> None:
        entries = [{"Id": str(index), "MessageBody": body} for index, body in enumerate(bodies)]
        self.sqs.send_message_batch(QueueUrl=self.url, Entries=entries)

    def batches(self, count: int) -> list[Any]:
        """The next batches that the function has seen: the bodies and how often each was received."""
        return [json.loads(body) for body in self._receive(self.seen_url, count)]

    def dead(self, count: int) -> list[str]:
        return self._receive(self.dead_url, count)

    def left(self) -> int:
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        found = self.sqs.get_queue_attributes(QueueUrl=self.url, AttributeNames=names)["Attributes"]
        return sum(int(found[name]) for name in names)

    def _queue(self, name: str, **attributes: str) -> tuple[str, str]:
        url = self.sqs.create_queue(QueueName=name, Attributes=attributes)["QueueUrl"]
        names = ["QueueArn"]
        return url, self.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"]["QueueArn"]

    def _receive(self, url: str, count: int) -> list[str]:
        bodies: list[str] = []

        def enough() -> bool:
            for message in self.sqs.receive_message(QueueUrl=url).get("Messages", []):
                bodies.append(message["Body"])
                self.sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
            return len(bodies) >= count

        wait_for(f"{count} messages in {url}", enough)
        return bodies


def test_messages_of_one_window_come_as_one_batch_and_are_deleted(functions: Functions) -> None:
    line = Line(functions)
    line.send("a", "b")
    line.send("c")
    assert line.batches(1) == [[["a", "b", "c"], ["1", "1", "1"]]]
    wait_for("an empty queue", lambda: line.left() == 0)


def test_only_the_failed_message_of_a_batch_comes_back_until_it_is_dead(functions: Functions) -> None:
    line = Line(functions)
    line.send("good", "bad", "fine")
    assert line.batches(2) == [[["good", "bad", "fine"], ["1", "1", "1"]], [["bad"], ["2"]]]
    assert line.dead(1) == ["bad"]
    wait_for("an empty queue", lambda: line.left() == 0)


def test_the_whole_batch_comes_back_when_the_function_fails(functions: Functions) -> None:
    line = Line(functions)
    line.send("crash", "beside")
    assert line.batches(2) == [[["crash", "beside"], ["1", "1"]], [["crash", "beside"], ["2", "2"]]]
    assert sorted(line.dead(2)) == ["beside", "crash"]


BATCH = {"m1", "m2"}


@pytest.mark.parametrize(
    ("answer", "failed"),
    [
        (None, set()),
        ({}, set()),
        ({"batchItemFailures": []}, set()),
        ({"batchItemFailures": None}, set()),
        ({"batchItemFailures": [{"itemIdentifier": "m2"}]}, {"m2"}),
        ({"batchItemFailures": [{"itemIdentifier": "unknown"}]}, BATCH),
        ({"batchItemFailures": [{"itemIdentifier": ""}]}, BATCH),
        ({"batchItemFailures": [{"itemIdentifier": None}]}, BATCH),
        ({"batchItemFailures": [{"wrong": "m2"}]}, BATCH),
        ({"batchItemFailures": "m2"}, BATCH),
        ("text", BATCH),
    ],
)
def test_what_a_report_says(answer: object, failed: set[str]) -> None:
    outcome = Outcome(json.dumps(answer).encode(), is_error=False)
    assert failed_messages(outcome, BATCH, reports_failures=True) == failed


def test_an_error_is_a_failure_of_all_and_without_reports_anything_else_of_none() -> None:
    assert failed_messages(Outcome(b"{}", is_error=True), BATCH, reports_failures=False) == BATCH
    report = json.dumps({"batchItemFailures": [{"itemIdentifier": "m1"}]}).encode()
    assert failed_messages(Outcome(report, is_error=False), BATCH, reports_failures=False) == set()
