"""What is watched, and who is told."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from app import build
from tests.infra.synthesis import CONTEXT, Synthesized, new_app

README = Path(__file__).parents[2] / "README.md"
ALARM = "AWS::CloudWatch::Alarm"


def dimensions(alarm: dict[str, Any]) -> dict[str, str]:
    return {dimension["Name"]: dimension["Value"] for dimension in alarm["Dimensions"]}


@pytest.mark.parametrize(
    ("name", "namespace", "metric", "watched"),
    [
        (
            "DeadLetters",
            "AWS/SQS",
            "ApproximateNumberOfMessagesVisible",
            {"QueueName": "<DocumentIntakeDeadLetterQueue.QueueName>"},
        ),
        ("IgnoredExtract", "StatusTracker", "TaskIgnored", {"service": "pdf_processing", "step": "Extract"}),
        ("IgnoredAnswer", "StatusTracker", "TaskIgnored", {"service": "pdf_processing", "step": "Answer"}),
        ("ExecutionsFailed", "AWS/States", "ExecutionsFailed", {"StateMachineArn": "<WorkflowStateMachine>"}),
        ("ExecutionsTimedOut", "AWS/States", "ExecutionsTimedOut", {"StateMachineArn": "<WorkflowStateMachine>"}),
        ("ExecutionsAborted", "AWS/States", "ExecutionsAborted", {"StateMachineArn": "<WorkflowStateMachine>"}),
    ],
)
def test_alarm_goes_off_at_the_first(
    stage: Synthesized, name: str, namespace: str, metric: str, watched: dict[str, str]
) -> None:
    alarm = stage.properties(ALARM, name)
    assert (alarm["Namespace"], alarm["MetricName"]) == (namespace, metric)
    assert dimensions(alarm) == watched
    assert alarm["Statistic"] == ("Maximum" if name == "DeadLetters" else "Sum")
    assert alarm["ComparisonOperator"] == "GreaterThanThreshold"
    assert (alarm["Threshold"], alarm["Period"], alarm["EvaluationPeriods"]) == (0, 60, 1)
    assert alarm["TreatMissingData"] == "notBreaching"


def test_every_alarm_is_sent_and_says_what_to_do(stage: Synthesized) -> None:
    for alarm in stage.of_type(ALARM).values():
        assert alarm["Properties"]["AlarmActions"] == ["<MonitoringAlarms>"]
        assert len(alarm["Properties"]["AlarmDescription"].split(". ")) >= 2


def test_alarms_about_tasks_say_how_a_document_is_run_again(stage: Synthesized) -> None:
    for name, alarm in stage.of_type(ALARM).items():
        if name.startswith("Monitoring") and "DeadLetters" not in name:
            assert "'Run a document again' in the README (make rerun)" in alarm["Properties"]["AlarmDescription"]
    assert "\n## Run a document again\n" in README.read_text()


def test_cloudwatch_may_publish_to_the_encrypted_topic(stage: Synthesized) -> None:
    assert stage.properties("AWS::SNS::Topic")["KmsMasterKeyId"] == "<MonitoringAlarmKey.Arn>"
    for resource_type, document, actions in (
        ("AWS::SNS::TopicPolicy", "PolicyDocument", "sns:Publish"),
        ("AWS::KMS::Key", "KeyPolicy", ["kms:Decrypt", "kms:GenerateDataKey*"]),
    ):
        statements = stage.properties(resource_type)[document]["Statement"]
        [allowed] = [s for s in statements if s["Principal"] == {"Service": "cloudwatch.amazonaws.com"}]
        assert allowed["Effect"] == "Allow"
        assert allowed["Action"] == actions
        assert allowed["Condition"] == {"StringEquals": {"aws:SourceAccount": "<AWS::AccountId>"}}


def test_alarms_are_mailed_where_an_address_is_given(prod: Synthesized) -> None:
    assert not prod.of_type("AWS::SNS::Subscription")
    address = "operations@example.com"
    stages = {"prod": {**CONTEXT["stages"]["prod"], "alarm_email": address}}
    for app in (new_app("prod", stages=stages), new_app("prod", alarm_email=address)):
        subscription = Synthesized.of(build(app)).properties("AWS::SNS::Subscription")
        assert (subscription["Protocol"], subscription["Endpoint"]) == ("email", address)


def test_dashboard_shows_outcomes_queues_functions_and_executions(stage: Synthesized) -> None:
    dashboard = stage.properties("AWS::CloudWatch::Dashboard")
    assert dashboard["DashboardName"] == f"status-tracker-{stage.settings.stage}"
    metrics = [
        metric
        for widget in json.loads(dashboard["DashboardBody"])["widgets"]
        for metric in widget["properties"]["metrics"]
    ]
    for step in ("Extract", "Answer"):
        for name in ("TaskSucceeded", "TaskFailed", "TaskIgnored", "TaskDuration"):
            dimensions_of = ["service", "pdf_processing", "step", step]
            assert any(metric[:6] == ["StatusTracker", name, *dimensions_of] for metric in metrics)
    shown = {(metric[0], metric[1]) for metric in metrics}
    assert shown >= {
        ("StatusTracker", "TaskCreated"),
        ("AWS/SQS", "ApproximateAgeOfOldestMessage"),
        ("AWS/SQS", "ApproximateNumberOfMessagesVisible"),
        ("AWS/Lambda", "Errors"),
        ("AWS/Lambda", "Duration"),
        ("AWS/States", "ExecutionsStarted"),
        ("AWS/States", "ExecutionsFailed"),
    }
