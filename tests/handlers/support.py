"""The application as the tests of its functions drive it: real event shapes, the account, log and metrics."""

from __future__ import annotations

import importlib
import json
import uuid
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import boto3
from aws_lambda_powertools import Metrics
from moto import mock_aws

if TYPE_CHECKING:
    import io
    from collections.abc import Iterator
    from types import ModuleType

    import pytest

DOCUMENT_BUCKET = "example-documents"
RESULT_BUCKET = "example-results"
ENVIRONMENT = {
    "AWS_ACCESS_KEY_ID": "testing",
    "AWS_SECRET_ACCESS_KEY": "testing",
    "AWS_DEFAULT_REGION": "us-east-1",
    "USE_CASE_ID": "pdf_processing",
    "TASK_TABLE_NAME": "example-tasks",
    "MAX_ATTEMPTS": "3",
    "WORKFLOW_ARN": "arn:aws:states:us-east-1:123456789012:stateMachine:example-documents",
    "STATUS_TRACKER_TASK": "documents.tasks:PIPELINE",
    "BUCKET": DOCUMENT_BUCKET,
    "DOCUMENT_BUCKET": DOCUMENT_BUCKET,
    "RESULT_BUCKET": RESULT_BUCKET,
    "MAX_DOCUMENT_BYTES": "20000",
    "BULK_TASKS_PER_SECOND": "1000",
    "BULK_MAX_CONCURRENCY": "4",
    "BULK_TOLERATED_FAILURES": "2",
    "POWERTOOLS_SERVICE_NAME": "pdf_processing",
    "POWERTOOLS_METRICS_NAMESPACE": "StatusTracker",
    "POWERTOOLS_LOG_LEVEL": "INFO",
}
SWEEP_SETTINGS = {
    "SWEEP_MAX_RESTARTS": "5",
    "SWEEP_MAX_EXAMINED": "10",
    "SWEEP_PENDING_AFTER_SECONDS": "300",
    "SWEEP_MAX_OBJECTS": "50",
    "SWEEP_UNREGISTERED_AFTER_SECONDS": "600",
}
"""What the sweep's function reads besides."""


@dataclass(frozen=True)
class FakeContext:
    """What Lambda passes beside the event."""

    function_name: str = "example"
    memory_limit_in_mb: int = 512
    invoked_function_arn: str = "arn:aws:lambda:us-east-1:123456789012:function:example"
    aws_request_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    remaining_milliseconds: int = 60_000

    def get_remaining_time_in_millis(self) -> int:
        return self.remaining_milliseconds


def object_created(key: str, etag: str, size: int, *, at: datetime | None = None) -> dict[str, Any]:
    """An event of S3 as EventBridge passes it on; by default of this moment."""
    return {
        "version": "0",
        "id": "17793124-05d4-b198-2fde-7ededc63b103",
        "detail-type": "Object Created",
        "source": "aws.s3",
        "account": "123456789012",
        "time": (at or datetime.now(UTC)).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "region": "us-east-1",
        "resources": [f"arn:aws:s3:::{DOCUMENT_BUCKET}"],
        "detail": {
            "version": "0",
            "bucket": {"name": DOCUMENT_BUCKET},
            "object": {"key": key, "size": size, "etag": etag, "sequencer": "00617F08299329D189"},
            "request-id": "N4N7GDK58NMKJ12R",
            "requester": "123456789012",
            "source-ip-address": "192.0.2.3",
            "reason": "PutObject",
        },
    }


def sqs_event(*bodies: str) -> dict[str, Any]:
    """A batch as Lambda's poller passes it; the messages are m-0, m-1, …"""
    return {
        "Records": [
            {
                "messageId": f"m-{number}",
                "receiptHandle": "AQEBwJnKyrHigUMZj6rYigCgxlaS3SLy0a",
                "body": body,
                "attributes": {
                    "ApproximateReceiveCount": "1",
                    "SentTimestamp": "1545082649183",
                    "SenderId": "AIDAIENQZJOLO23YVJ4VO",
                    "ApproximateFirstReceiveTimestamp": "1545082649185",
                },
                "messageAttributes": {},
                "md5OfBody": "e4e68fb7bd0e697a0ae8f1bb342846b3",
                "eventSource": "aws:sqs",
                "eventSourceARN": "arn:aws:sqs:us-east-1:123456789012:example-intake",
                "awsRegion": "us-east-1",
            }
            for number, body in enumerate(bodies)
        ]
    }


@dataclass
class Application:
    """The account and the functions in it, as a test drives them."""

    intake_module: ModuleType
    extract_module: ModuleType
    answer_module: ModuleType
    tasks: ModuleType

    def __post_init__(self) -> None:
        self.s3 = boto3.client("s3")
        self.step_functions = boto3.client("stepfunctions")

    def upload(self, key: str, content: bytes) -> dict[str, Any]:
        """Store the object, and return the event that S3 sends of it."""
        etag = self.s3.put_object(Bucket=DOCUMENT_BUCKET, Key=key, Body=content)["ETag"].strip('"')
        return object_created(key, etag, len(content))

    def intake(self, *bodies: str) -> list[str]:
        """Invoke intake with a batch, and return the ids of the messages that it reports as failed."""
        answer = self.intake_module.handler(sqs_event(*bodies), FakeContext())
        return [failure["itemIdentifier"] for failure in answer["batchItemFailures"]]

    def register(self, key: str, content: bytes) -> str:
        """Upload and take in; the id of the task."""
        event = self.upload(key, content)
        assert self.intake(json.dumps(event)) == []
        return f"{key}#{event['detail']['object']['etag']}"

    def extract(self, task_id: str, context: FakeContext | None = None) -> None:
        self.extract_module.handler({"task_id": task_id, "run": 0}, context or FakeContext())

    def answer(self, task_id: str) -> None:
        self.answer_module.handler({"task_id": task_id, "run": 0}, FakeContext())

    def task(self, task_id: str) -> Any:
        return self.tasks.ExtractTask.get_one_or_none(task_id)

    def executions(self) -> list[Any]:
        arn = ENVIRONMENT["WORKFLOW_ARN"]
        listed = self.step_functions.list_executions(stateMachineArn=arn)["executions"]
        return [self.step_functions.describe_execution(executionArn=found["executionArn"]) for found in listed]

    def result(self, address: str) -> Any:
        bucket, key = address.removeprefix("s3://").split("/", 1)
        return json.loads(self.s3.get_object(Bucket=bucket, Key=key)["Body"].read())

    def create_workflow(self) -> None:
        self.step_functions.create_state_machine(
            name=ENVIRONMENT["WORKFLOW_ARN"].rsplit(":", 1)[1],
            definition='{"StartAt": "Done", "States": {"Done": {"Type": "Succeed"}}}',
            roleArn="arn:aws:iam::123456789012:role/example",
        )


@contextmanager
def application(monkeypatch: pytest.MonkeyPatch) -> Iterator[Application]:
    """The functions on moto's account in this process, with buckets and table, and without a workflow."""
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    for name in ("AWS_ENDPOINT_URL", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    with mock_aws():
        names = ("status_tracker_ops.deployed.intake", "extract", "answer", "documents.tasks")
        app = Application(*map(importlib.import_module, names))
        for bucket in (DOCUMENT_BUCKET, RESULT_BUCKET):
            app.s3.create_bucket(Bucket=bucket)
        app.tasks.ExtractTask.create_table(wait=True, billing_mode="PAY_PER_REQUEST")
        yield app
        # Powertools keeps one set of metrics a process, and what a refused start has begun stays in it.
        Metrics().clear_metrics()


class Time:
    """The tasks' time."""

    def __init__(self) -> None:
        self.later = timedelta()

    def __call__(self) -> datetime:
        return datetime.now().astimezone() + self.later


@dataclass(frozen=True)
class Log:
    """What the functions have logged, as they send it to CloudWatch."""

    stream: io.StringIO

    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.stream.getvalue().splitlines()]

    def line(self, beginning: str) -> dict[str, Any]:
        [found] = [line for line in self.lines() if line["message"].startswith(beginning)]
        return found


@dataclass(frozen=True)
class MetricsReader:
    """The metrics that the functions have printed (EMF), since the last look."""

    capsys: pytest.CaptureFixture[str]

    def records(self) -> list[dict[str, Any]]:
        lines = self.capsys.readouterr().out.splitlines()
        return [json.loads(line) for line in lines if line.startswith("{") and '"_aws"' in line]

    def counts(self, step: str) -> dict[str, float]:
        """Sum of each metric of a step; checks that the dimensions are those the alarms hang on.

        One that has a status too is here as ``status/name``.
        """
        sums: dict[str, float] = {}
        for record in self.records():
            [told] = record["_aws"]["CloudWatchMetrics"]
            assert told["Namespace"] == "StatusTracker"
            if told["Metrics"][0]["Name"] == "ColdStart":
                assert [set(names) for names in told["Dimensions"]] == [{"service", "function_name"}]
                continue
            status = {"status"} & record.keys()
            assert [set(names) for names in told["Dimensions"]] == [{"service", "step"} | status]
            assert (record["service"], record["step"]) == ("pdf_processing", step)
            for metric in told["Metrics"]:
                name = f"{record['status']}/{metric['Name']}" if status else metric["Name"]
                sums[name] = sums.get(name, 0) + sum(record[metric["Name"]])
        return sums
