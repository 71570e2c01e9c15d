"""A worker on a queue: its arithmetic against the tracker's, its rights, its alarms, and cdk-nag."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any

import pytest
from aws_cdk import App, Stack, Validations, assertions
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_sns as sns
from cdk_nag import AwsSolutionsChecks

from infra.access import allow
from infra.handler_function import FunctionCommons
from infra.settings import Settings
from infra.sqs_worker import MARGIN_SECONDS, SqsWorker, WorkerPace, receives_to_outlast
from infra.task_table import TaskTable
from infra.tracker_layer import TrackerLayer
from status_tracker.sqs import process_sqs_batch
from tests.infra.synthesis import CONTEXT, Synthesized, new_app
from tests.infra.test_functions import rights

ROOT = Path(__file__).parents[2]
PACE = WorkerPace(seconds_per_record=5, timeout_seconds=60, batch_size=8, max_concurrency=4)


def worker(app: App, pace: WorkerPace = PACE) -> Stack:
    stack = Stack(app, "Example")
    settings = Settings.from_context(CONTEXT["stages"], "prod")
    table = TaskTable(stack, "Tasks", settings=settings)
    commons = FunctionCommons(
        code=lambda_.Code.from_asset(str(ROOT / "lambdas")),
        layer=TrackerLayer(stack, "Layer", source=ROOT / "layer", functions=ROOT / "lambdas"),
        use_case_id="example",
        table_name=table.table.table_name,
        settings=settings,
    )
    SqsWorker(
        stack,
        "Worker",
        commons=commons,
        table=table,
        handler="notify.handler",
        step="Notify",
        pace=pace,
        alarm_topic=sns.Topic(stack, "Alarms", master_key=kms.Key(stack, "Key", enable_key_rotation=True)),
        environment={"MINE": "1"},
        statements=[allow(["s3:GetObject"], "arn:aws:s3:::example/one")],
    )
    return stack


@pytest.fixture(scope="module")
def synthesized() -> Synthesized:
    app = new_app(None)
    Validations.of(app).add_plugins(AwsSolutionsChecks())
    stack = worker(app)
    settings = Settings.from_context(CONTEXT["stages"], "prod")
    app.synth()  # fails for a finding of cdk-nag
    return Synthesized(stack, settings, assertions.Template.from_stack(stack).to_json())  # type: ignore[arg-type]


def test_messages_outlast_the_function_and_every_lease(synthesized: Synthesized) -> None:
    queue = synthesized.properties("AWS::SQS::Queue", "WorkerQueue")
    function = synthesized.properties("AWS::Lambda::Function")
    assert function["Timeout"] == PACE.timeout_seconds
    assert queue["VisibilityTimeout"] >= 6 * function["Timeout"]


def test_the_tracker_gives_a_task_up_before_the_queue_does(synthesized: Synthesized) -> None:
    queue, dead = (synthesized.properties("AWS::SQS::Queue", name) for name in ("WorkerQueue", "DeadLetterQueue"))
    attempts = int(synthesized.properties("AWS::Lambda::Function")["Environment"]["Variables"]["MAX_ATTEMPTS"])
    assert attempts == synthesized.settings.max_attempts
    # An attempt and a wait for each; a killed function for each attempt at each of the 7 neighbours; the news.
    assert queue["RedrivePolicy"] == {
        "deadLetterTargetArn": "<WorkerDeadLetterQueue.Arn>",
        "maxReceiveCount": attempts * 2 + attempts * 7 + 1,
    }
    assert queue["MessageRetentionPeriod"] < dead["MessageRetentionPeriod"]


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


def test_alarms(synthesized: Synthesized) -> None:
    alarms = {name: alarm["Properties"] for name, alarm in synthesized.of_type("AWS::CloudWatch::Alarm").items()}
    watched = {
        name: (alarm["MetricName"], {each["Name"]: each["Value"] for each in alarm["Dimensions"]})
        for name, alarm in alarms.items()
    }
    assert watched == {
        "WorkerUnreadable": (
            "ApproximateNumberOfMessagesVisible",
            {"QueueName": "<WorkerDeadLetterQueue.QueueName>"},
        ),
        "WorkerSetAside": ("TaskIgnored", {"service": "example", "step": "Notify"}),
    }
    for alarm in alarms.values():
        assert alarm["AlarmActions"] == ["<Alarms>"]
        assert len(alarm["AlarmDescription"].split(". ")) >= 2


def test_the_margin_is_the_librarys() -> None:
    assert inspect.signature(process_sqs_batch).parameters["margin_seconds"].default == MARGIN_SECONDS


@pytest.mark.parametrize(
    ("settings", "found"),
    [
        ({"seconds_per_record": 6, "timeout_seconds": 62}, r"10 records of up to 6 s .* need 63 s, and .* is 62"),
        ({"seconds_per_record": 0, "timeout_seconds": 60}, "seconds_per_record is 0"),
        ({"seconds_per_record": 1, "timeout_seconds": 901}, "timeout_seconds is 901"),
        ({"seconds_per_record": 1, "timeout_seconds": 60, "batch_size": 0}, "batch_size is 0"),
        ({"seconds_per_record": 1, "timeout_seconds": 60, "batch_size": 11}, "from 1 to 10"),
        ({"seconds_per_record": 1, "timeout_seconds": 60, "max_concurrency": 1}, "from 2 to 1000"),
    ],
)
def test_a_pace_that_cannot_work_is_refused(settings: dict[str, Any], found: str) -> None:
    with pytest.raises(ValueError, match=found):
        WorkerPace(**settings)


def test_a_batch_may_just_fit() -> None:
    assert WorkerPace(seconds_per_record=6, timeout_seconds=63).batch_size == 10


def test_more_receives_than_sqs_counts_are_refused() -> None:
    assert receives_to_outlast(50, 10) == 551
    with pytest.raises(ValueError, match="lower the batch_size"):
        receives_to_outlast(91, 10)
