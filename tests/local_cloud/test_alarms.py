"""The alarms of the deployed application, on the account's clock, which is moved instead of waited for."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.local_cloud.application import Application, different, sample
from tests.local_cloud.support import wait_for

MINUTE, HOUR = 60, 3600


class Alarms:
    """The deployed alarms: their states, and what makes time pass for them."""

    def __init__(self, app: Application) -> None:
        self.app = app
        self.cloudwatch = app.cloud.client("cloudwatch")
        self._functions = app.cloud.client("lambda")
        self._sweep = app.sweep

    def alarm(self, name: str) -> dict[str, Any]:
        full = f"{self.app.stack}-{name}"
        [alarm] = self.cloudwatch.describe_alarms(AlarmNames=[full])["MetricAlarms"]
        return dict(alarm)

    def state(self, name: str) -> str:
        return str(self.alarm(name)["StateValue"])

    def sweep(self) -> None:
        answer = self._functions.invoke(FunctionName=self._sweep, Payload=b"{}")
        assert "FunctionError" not in answer, answer["Payload"].read()

    def minutes(self, count: int) -> None:
        self.app.cloud.forward(count * MINUTE)

    def finish_minute(self) -> None:
        self.app.cloud.forward()

    def changes(self, name: str) -> list[tuple[str, str]]:
        full = f"{self.app.stack}-{name}"
        return [(each["old"], each["new"]) for each in self.app.cloud.alarm_changes() if each["alarm"] == full]


@pytest.fixture(scope="module")
def alarms(app: Application) -> Alarms:
    return Alarms(app)


@pytest.fixture
def told(alarms: Alarms) -> Iterator[Any]:
    """A queue that is subscribed to the topic of the alarms: what it was told."""
    sqs, sns = alarms.app.sqs, alarms.app.cloud.client("sns")
    [topic] = alarms.alarm("IgnoredExtract")["AlarmActions"]
    queue = sqs.create_queue(QueueName="told-by-alarms")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    subscription = sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)["SubscriptionArn"]

    def received() -> list[dict[str, Any]]:
        messages = sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages", [])
        return [json.loads(json.loads(each["Body"])["Message"]) for each in messages]

    yield received
    sns.unsubscribe(SubscriptionArn=subscription)
    sqs.delete_queue(QueueUrl=queue)


def test_an_ignored_document_makes_its_alarm_go_off_and_come_back(alarms: Alarms, told: Any) -> None:
    alarms.minutes(20)  # what other tests have ignored is then long ago
    assert alarms.state("IgnoredExtract") == "OK"
    task_id = alarms.app.upload("alarming/scan.pdf", different(sample("hopeless-scan"), "alarming"))
    alarms.app.ended(task_id)
    alarms.finish_minute()
    alarm = alarms.alarm("IgnoredExtract")
    assert (alarm["StateValue"], alarms.state("IgnoredAnswer")) == ("ALARM", "OK")
    assert "greater than the threshold 0: 1 (" in alarm["StateReason"]
    assert alarm["AlarmName"] in {each["AlarmName"] for each in told()}
    alarms.minutes(20)
    assert alarms.state("IgnoredExtract") == "OK"
    assert alarms.changes("IgnoredExtract")[-2:] == [("OK", "ALARM"), ("ALARM", "OK")]


def test_a_sweep_that_is_stopped_is_noticed(alarms: Alarms) -> None:
    alarms.sweep()
    alarms.finish_minute()
    assert alarms.state("SweepNotRunning") == "OK"

    def missed() -> bool:
        alarms.minutes(4)
        return alarms.state("SweepNotRunning") == "ALARM"

    with alarms.app.unswept():
        wait_for("the alarm", missed)  # a sweep that the scheduler had just begun puts it off once

    def swept() -> bool:
        alarms.finish_minute()
        return alarms.state("SweepNotRunning") == "OK"

    wait_for("the sweep on its schedule", swept)


def test_dead_letters_are_noticed_until_they_are_gone(alarms: Alarms) -> None:
    sqs = alarms.app.sqs
    [queue] = [url for url in sqs.list_queues()["QueueUrls"] if "DeadLetter" in url and "Intake" in url]
    alarms.minutes(5)
    assert alarms.state("DeadLetters") == "OK"
    sqs.send_message(QueueUrl=queue, MessageBody="what nobody could handle")
    try:
        alarms.minutes(1)
        assert alarms.state("DeadLetters") == "ALARM"
    finally:
        sqs.purge_queue(QueueUrl=queue)
    alarms.minutes(1)
    assert alarms.state("DeadLetters") == "OK"


def test_an_hour_without_progress_is_noticed(alarms: Alarms) -> None:
    table = alarms.app.cloud.client("dynamodb")
    working = alarms.app.extract_task()
    task_id = "never-ending.pdf#1"
    working.start(task_id, create=True, data={}, lock_expire_seconds=4 * 3600).__enter__()
    key = working.make_key(task_id)
    try:
        alarms.minutes(120)
        assert alarms.state("NoProgressExtract") == "INSUFFICIENT_DATA"
        begin = now = alarms.app.cloud.forward()
        while alarms.state("NoProgressExtract") != "ALARM" and now < begin + 2 * HOUR:
            alarms.sweep()
            now = alarms.app.cloud.forward(100)  # so that there is a sweep in each period of two minutes
        # What ended just before the hour began is reported within it, and is progress.
        assert HOUR - 3 * MINUTE <= now - begin < 2 * HOUR
        assert alarms.state("NoProgressAnswer") != "ALARM"
    finally:
        table.delete_item(TableName=alarms.app.outputs["TaskTableName"], Key={"key": {"S": key}})
    alarms.sweep()
    alarms.minutes(2)
    assert alarms.state("NoProgressExtract") == "OK"


def test_what_the_functions_and_services_measure_is_there(alarms: Alarms) -> None:
    task_id = alarms.app.upload("measured/invoice.pdf", different(sample("invoice-1001"), "measured"))
    alarms.app.ended(task_id)
    alarms.app.executions(task_id)
    alarms.finish_minute()
    listed = alarms.cloudwatch.get_paginator("list_metrics").paginate()
    found = {(each["Namespace"], each["MetricName"]) for page in listed for each in page["Metrics"]}
    assert found >= {
        ("StatusTracker", "TaskSucceeded"),
        ("StatusTracker", "TaskDuration"),
        ("StatusTracker", "ColdStart"),
        ("AWS/Lambda", "Invocations"),
        ("AWS/Lambda", "Errors"),
        ("AWS/Lambda", "Throttles"),
        ("AWS/Lambda", "Duration"),
        ("AWS/Lambda", "ConcurrentExecutions"),
        ("AWS/SQS", "ApproximateNumberOfMessagesVisible"),
        ("AWS/SQS", "ApproximateAgeOfOldestMessage"),
        ("AWS/SQS", "NumberOfMessagesSent"),
        ("AWS/DynamoDB", "ConsumedReadCapacityUnits"),
        ("AWS/DynamoDB", "ConsumedWriteCapacityUnits"),
        ("AWS/States", "ExecutionsStarted"),
        ("AWS/States", "ExecutionsSucceeded"),
    }


def test_every_alarm_of_the_stack_is_evaluated(alarms: Alarms) -> None:
    alarms.minutes(1)
    found = alarms.cloudwatch.describe_alarms(AlarmNamePrefix=f"{alarms.app.stack}-")["MetricAlarms"]
    assert len(found) > 20
    assert [each["AlarmName"] for each in found if "Not evaluated" in each["StateReason"]] == []
