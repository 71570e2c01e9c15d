"""A worker on a queue: its arithmetic against the tracker's, its rights, its alarms, and cdk-nag."""

from __future__ import annotations

import inspect
import re
from typing import Any

import pytest
from aws_cdk import assertions

from status_tracker.sqs import process_sqs_batch
from status_tracker_cdk.worker_pace import (
    MARGIN_SECONDS,
    SPARE_RECEIVES,
    WorkerPace,
    receives_to_outlast,
    receives_within_retention,
)
from tests.infra import variants
from tests.infra.synthesis import Synthesized, new_app
from tests.infra.test_functions import rights
from tests.infra.variants import PACE, ROOT, WORKER, worker

DAYS_14 = 14 * 24 * 3600


@pytest.fixture
def synthesized() -> Synthesized:
    return variants.synthesized(WORKER)


def test_messages_outlast_the_function_and_every_lease(synthesized: Synthesized) -> None:
    queue = synthesized.properties("AWS::SQS::Queue", "WorkerQueue")
    function = synthesized.properties("AWS::Lambda::Function")
    assert function["Timeout"] == PACE.timeout_seconds
    assert queue["VisibilityTimeout"] >= 6 * function["Timeout"]


def test_the_tracker_gives_a_task_up_before_the_queue_does(synthesized: Synthesized) -> None:
    queue, dead = (synthesized.properties("AWS::SQS::Queue", name) for name in ("WorkerQueue", "DeadLetterQueue"))
    attempts = int(synthesized.properties("AWS::Lambda::Function")["Environment"]["Variables"]["MAX_ATTEMPTS"])
    assert attempts == synthesized.settings.retries.max_attempts
    # An attempt and a wait for each; a killed function for each attempt at each of the 7 neighbours; outages and
    # pauses; the news.
    assert queue["RedrivePolicy"] == {
        "deadLetterTargetArn": "<WorkerDeadLetterQueue.Arn>",
        "maxReceiveCount": attempts * 2 + attempts * 7 + SPARE_RECEIVES + 1,
    }
    # As long as SQS allows; and a message's age counts on in the dead letter queue.
    assert queue["MessageRetentionPeriod"] == dead["MessageRetentionPeriod"] == DAYS_14


def test_records_of_a_batch_end_by_themselves(synthesized: Synthesized) -> None:
    mapping = synthesized.properties("AWS::Lambda::EventSourceMapping")
    assert mapping["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    assert mapping["EventSourceArn"] == "<WorkerQueue.Arn>"
    assert mapping["BatchSize"] == PACE.batch_size
    assert mapping["ScalingConfig"] == {"MaximumConcurrency": PACE.max_concurrency}
    assert "ReservedConcurrentExecutions" not in synthesized.properties("AWS::Lambda::Function")


def test_function_may_work_on_tasks_and_messages_and_what_it_was_given(synthesized: Synthesized) -> None:
    queue, log = "<WorkerQueue.Arn>", "<WorkerHandlerLogs.Arn>"
    polling = ("ReceiveMessage", "DeleteMessage", "ChangeMessageVisibility", "GetQueueAttributes")
    assert rights(synthesized, "WorkerHandler") == {
        ("dynamodb:GetItem", "<TasksTable.Arn>"),  # is the step paused?
        ("dynamodb:UpdateItem", "<TasksTable.Arn>"),
        *((f"sqs:{action}", queue) for action in polling),
        ("s3:GetObject", "arn:aws:s3:::example/one"),
        ("logs:CreateLogStream", log),
        ("logs:PutLogEvents", log),
        ("xray:PutTraceSegments", "*"),
        ("xray:PutTelemetryRecords", "*"),
    }


def test_function_is_told_its_pace(synthesized: Synthesized) -> None:
    variables = synthesized.properties("AWS::Lambda::Function")["Environment"]["Variables"]
    assert (variables["SECONDS_PER_RECORD"], variables["RETRY_SECONDS"], variables["MINE"]) == ("5", "10", "1")
    assert (variables["USE_CASE_ID"], variables["POWERTOOLS_SERVICE_NAME"]) == ("example", "example")


def alarms_of(synthesized: Synthesized) -> dict[str, dict[str, Any]]:
    return {name: alarm["Properties"] for name, alarm in synthesized.of_type("AWS::CloudWatch::Alarm").items()}


def test_alarms(synthesized: Synthesized) -> None:
    alarms = alarms_of(synthesized)
    watched = {
        name: (alarm["MetricName"], {each["Name"]: each["Value"] for each in alarm["Dimensions"]})
        for name, alarm in alarms.items()
    }
    step, function = {"service": "example", "step": "Notify"}, {"FunctionName": "<WorkerHandlerFunction>"}
    assert watched == {
        "WorkerDeadLetters": (
            "ApproximateNumberOfMessagesVisible",
            {"QueueName": "<WorkerDeadLetterQueue.QueueName>"},
        ),
        "WorkerOldestMessage": ("ApproximateAgeOfOldestMessage", {"QueueName": "<WorkerQueue.QueueName>"}),
        "WorkerSetAside": ("TaskIgnored", step),
        "WorkerNotStarted": ("TaskNotStarted", step),
        "WorkerErrors": ("Errors", function),
        "WorkerThrottled": ("Throttles", function),
    }
    for alarm in alarms.values():
        assert alarm["AlarmActions"] == ["<Alarms>"]
        assert len(alarm["AlarmDescription"].split(". ")) >= 2
        assert alarm["ComparisonOperator"] == "GreaterThanThreshold"


def test_the_page_tells_of_each_alarm(synthesized: Synthesized) -> None:
    page = (ROOT / "docs" / "queue-worker.md").read_text("utf-8")
    table = page.partition("And it has six alarms:\n")[2].partition("\n\n*Again and again*")[0]
    told = {f"Worker{name}" for name in re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE)}
    assert told == set(alarms_of(synthesized))
    assert len(told) == 6


def test_the_oldest_message_may_be_as_old_as_the_pace_says(synthesized: Synthesized) -> None:
    alarm = alarms_of(synthesized)["WorkerOldestMessage"]
    assert (alarm["Threshold"], alarm["Statistic"], alarm["EvaluationPeriods"]) == (45 * 60, "Maximum", 1)


@pytest.mark.parametrize("name", ["WorkerErrors", "WorkerThrottled", "WorkerNotStarted"])
def test_what_lasts_shows_at_each_redelivery_of_a_single_message(synthesized: Synthesized, name: str) -> None:
    queue, alarm = synthesized.properties("AWS::SQS::Queue", "WorkerQueue"), alarms_of(synthesized)[name]
    assert alarm["Period"] == queue["VisibilityTimeout"]
    assert (alarm["EvaluationPeriods"], alarm["DatapointsToAlarm"]) == (3, 2)
    assert (alarm["Threshold"], alarm["Statistic"]) == (0, "Sum")


@pytest.mark.parametrize(("timeout", "minutes"), [(9, 5), (51, 6), (900, 90)])
def test_redelivery_is_looked_at_by_whole_minutes(timeout: int, minutes: int) -> None:
    pace = WorkerPace(seconds_per_record=1, timeout_seconds=timeout, batch_size=1, alarm_age_minutes=200)
    template = assertions.Template.from_stack(worker(new_app(None), pace))
    template.has_resource_properties("AWS::CloudWatch::Alarm", {"MetricName": "Errors", "Period": minutes * 60})


def test_the_margin_is_the_librarys() -> None:
    assert inspect.signature(process_sqs_batch).parameters["margin_seconds"].default == MARGIN_SECONDS


@pytest.mark.parametrize(
    ("settings", "found"),
    [
        ({"seconds_per_record": 6, "timeout_seconds": 63}, r"10 records of up to 6 s, .* need 64 s, and .* is 63"),
        ({"seconds_per_record": 0, "timeout_seconds": 60}, "seconds_per_record is 0"),
        ({"seconds_per_record": 1, "timeout_seconds": 901}, "timeout_seconds is 901"),
        ({"seconds_per_record": 1, "timeout_seconds": 60, "batch_size": 0}, "batch_size is 0"),
        ({"seconds_per_record": 1, "timeout_seconds": 60, "batch_size": 11}, "from 1 to 10"),
        ({"seconds_per_record": 1, "timeout_seconds": 60, "max_concurrency": 1}, "from 2 to 1000"),
        ({"seconds_per_record": 1, "timeout_seconds": 60, "alarm_age_minutes": 0}, "alarm_age_minutes is 0"),
        ({"seconds_per_record": 1, "timeout_seconds": 60, "alarm_age_minutes": 14 * 24 * 60}, "from 1 to 20159"),
        (
            {"seconds_per_record": 1, "timeout_seconds": 900},
            "is 60: give at least 105, .* killed once",
        ),
    ],
)
def test_a_pace_that_cannot_work_is_refused(settings: dict[str, Any], found: str) -> None:
    with pytest.raises(ValueError, match=found):
        WorkerPace(**settings)


def test_a_batch_may_just_fit() -> None:
    assert WorkerPace(seconds_per_record=6, timeout_seconds=64).batch_size == 10


@pytest.mark.parametrize(("timeout", "batch"), [(5, 1), (30, 1), (30, 5), (300, 10), (900, 10)])
def test_a_pace_taken_from_the_timeout_leaves_time_to_begin(timeout: int, batch: int) -> None:
    pace = WorkerPace.within(timeout, batch_size=batch)
    assert pace.batch_size * pace.seconds_per_record + MARGIN_SECONDS < timeout


def test_a_message_may_just_be_redelivered_before_the_alarm() -> None:
    assert WorkerPace(seconds_per_record=1, timeout_seconds=900, alarm_age_minutes=105).visibility_seconds == 5400


def test_more_receives_than_sqs_counts_are_refused() -> None:
    assert receives_to_outlast(50, 10) == 571
    with pytest.raises(ValueError, match="lower the batch_size"):
        receives_to_outlast(91, 10)


@pytest.mark.parametrize(
    ("attempts", "timeout", "batch", "days"),
    [(20, 900, 10, "15.1"), (50, 300, 10, "11.9"), (50, 900, 10, "35.7"), (70, 900, 1, "10.1")],
)
def test_a_queue_that_would_forget_a_message_before_it_gives_it_up_is_refused(
    attempts: int, timeout: int, batch: int, days: str
) -> None:
    pace = WorkerPace(seconds_per_record=1, timeout_seconds=timeout, batch_size=batch, alarm_age_minutes=105)
    with pytest.raises(ValueError, match=rf"{days} days, .* 10 of the 14 days .*: lower the timeout"):
        receives_within_retention(attempts, pace)


def test_a_queue_may_just_give_a_message_up_in_time() -> None:
    pace = WorkerPace(seconds_per_record=1, timeout_seconds=900, batch_size=1, alarm_age_minutes=105)
    assert receives_within_retention(69, pace) == receives_to_outlast(69, 1) == 159
