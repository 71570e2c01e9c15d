"""What the functions log: every line says whose it is, and the saved queries ask for what is really logged."""

from __future__ import annotations

import importlib
import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from aws_lambda_powertools.metrics.provider.cold_start import reset_cold_start_flag
from botocore.exceptions import ClientError

import status_tracker as st
from samples import make_samples
from tests.handlers.bulk import Machine
from tests.handlers.support import RESULT_BUCKET, SWEEP_SETTINGS, FakeContext

if TYPE_CHECKING:
    from tests.handlers.support import Application, Log, MetricsReader

SAMPLES = Path(make_samples.__file__).with_name("documents")
INVOICE = (SAMPLES / "invoice-1001.pdf").read_bytes()

KEYWORDS = {
    *("fields", "filter", "and", "stats", "sort", "limit", "by", "in", "like", "as", "asc", "desc"),
    *("count", "count_distinct", "latest", "max", "pct", "ispresent"),
}
# What Logs Insights finds out itself, of every line and of Lambda's own.
DISCOVERED = {"@timestamp", "@message", "@log", "@logStream", "@type", "@initDuration", "@maxMemoryUsed"}


@pytest.fixture
def lines(app: Application, log: Log, monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """What is logged of documents that succeed, fail, are set aside, come again, and of messages that are none."""
    done, taken_over, hopeless, failing = (
        app.register(f"{name}.pdf", content)
        for name, content in (("done", INVOICE), ("taken-over", INVOICE), ("hopeless", b""), ("failing", INVOICE))
    )
    app.s3.delete_bucket(Bucket=RESULT_BUCKET)
    with pytest.raises(ClientError, match="NoSuchBucket"):
        app.extract(failing)
    app.s3.create_bucket(Bucket=RESULT_BUCKET)
    app.extract(done)
    app.answer(done)
    with pytest.raises(st.TaskAlreadySucceedError):
        app.answer(done)
    app.tasks.ExtractTask.start(taken_over, lock_expire_seconds=0.001).__enter__()
    app.extract(taken_over)
    with pytest.raises(st.NonRetryableError):
        app.extract(hopeless)
    assert app.intake("no message of ours") == ["m-0"]
    for execution in app.executions():
        app.step_functions.stop_execution(executionArn=execution["executionArn"])
    for name, value in SWEEP_SETTINGS.items():
        monkeypatch.setenv(name, value)
    importlib.import_module("status_tracker_ops.deployed.sweep").handler({}, FakeContext())
    return log.lines()


def test_every_line_says_whose_it_is(app: Application, lines: list[dict[str, Any]]) -> None:
    steps = {step.name for step in app.tasks.PIPELINE}
    for line in lines:
        assert line["service"] == "pdf_processing"
        assert line["use_case"] in {"pdf_processing", "pdf_processing_sweep"}
        assert line["step"] in {*steps, "Intake", "Sweep"}
        if line["message"] != "Message refused":
            assert "#" in line["task_id"] or line["use_case"] == "pdf_processing_sweep"


@pytest.fixture
def bulk_lines(app: Application, log: Log) -> list[dict[str, Any]]:
    """What is logged of a backfill and of bulk actions, and of input that is refused."""
    app.upload("found.pdf", INVOICE)
    report = importlib.import_module("status_tracker_ops.deployed.bulk_report").handler
    for name, work, given in (
        ("backfill", "register", {"prefix": ""}),
        ("bulk_rerun", "rerun", {"filter": {"statuses": ["pending"]}, "reason": "again"}),
        ("bulk_cancel", "cancel", {"filter": {"statuses": ["pending"]}, "reason": "not wanted"}),
        ("bulk_delete", "delete", {"filter": {"statuses": ["ignored"]}, "reason": "not wanted"}),
    ):
        module = importlib.import_module(f"status_tracker_ops.deployed.{name}")
        machine = Machine(app.s3, module.plan, getattr(module, work), report, started="2099-01-01T00:00:00.000Z")
        machine.run(given)
        assert "refused" in machine.run("no input")
    return log.lines()


def test_every_line_of_a_bulk_machine_says_whose_it_is(bulk_lines: list[dict[str, Any]]) -> None:
    of = {"Backfill": "Chunk registered", **dict.fromkeys(("BulkRerun", "BulkCancel", "BulkDelete"), "Chunk done")}
    for step, worked in of.items():
        messages = [line["message"] for line in bulk_lines if line.get("step") == step]
        assert {"Wave planned", worked, "Wave reported"} <= set(messages)
        assert any("refused" in message for message in messages)
    assert {(line["use_case"], line["step"] in of) for line in bulk_lines} == {("pdf_processing", True)}


def test_every_line_of_the_widget_says_whose_it_is(app: Application, log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("WIDGET_VIEWER_ARN", "WIDGET_ACTOR_ARN", "WIDGET_ADMIN_ARN", "LOG_GROUPS"):
        monkeypatch.setenv(name, "arn:aws:lambda:us-east-1:123456789012:function:example")
    widget = importlib.import_module("status_tracker_ops.deployed.widget")
    deed = {"action": "ignore", "act_on": "Extract", "task_id": "none.pdf#1", "request_id": "0" * 32, "drawn": "0" * 32}
    widget.actor({**deed, "widgetContext": {}}, FakeContext())
    app.tasks.ExtractTask.delete_table()
    widget.viewer({"widgetContext": {}}, FakeContext())
    lines = log.lines()
    assert {line["use_case"] for line in lines} == {"pdf_processing"}
    steps = {line["message"]: line["step"] for line in lines}
    assert (steps["Asked to act"], steps["A view could not be shown"]) == ("Extract", "Widget")


def test_every_line_of_an_attempt_says_which(lines: list[dict[str, Any]]) -> None:
    attempts = [line for line in lines if line["message"].startswith("Attempt")]
    assert len(attempts) >= 10
    for line in attempts:
        assert (line["attempt"] >= 1, line["fence"] >= 1, line["run"]) == (True, True, 0)


def test_intake_tells_the_task_also_of_an_upload_that_it_could_not_take_in(
    app_without_workflow: Application, log: Log
) -> None:
    app = app_without_workflow
    event = app.upload("invoice.pdf", b"content")
    assert app.intake(json.dumps(event), "no message of ours") == ["m-0", "m-1"]
    missed, refused = log.lines()
    assert (missed["task_id"], missed["run"]) == (f"invoice.pdf#{event['detail']['object']['etag']}", 0)
    assert not refused.keys() & {"task_id", "run"}
    assert [line["message_id"] for line in (missed, refused)] == ["m-0", "m-1"]


def test_the_line_after_a_task_does_not_tell_of_it(app: Application, log: Log) -> None:
    app.extract(app.register("one.pdf", INVOICE))
    assert app.intake("no message of ours") == ["m-0"]
    assert not log.lines()[-1].keys() & {"task_id", "attempt", "fence", "run"}


# The saved queries


def asked(query: str) -> tuple[set[str], set[str]]:
    """The fields and the values that a query names."""
    values = set(re.findall(r'"([^"]*)"', query))
    bare = re.sub(r'"[^"]*"|/[^/\n]*[a-zA-Z|][^/\n]*/', "", query)
    aliases = set(re.findall(r"\bas (\w+)", bare))
    words = set(re.findall(r"@?[A-Za-z_]\w*", bare))
    return words - KEYWORDS - aliases, values


def test_the_fields_that_the_saved_queries_name_are_those_that_are_logged(lines: list[dict[str, Any]]) -> None:
    from status_tracker_cdk.monitoring.queries import A_TASK_ID, QUERIES  # noqa: PLC0415 - takes seconds to import

    logged = {name for line in lines for name in line}
    told = {value for line in lines for value in line.values() if isinstance(value, str)}
    for name, query in QUERIES.items():
        fields, values = asked(query.to_string())
        assert fields, name
        assert {field for field in fields if field.startswith("@")} <= DISCOVERED, name
        assert {field for field in fields if not field.startswith("@")} <= logged, name
        assert values - {A_TASK_ID, "REPORT"} <= told, name


def test_a_query_with_a_wrong_field_would_be_found() -> None:
    fields, values = asked('fields @timestamp, tsk_id\n| filter outcome = "Lost" and @message like /a b|c/\n| limit 5')
    assert (fields, values) == ({"@timestamp", "@message", "tsk_id", "outcome"}, {"Lost"})


# Metrics beside those of a task


def test_a_cold_start_is_counted_once_by_function(app: Application, metrics: MetricsReader) -> None:
    task_id = app.register("invoice.pdf", INVOICE)
    metrics.records()
    reset_cold_start_flag()
    app.extract(task_id)
    app.answer(task_id)
    cold = [record for record in metrics.records() if "ColdStart" in record]
    assert [(record["ColdStart"], record["function_name"], record["service"]) for record in cold] == [
        ([1.0], "example", "pdf_processing")
    ]
    [directive] = cold[0]["_aws"]["CloudWatchMetrics"]
    assert set(directive["Dimensions"][0]) == {"function_name", "service"}


def test_no_metric_has_a_dimension_that_tells_the_task(app: Application, metrics: MetricsReader) -> None:
    task_id = app.register("invoice.pdf", INVOICE)
    app.tasks.ExtractTask.start(task_id, lock_expire_seconds=0.001).__enter__()
    app.extract(task_id)
    with pytest.raises(st.TaskAlreadySucceedError):
        app.extract(task_id)
    app.answer(task_id)
    assert app.intake("no message of ours") == ["m-0"]
    records = metrics.records()
    assert len(records) >= 5
    for record in records:
        for directive in record["_aws"]["CloudWatchMetrics"]:
            assert set(directive["Dimensions"][0]) in ({"service", "step"}, {"service", "function_name"})
        assert "invoice" not in json.dumps(record)
