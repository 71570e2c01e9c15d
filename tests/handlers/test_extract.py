"""Extract: the document is read, or set aside with a reason."""

from __future__ import annotations

import os
import signal
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from time import sleep
from typing import TYPE_CHECKING

import pytest
from botocore.exceptions import ClientError
from botocore.response import StreamingBody

import status_tracker as st
from documents.extraction import extract_document
from documents.reading.extracted import ExtractedDocument
from documents.reading.reader import PdfReader
from documents.storage import result_key
from samples import make_samples
from tests.support.pdf_files import forms_within_forms

if TYPE_CHECKING:
    from tests.handlers.support import Application, MetricsReader, Time

SAMPLES = Path(make_samples.__file__).with_name("documents")
INVOICE = (SAMPLES / "invoice-1001.pdf").read_bytes()


def assert_set_aside(app: Application, task_id: str, reason: str) -> None:
    """Extracting fails for good, at once, and the task says why."""
    with pytest.raises(st.NonRetryableError, match=reason) as refused:
        app.extract(task_id)
    assert type(refused.value).__name__ == "NonRetryableError"  # what Step Functions matches
    task = app.task(task_id)
    assert task.status == 50
    assert not task.is_locked()
    [failure] = task.errors["history"]
    assert str(refused.value) in failure["error"]


@pytest.mark.parametrize("key", ["a b.pdf", "a+b%20c%.pdf", "請求書/№5.pdf", "long/" + "x" * 991 + ".pdf"])
def test_the_result_is_stored_and_the_task_has_a_summary(app: Application, metrics: MetricsReader, key: str) -> None:
    task_id = app.register(key, INVOICE)
    metrics.records()
    app.extract(task_id)
    task = app.task(task_id)
    assert task.status == 40
    assert task.data["key"] == key
    summary = task.data["extracted"]
    address = summary.pop("result")
    assert summary == {"pages": 1, "characters": 406, "key_values": 9, "warnings": []}
    folder = f"s3://example-results/{result_key(task_id, '')}"
    assert address == f"{folder}{task.create_time:%Y%m%dT%H%M%S.%f}-1/extracted.json"
    result = app.result(address)
    assert result["task_id"] == task_id
    assert result["document"]["size"] == len(INVOICE)
    assert result["pages"][0].startswith("INVOICE\nInvoice number: INV-1001")
    assert result["key_values"][0] == {"key": "Invoice number", "value": "INV-1001", "page": 1, "line": 2}
    counts = metrics.counts("Extract")
    assert counts.pop("TaskDuration") >= 0
    assert counts == {"TaskSucceeded": 1}


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("hopeless-scan.pdf", "no text on its 1 page: it looks like a scan"),
        ("hopeless-password.pdf", "protected with a password"),
        ("hopeless-truncated.pdf", "cut off"),
        ("hopeless-video.pdf", "not a PDF: it looks like an MP4 video"),
    ],
)
def test_a_hopeless_document_is_set_aside_at_once(
    app: Application, metrics: MetricsReader, name: str, reason: str
) -> None:
    task_id = app.register(name, (SAMPLES / name).read_bytes())
    metrics.records()
    assert_set_aside(app, task_id, reason)
    assert metrics.counts("Extract")["TaskIgnored"] == 1


def test_zero_bytes(app: Application) -> None:
    assert_set_aside(app, app.register("empty.pdf", b""), r"empty \(0 bytes\)")


def test_a_deleted_object(app: Application) -> None:
    task_id = app.register("gone.pdf", INVOICE)
    app.s3.delete_object(Bucket="example-documents", Key="gone.pdf")
    assert_set_aside(app, task_id, "deleted before it could be read")


def test_a_replaced_object_is_not_read_for_the_old_one(app: Application) -> None:
    task_id = app.register("invoice.pdf", INVOICE)
    newer = app.register("invoice.pdf", INVOICE + b"\n")
    assert_set_aside(app, task_id, "replaced by a newer upload, which is its own task")
    app.extract(newer)
    assert app.task(newer).status == 40


def test_an_archived_object(app: Application) -> None:
    stored = app.s3.put_object(Bucket="example-documents", Key="old.pdf", Body=INVOICE, StorageClass="GLACIER")
    etag = stored["ETag"].strip('"')
    data = {"bucket": "example-documents", "key": "old.pdf", "etag": etag, "size": len(INVOICE)}
    app.tasks.ExtractTask.make_and_save(f"old.pdf#{etag}", data=data)
    assert_set_aside(app, f"old.pdf#{etag}", r"archived \(S3 Glacier\)\. Restore it, then rerun this task")


def test_an_object_over_the_limit_is_refused_unread(app: Application, monkeypatch: pytest.MonkeyPatch) -> None:
    at_limit = app.register("at-limit.pdf", INVOICE + bytes(20_000 - len(INVOICE)))
    over_limit = app.register("over-limit.pdf", INVOICE + bytes(20_001 - len(INVOICE)))
    app.extract(at_limit)

    def read(_body: StreamingBody, _amount: int | None = None) -> bytes:
        raise AssertionError("the body was read")

    monkeypatch.setattr(StreamingBody, "read", read)
    assert_set_aside(app, over_limit, "too large: 20,001 bytes; at most 20,000 are read")


def test_a_task_that_names_no_document(app: Application) -> None:
    app.tasks.ExtractTask.make_and_save("by-hand", data={"key": "invoice.pdf"})
    assert_set_aside(app, "by-hand", "'bucket' is missing in the task's data")


def test_other_errors_of_s3_are_retried(app: Application) -> None:
    task_id = app.register("invoice.pdf", INVOICE)
    app.s3.delete_bucket(Bucket="example-results")
    with pytest.raises(ClientError, match="NoSuchBucket"):
        app.extract(task_id)
    task = app.task(task_id)
    assert (task.status, task.retry) == (30, 1)
    app.s3.create_bucket(Bucket="example-results")
    app.extract(task_id)
    assert app.task(task_id).status == 40


def test_a_task_is_not_done_twice(app: Application) -> None:
    task_id = app.register("invoice.pdf", INVOICE)
    app.extract(task_id)
    before = app.task(task_id).update_time
    with pytest.raises(st.TaskAlreadySucceedError):
        app.extract(task_id)
    assert app.task(task_id).update_time == before


def test_a_task_that_another_worker_holds_is_left_to_it(app: Application) -> None:
    task_id = app.register("invoice.pdf", INVOICE)
    with app.tasks.ExtractTask.start(task_id), pytest.raises(st.TaskLockedError):
        app.extract(task_id)
    assert app.task(task_id).retry == 0


def test_a_worker_that_was_taken_for_dead_and_writes_late_overwrites_nothing(
    app: Application, time: Time, monkeypatch: pytest.MonkeyPatch
) -> None:
    task_id = app.register("invoice.pdf", INVOICE)
    read = PdfReader.read

    def read_for_too_long(reader: PdfReader, content: bytes) -> ExtractedDocument:
        monkeypatch.setattr(PdfReader, "read", read)
        time.later += timedelta(hours=1)
        app.extract(task_id)
        return replace(read(reader, content), pages=("what the late one has read",))

    monkeypatch.setattr(PdfReader, "read", read_for_too_long)
    with pytest.raises(st.TaskLockLostError), app.tasks.ExtractTask.start(task_id) as late:
        extract_document(late, {"run": 0})
    task = app.task(task_id)
    assert (task.status, task.fence) == (40, 2)
    assert "ran out of time or memory" in task.errors["history"][0]["error"]
    assert app.result(task.data["extracted"]["result"])["pages"][0].startswith("INVOICE")
    stored = app.s3.list_objects_v2(Bucket="example-results", Prefix=result_key(task_id, ""))["Contents"]
    assert len(stored) == 2
    app.answer(task_id)
    assert app.task(task_id).data["answered"]["answers"]["invoice_number"] == "INV-1001"


def test_the_result_of_an_earlier_release_is_answered(app: Application) -> None:
    task_id = app.register("invoice.pdf", INVOICE)
    app.extract(task_id)
    data = app.task(task_id).data
    old = result_key(task_id, "extracted.json")
    copied = data["extracted"]["result"].removeprefix("s3://")
    app.s3.copy_object(Bucket="example-results", Key=old, CopySource=copied)
    app.s3.delete_object(Bucket="example-results", Key=copied.partition("/")[2])
    data["extracted"]["result"] = f"s3://example-results/{old}"
    step = app.tasks.ExtractTask
    step.get_one_or_none(task_id).update([step.data.set(data)])
    app.answer(task_id)
    assert app.task(task_id).status == 90


def test_a_document_on_which_an_attempt_vanished_is_read_apart(
    app: Application, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "512")
    task_id = app.register("invoice.pdf", INVOICE)
    let_an_attempt_vanish(app, task_id)
    app.extract(task_id)
    task = app.task(task_id)
    assert task.status == 40
    assert task.data["extracted"]["pages"] == 1


def test_a_reader_that_crashes_is_the_reason_in_the_end(app: Application, monkeypatch: pytest.MonkeyPatch) -> None:
    task_id = app.register("invoice.pdf", INVOICE)
    let_an_attempt_vanish(app, task_id)
    monkeypatch.setattr(PdfReader, "read", lambda _self, _content: os.kill(os.getpid(), signal.SIGSEGV))
    with pytest.raises(st.NonRetryableError, match=r"The reader crashed on this PDF.*\(SIGSEGV\)"):
        app.extract(task_id)
    assert app.task(task_id).status == 50


def test_a_small_file_that_takes_all_memory_is_refused_for_that_at_once(
    app: Application, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "192")
    task_id = app.register("bomb.pdf", forms_within_forms(levels=40))
    assert_set_aside(app, task_id, "needs more memory than the function has")


def let_an_attempt_vanish(app: Application, task_id: str) -> None:
    """As the function does whose process has crashed."""
    app.tasks.ExtractTask.start(task_id, lock_expire_seconds=0.001).__enter__()
    sleep(0.01)
