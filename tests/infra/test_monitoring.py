"""Who is told, what is seen, and what can be asked of the logs."""

from __future__ import annotations

import importlib
import json
from dataclasses import replace
from typing import Any

import pytest
from aws_cdk import aws_cloudwatch as cloudwatch

from app import build
from status_tracker_cdk.monitoring.metrics import STATUS_NAMES, Watched
from status_tracker_cdk.monitoring.monitoring import Monitoring
from tests.handlers.support import ENVIRONMENT
from tests.infra.alarm_table import alarms_of
from tests.infra.expected import DEPLOYED, INTAKE, STEP_FUNCTIONS, STEPS, SWEEP
from tests.infra.synthesis import CONTEXT, Synthesized, new_app

FUNCTION = "AWS::Lambda::Function"


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


# The dashboard


@pytest.fixture
def widgets(stage: Synthesized) -> list[dict[str, Any]]:
    dashboard = stage.properties("AWS::CloudWatch::Dashboard")
    assert dashboard["DashboardName"] == f"status-tracker-{stage.settings.stack.stage}"
    found: list[dict[str, Any]] = json.loads(dashboard["DashboardBody"])["widgets"]
    return found


def shown(widgets: list[dict[str, Any]]) -> list[list[Any]]:
    """Each metric as the dashboard has it: namespace, name, dimensions and, at the end, how it is drawn."""
    metrics = [metric for widget in widgets for metric in widget["properties"].get("metrics", [])]
    return [metric for metric in metrics if isinstance(metric[0], str)]


def of_status(service: str, step: str, status: str) -> list[str]:
    return ["service", service, "status", status, "step", step]


def test_dashboard_begins_with_how_to_read_it_and_the_alarms(widgets: list[dict[str, Any]], stage: Synthesized) -> None:
    text, custom, states, *graphs = widgets
    assert custom["type"] == "custom"
    assert "How to read this" in text["properties"]["markdown"]
    assert "docs/runbook.md" in text["properties"]["markdown"]
    assert f"`{stage.stack.stack_name}`, *Story of one task*" in text["properties"]["markdown"]
    assert len(states["properties"]["alarms"]) == len(alarms_of(stage))
    assert {graph["type"] for graph in graphs} == {"metric"}


def test_dashboard_shows_tasks_and_attempts_of_every_step(widgets: list[dict[str, Any]], stage: Synthesized) -> None:
    metrics, service = shown(widgets), stage.stack.stack_name
    for step in STEPS:
        of_step = ["service", service, "step", step]
        for name in (
            *("TaskSucceeded", "TaskFailed", "TaskIgnored", "TaskDuration", "TaskRetried", "LeaseTakenOver"),
            *("TaskRefused", "RefusedSucceeded", "RefusedIgnored"),
            *("TaskPostponed", "TaskPaused", "TaskCancelled"),
            *("Unfinished", "OldestUnfinished", "Stuck", "FinishedSinceLastSweep", "Restarted", "SweepErrors"),
        ):
            assert any(metric[:6] == ["StatusTracker", name, *of_step] for metric in metrics), name
        shown_statuses = {
            status
            for status in STATUS_NAMES
            if any(metric[:-1] == ["StatusTracker", "Tasks", *of_status(service, step, status)] for metric in metrics)
        }
        # What has succeeded in a step is pending in the next.
        assert set(STATUS_NAMES) - shown_statuses == ({"succeeded"} if step != list(STEPS)[-1] else set())
        durations = [metric[-1] for metric in metrics if metric[:6] == ["StatusTracker", "TaskDuration", *of_step]]
        assert {drawn["stat"] for drawn in durations} == {"p50", "p95"}


def test_dashboard_shows_what_the_sweep_could_not_do_of_intake_too(
    widgets: list[dict[str, Any]], stage: Synthesized
) -> None:
    of_intake = ["StatusTracker", "SweepErrors", "service", stage.stack.stack_name, "step", "Intake"]
    assert [metric[-1]["label"] for metric in shown(widgets) if metric[:6] == of_intake] == ["Intake SweepErrors"]


def test_statuses_on_the_dashboard_are_those_that_a_step_has(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    configs = [step.task_class.config for step in importlib.import_module("documents.tasks").PIPELINE]
    names = {config.status_name(code) for config in configs for code in config.status_shards}
    assert set(STATUS_NAMES) == names


def test_cold_starts_are_shown_of_the_functions_that_count_them(
    widgets: list[dict[str, Any]], stage: Synthesized
) -> None:
    [graph] = [widget for widget in widgets if widget["properties"].get("title") == "Cold starts"]
    shown_of = {metric[3] for metric in graph["properties"]["metrics"]}
    handlers = {f"<{name}>": resource["Properties"]["Handler"] for name, resource in stage.of_type(FUNCTION).items()}
    assert {handlers[name] for name in shown_of} == {
        *(f"{DEPLOYED}.intake.handler", f"{DEPLOYED}.sweep.handler", f"{DEPLOYED}.events.handler"),
        *(step.handler for step in STEPS.values()),
    }


@pytest.mark.parametrize(
    ("namespace", "names"),
    [
        ("StatusTracker", {"TaskCreated", "DuplicateEvent", "BadMessage", "Registered", "ColdStart"}),
        ("AWS/SQS", {"ApproximateAgeOfOldestMessage", "ApproximateNumberOfMessagesVisible", "NumberOfEmptyReceives"}),
        ("AWS/Lambda", {"Errors", "Duration", "Throttles", "ConcurrentExecutions"}),
        ("AWS/States", {"ExecutionsStarted", "ExecutionsFailed", "ExecutionThrottled", "ConsumedCapacity"}),
        ("AWS/DynamoDB", {"ReadThrottleEvents", "WriteThrottleEvents"}),
        ("AWS/DynamoDB", {"ConsumedReadCapacityUnits", "ConsumedWriteCapacityUnits"}),
    ],
)
def test_dashboard_shows_flow_limits_and_use(widgets: list[dict[str, Any]], namespace: str, names: set[str]) -> None:
    assert names <= {metric[1] for metric in shown(widgets) if metric[0] == namespace}


def test_dashboard_shows_table_and_index_apart(widgets: list[dict[str, Any]]) -> None:
    for name in ("ReadThrottleEvents", "WriteThrottleEvents", "ConsumedWriteCapacityUnits"):
        dimensions = [set(metric[2:-1:2]) for metric in shown(widgets) if metric[1] == name]
        assert dimensions == [{"TableName"}, {"TableName", "GlobalSecondaryIndexName"}]


def test_gigabyte_seconds_are_duration_times_memory(widgets: list[dict[str, Any]], stage: Synthesized) -> None:
    [graph] = [widget for widget in widgets if widget["properties"].get("title") == "Lambda GB-seconds"]
    expressions = [metric[0]["expression"] for metric in graph["properties"]["metrics"] if isinstance(metric[0], dict)]
    settings = stage.settings
    of_steps = [settings.steps.step_memory_mb, settings.answering.answer_memory_mb or settings.steps.step_memory_mb]
    assert expressions[: 1 + len(STEPS)] == [
        f"intake / 1000 * {settings.intake.intake_memory_mb} / 1024",
        *(f"{step.lower()} / 1000 * {memory} / 1024" for step, memory in zip(STEPS, of_steps, strict=True)),
    ]


def test_graphs_fill_their_rows_and_none_overlap(widgets: list[dict[str, Any]]) -> None:
    places = {(x, w["y"] + y) for w in widgets for x in range(w["x"], w["x"] + w["width"]) for y in range(w["height"])}
    assert len(places) == sum(widget["width"] * widget["height"] for widget in widgets)
    assert all(widget["x"] + widget["width"] <= 24 for widget in widgets)


# What else is watched


def test_further_functions_queues_and_widgets_are_watched_like_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    watch = Monitoring.__init__

    def with_more(self: Monitoring, *place: Any, watched: Watched, **_: Any) -> None:
        more = replace(
            watched,
            further_functions={"Other": watched.intake.function},
            further_dead_letter_queues={"OtherDeadLetters": watched.intake.queue},
        )
        watch(self, *place, watched=more, extra_widgets=[cloudwatch.TextWidget(markdown="the widget")])

    monkeypatch.setattr(Monitoring, "__init__", with_more)
    stack = Synthesized.of(build(new_app("prod")))
    errors = alarm(stack, "OtherErrors")
    assert (errors["MetricName"], errors["Period"], errors["DatapointsToAlarm"]) == ("Errors", 300, 2)
    assert alarm(stack, "OtherThrottled")["MetricName"] == "Throttles"
    dead = alarm(stack, "OtherDeadLetters")
    assert dead["MetricName"] == "ApproximateNumberOfMessagesVisible"
    assert dead["Dimensions"] == [{"Name": "QueueName", "Value": "<DocumentIntakeQueue.QueueName>"}]
    body = json.loads(stack.properties("AWS::CloudWatch::Dashboard")["DashboardBody"])
    assert body["widgets"][1]["properties"]["markdown"] == "the widget"


def alarm(stack: Synthesized, name: str) -> dict[str, Any]:
    return stack.properties("AWS::CloudWatch::Alarm", f"MonitoringAlarm{name}")


# Questions to the logs


def test_queries_are_saved_over_the_logs_of_every_function(stage: Synthesized) -> None:
    saved = [query["Properties"] for query in stage.of_type("AWS::Logs::QueryDefinition").values()]
    owners = (INTAKE, *STEP_FUNCTIONS.values(), SWEEP)
    groups = {f"<{owner}Logs>" for owner in owners}
    assert groups <= {f"<{name}>" for name in stage.of_type("AWS::Logs::LogGroup")}
    assert {query["Name"] for query in saved} == {
        f"status-tracker-{stage.settings.stack.stage}/{name}"
        for name in (
            *("Failures by error", "Story of one task", "Slowest attempts", "Takeovers", "Refused starts by reason"),
            *("Cold starts", "Killed invocations", "Bad messages"),
        )
    }
    assert all(groups <= set(query["LogGroupNames"]) for query in saved)
