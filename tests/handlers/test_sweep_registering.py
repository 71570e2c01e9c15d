"""The sweep: the objects without a task that it registers."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

import pytest

from tests.handlers.broom import Broom, told
from tests.handlers.support import DOCUMENT_BUCKET

if TYPE_CHECKING:
    from tests.handlers.support import Log, MetricsReader


def test_objects_without_a_task_are_registered_when_they_are_old_enough(
    broom: Broom, log: Log, metrics: MetricsReader
) -> None:
    known = broom.app.register("known.pdf", b"content")
    metrics.records()
    event = broom.app.upload("ünknown/a+b %20 №5.pdf", b"content")
    task_id = f"ünknown/a+b %20 №5.pdf#{event['detail']['object']['etag']}"
    broom.sweep()
    assert broom.runs() == [(known, 0)]
    assert told(metrics)["Intake/Registered"] == 0
    broom.wait(minutes=10, seconds=1)
    broom.sweep()
    assert broom.runs() == sorted([(known, 0), (task_id, 0)])
    assert broom.app.task(task_id).data == {
        "bucket": DOCUMENT_BUCKET,
        "key": "ünknown/a+b %20 №5.pdf",
        "etag": event["detail"]["object"]["etag"],
        "size": 7,
    }
    assert told(metrics)["Intake/Registered"] == 1
    assert log.line("Object registered")["task_id"] == task_id
    broom.sweep()
    assert told(metrics)["Intake/Registered"] == 0


def test_changed_content_and_multipart_uploads_are_registered_and_folders_are_not_as_by_intake(broom: Broom) -> None:
    s3 = broom.app.s3
    broom.app.register("changed.pdf", b"one")
    changed = broom.app.upload("changed.pdf", b"two")["detail"]["object"]["etag"]
    s3.put_object(Bucket=DOCUMENT_BUCKET, Key="folder/", Body=b"")
    upload = s3.create_multipart_upload(Bucket=DOCUMENT_BUCKET, Key="parts.pdf")["UploadId"]
    place = {"Bucket": DOCUMENT_BUCKET, "Key": "parts.pdf", "UploadId": upload}
    part = s3.upload_part(**place, PartNumber=1, Body=b"part")["ETag"]
    etag = s3.complete_multipart_upload(**place, MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": part}]})["ETag"]
    assert etag.strip('"').endswith("-1")
    broom.wait(minutes=11)
    broom.sweep()
    expected = {f"changed.pdf#{changed}", f"parts.pdf#{etag.strip(chr(34))}"}
    started = {task_id for task_id, _ in broom.runs()}
    assert (expected <= started, len(started)) == (True, 3)
    assert {broom.app.task(task_id).data["size"] for task_id in expected} == {3, 4}


def test_the_bucket_is_gone_through_a_part_at_a_time_and_then_anew(broom: Broom) -> None:
    for number in range(120):
        broom.app.s3.put_object(Bucket=DOCUMENT_BUCKET, Key=f"{number:03}.pdf", Body=b"")
    broom.wait(minutes=11)
    progress = []
    for _ in range(3):
        broom.sweep()
        progress.append((broom.state()["listed_to"], broom.app.tasks.ExtractTask.count_within(10)))
    assert progress == [("049.pdf", 50), ("099.pdf", 100), (None, 120)]
    broom.app.s3.put_object(Bucket=DOCUMENT_BUCKET, Key="000-new.pdf", Body=b"")
    broom.wait(minutes=11)
    broom.sweep()
    assert broom.app.tasks.ExtractTask.count_within(10) == 121


def test_an_object_that_cannot_be_registered_does_not_stop_the_others(
    broom: Broom, log: Log, metrics: MetricsReader
) -> None:
    for key in ("bad.pdf", "good.pdf"):
        broom.app.s3.put_object(Bucket=DOCUMENT_BUCKET, Key=key, Body=b"")
    create = broom.app.tasks.ExtractTask.get_or_create

    def refuse(task_id: str, **kwargs: Any) -> Any:
        if task_id.startswith("bad"):
            raise ConnectionError("no answer")
        return create(task_id, **kwargs)

    broom.monkeypatch.setattr(broom.app.tasks.ExtractTask, "get_or_create", refuse)
    broom.wait(minutes=11)
    broom.sweep()
    assert [task_id.partition("#")[0] for task_id, _ in broom.runs()] == ["good.pdf"]
    figures = told(metrics)
    assert (figures["Intake/Registered"], figures["Intake/SweepErrors"]) == (1, 1)
    assert "no answer" in log.line("Object not registered")["why"]


def test_a_task_that_was_made_and_could_not_be_started_is_registered_and_started_later(
    broom: Broom, log: Log, metrics: MetricsReader
) -> None:
    broom.app.upload("lost.pdf", b"content")
    broom.wait(minutes=11)
    with broom.monkeypatch.context() as patch:
        patch.setattr(broom.app.tasks.ExtractTask, "dispatch", lambda _: 1 / 0)
        broom.sweep()
    figures = told(metrics)
    assert (figures["Intake/Registered"], figures["Intake/SweepErrors"]) == (1, 1)
    registered, not_started = log.line("Object registered"), log.line("Task not started")
    assert registered["task_id"] == not_started["task_id"]
    assert "ZeroDivisionError" in not_started["why"]
    assert (log.line("Bucket compared")["failed"], log.line("Bucket compared")["not_started"]) == (0, 1)
    broom.wait(minutes=5)
    broom.sweep()
    assert broom.runs() == [(registered["task_id"], 0)]
    figures = told(metrics)
    assert (figures["Intake/Registered"], figures["Intake/SweepErrors"], figures["Extract/Restarted"]) == (0, 0, 1)


def test_a_bucket_that_cannot_be_listed_on_loses_nothing_of_what_was_registered(
    broom: Broom, log: Log, metrics: MetricsReader
) -> None:
    broom.monkeypatch.setenv("SWEEP_MAX_OBJECTS", "500")
    for number in range(3):
        broom.app.s3.put_object(Bucket=DOCUMENT_BUCKET, Key=f"{number}.pdf", Body=b"")
    broom.wait(minutes=11)
    s3 = importlib.import_module("status_tracker_ops.clients").s3_client()
    listing = s3.list_objects_v2

    def one_at_once(**chosen: Any) -> Any:
        if chosen.get("StartAfter") == "1.pdf":
            raise ConnectionError("no route")
        return listing(**{**chosen, "MaxKeys": 1})

    with broom.monkeypatch.context() as patch:
        patch.setattr(s3, "list_objects_v2", one_at_once)
        with pytest.raises(ExceptionGroup):
            broom.sweep()
    figures = told(metrics)
    assert (figures["Intake/Registered"], figures["Intake/SweepErrors"]) == (2, 1)
    assert log.line("Bucket compared")["complete"] is False
    assert broom.state()["listed_to"] == "1.pdf"
    broom.sweep()
    assert told(metrics)["Intake/Registered"] == 1
    assert broom.state()["listed_to"] is None
