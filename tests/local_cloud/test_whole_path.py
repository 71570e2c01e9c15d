"""The application itself on the local cloud: documents go in, and what becomes of each is looked up."""

from __future__ import annotations

import io
import json
import os
import signal
import time
from collections.abc import Iterator

import pytest
from fpdf import FPDF

from tests.local_cloud.application import IGNORED, STEPS, SUCCEEDED, Application, different, sample
from tests.local_cloud.support import wait_for


def slow_pdf(mark: str) -> bytes:
    """A document whose reading takes a second or two: long enough to be struck, far below the timeout."""
    pdf = FPDF()
    pdf.set_font("Helvetica", size=6)
    for page in range(60):
        pdf.add_page()
        for line in range(90):
            pdf.cell(text=f"{mark} page {page}, line {line}: many words that stand for a long contract", new_x="LEFT")
            pdf.ln(2.8)
    out = io.BytesIO()
    pdf.output(out)
    return out.getvalue()


@pytest.fixture(scope="module", autouse=True)
def struck(app: Application) -> dict[str, str]:
    """Two tasks whose first attempt came to grief: one process was killed, one stopped until its timeout.

    Done before all other tests, which then run while the leases of these two run out.
    """
    tasks = {}
    for name, number in (("killed", signal.SIGKILL), ("stopped", signal.SIGSTOP)):
        tasks[name] = app.upload(f"{name}.pdf", slow_pdf(name))
        wait_for(f"work on {name}", lambda name=name: app.in_progress(tasks[name]))
        for pid in app.extract_processes():
            os.kill(pid, number)
    return tasks


def test_the_stack_tells_what_was_not_deployed(app: Application) -> None:
    assert "AWS::Logs::QueryDefinition" in app.cloud.ignored_resource_types
    assert "AWS::DynamoDB::Table" not in app.cloud.ignored_resource_types


def test_a_good_document_is_answered(app: Application) -> None:
    task_id = app.upload("good/invoice.pdf", sample("invoice-1001"))
    task = app.ended(task_id)
    assert (task.status, task.retry, task.errors["history"], task.fence) == (SUCCEEDED, 0, [], len(STEPS))
    answers = app.answers(task_id)
    assert answers["invoice_number"] == "INV-1001"
    assert answers["total"] == "EUR 1,190.00"
    assert app.executions(task_id) == ["SUCCEEDED"]


@pytest.mark.parametrize(
    ("name", "body", "reason"),
    [
        ("scan", sample("hopeless-scan"), "no text"),
        ("password", sample("hopeless-password"), "password"),
        ("truncated", sample("hopeless-truncated"), "cut off"),
        ("video", sample("hopeless-video"), "not a PDF"),
        ("zero bytes", b"", "empty"),
    ],
)
def test_a_hopeless_document_is_ignored_with_its_reason_and_tried_once(
    app: Application, name: str, body: bytes, reason: str
) -> None:
    task_id = app.upload(f"hopeless/{name}.pdf", body)
    task = app.ended(task_id)
    assert task.status in IGNORED
    (entry,) = task.errors["history"]
    assert reason in entry["error"]
    assert app.executions(task_id) == ["SUCCEEDED"]


def test_the_same_bytes_put_twice_are_one_task_and_one_execution(app: Application) -> None:
    first = app.upload("twice.pdf", sample("order-form"))
    app.ended(first)
    assert app.upload("twice.pdf", sample("order-form")) == first
    again = app.upload("after.pdf", sample("order-form"))  # goes through the queue after it
    app.ended(again)
    assert app.executions(first) == ["SUCCEEDED"]
    assert app.task(first).fence == len(STEPS)


def test_changed_bytes_under_the_same_key_are_another_task(app: Application) -> None:
    ids = [app.upload("changed.pdf", different(sample("order-form"), mark)) for mark in ("a", "b")]
    assert ids[0] != ids[1]
    newest = app.ended(ids[1])
    assert newest.status == SUCCEEDED


def test_the_same_message_delivered_many_times_is_one_task_and_one_execution(app: Application) -> None:
    body = sample("invoice-greek")
    task_id = app.upload("redelivered.pdf", body)
    message = app.event_of(task_id, len(body))
    entries = [{"Id": str(index), "MessageBody": message} for index in range(8)]
    app.sqs.send_message_batch(QueueUrl=app.outputs["IntakeQueueUrl"], Entries=entries)
    assert app.ended(task_id).fence == len(STEPS)
    app.ended(app.upload("after the redelivered.pdf", body))
    assert app.executions(task_id) == ["SUCCEEDED"]


@pytest.mark.parametrize(
    "key",
    [
        "with spaces and  more.pdf",
        "ünï/код/文書 ✓.pdf",
        "plus+and%20percent%/100%.pdf",
        'quote\'s "double" & <tag> #1.pdf',
        "long/" + "k" * 991 + ".pdf",
        "é" * 498 + ".pdf",
    ],
    ids=["spaces", "unicode", "plus and percent", "quotes", "1000 bytes", "1000 bytes of unicode"],
)
def test_any_key_is_processed(app: Application, key: str) -> None:
    assert len(key.encode()) <= 1000
    task_id = app.upload(key, sample("invoice-1001"))
    assert app.ended(task_id).status == SUCCEEDED
    assert app.answers(task_id)["invoice_number"] == "INV-1001"


@pytest.fixture
def impatient_queue(app: Application) -> Iterator[None]:
    """The intake queue brings a failed message back after two seconds, not after minutes."""
    url = app.outputs["IntakeQueueUrl"]
    names = ["VisibilityTimeout"]
    before = app.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"]
    app.sqs.set_queue_attributes(QueueUrl=url, Attributes={"VisibilityTimeout": "2"})
    yield
    app.sqs.set_queue_attributes(QueueUrl=url, Attributes=before)


@pytest.mark.usefixtures("impatient_queue")
def test_a_message_that_is_no_upload_ends_in_the_dead_letter_queue_and_its_neighbours_go_through(
    app: Application,
) -> None:
    body = sample("invoice-2026-0042")
    neighbour = app.upload("neighbour.pdf", body)
    messages = ["no JSON at all", json.dumps({"detail-type": "Other"}), app.event_of(neighbour, len(body))]
    entries = [{"Id": str(index), "MessageBody": message} for index, message in enumerate(messages)]
    app.sqs.send_message_batch(QueueUrl=app.outputs["IntakeQueueUrl"], Entries=entries)
    assert app.ended(neighbour).status == SUCCEEDED
    dead: set[str] = set()

    def all_dead() -> bool:
        url = app.outputs["IntakeDeadLetterQueueUrl"]
        for message in app.sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", []):
            dead.add(message["Body"])
            app.sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        return len(dead) >= 2

    wait_for("two dead letters", all_dead)
    assert dead == set(messages[:2])
    (log,) = app.cloud.logs.glob("*Intake*.log")
    assert "not JSON" in log.read_text()


def test_an_object_deleted_before_it_is_read_is_ignored_with_that_reason(app: Application) -> None:
    task_id = app.upload_and_delete("deleted.pdf", sample("invoice-1001"))
    task = app.ended(task_id)
    assert task.status in IGNORED
    assert "deleted" in task.errors["history"][-1]["error"]
    assert len(task.errors["history"]) == 1


@pytest.mark.parametrize("name", ["killed", "stopped"])
def test_an_attempt_whose_process_was_struck_counts_and_the_task_goes_on(
    app: Application, struck: dict[str, str], name: str
) -> None:
    begin = time.monotonic()
    task = app.ended(struck[name])
    assert task.status == SUCCEEDED, f"after {time.monotonic() - begin:.0f} s: {task.errors}"
    assert [entry["error"].partition("(")[0] for entry in task.errors["history"]] == ["LeaseExpired"]
    assert task.fence == len(STEPS) + 1
    assert app.executions(struck[name]) == ["SUCCEEDED"]


def test_the_stopped_process_was_ended_at_its_timeout(app: Application, struck: dict[str, str]) -> None:
    app.ended(struck["stopped"])
    (log,) = app.cloud.logs.glob("*Extract*.log")
    assert "Task timed out after" in log.read_text()
