"""A document is deleted with its task, and nothing that comes late brings it back."""

from __future__ import annotations

import importlib
import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from documents.storage import result_key
from status_tracker.operations.actions import Kind
from status_tracker.operations.deleting import delete
from status_tracker_ops.intake.backfill import register_object
from status_tracker_ops.intake.reconcile import reconcile
from tests.handlers.support import DOCUMENT_BUCKET, RESULT_BUCKET, object_created

if TYPE_CHECKING:
    from tests.handlers.support import Application, Log

WHY: dict[str, Any] = {"reason": "asked to forget", "by": "ada"}
HOUR = timedelta(hours=1)


def objects(app: Application, bucket: str) -> list[str]:
    return [found["Key"] for found in app.s3.list_objects_v2(Bucket=bucket).get("Contents", [])]


def stored(app: Application, task_id: str) -> Any:
    return app.tasks.ExtractTask.get_one_or_none(task_id, consistent_read=True)


@pytest.fixture
def deleted(app: Application) -> str:
    """The id of a document that was deleted in the middle of its way."""
    task_id = app.register("invoice.pdf", b"content")
    app.s3.put_object(Bucket=RESULT_BUCKET, Key=result_key(task_id, "extracted.json"), Body=b"{}")
    outcome = delete(app.tasks.PIPELINE, task_id, **WHY)
    assert (outcome.kind, outcome.message) == (Kind.DONE, "")
    return task_id


def test_document_results_execution_and_task_are_gone(app: Application, deleted: str) -> None:
    assert (objects(app, DOCUMENT_BUCKET), objects(app, RESULT_BUCKET), stored(app, deleted)) == ([], [], None)
    assert [each["status"] for each in app.executions()] == ["ABORTED"]


def test_an_event_that_comes_late_makes_no_task(app: Application, deleted: str, log: Log) -> None:
    key, _, etag = deleted.partition("#")
    late = object_created(key, etag, 7, at=datetime.now(UTC) - HOUR)
    assert app.intake(json.dumps(late)) == []
    assert stored(app, deleted) is None
    assert log.line("Upload not taken in")["task_id"] == deleted


def test_the_same_document_uploaded_again_is_a_new_task(app: Application, deleted: str) -> None:
    assert app.register("invoice.pdf", b"content") == deleted
    assert (stored(app, deleted).status_name, stored(app, deleted).errors["history"]) == ("pending", [])


def test_a_late_event_of_a_document_that_is_there_is_taken_in(app: Application) -> None:
    etag = app.s3.put_object(Bucket=DOCUMENT_BUCKET, Key="late.pdf", Body=b"content")["ETag"].strip('"')
    app.s3.put_object(Bucket=DOCUMENT_BUCKET, Key="late.pdf.old", Body=b"content")
    late = object_created("late.pdf", etag, 7, at=datetime.now(UTC) - HOUR)
    assert app.intake(json.dumps(late)) == []
    assert stored(app, f"late.pdf#{etag}").is_pending()


def test_a_longer_key_is_not_taken_for_the_document(app: Application, deleted: str) -> None:
    app.s3.put_object(Bucket=DOCUMENT_BUCKET, Key="invoice.pdf.old", Body=b"content")
    key, _, etag = deleted.partition("#")
    app.intake(json.dumps(object_created(key, etag, 7, at=datetime.now(UTC) - HOUR)))
    assert stored(app, deleted) is None


def test_a_chunk_that_was_planned_before_leaves_it_alone(app: Application, deleted: str) -> None:
    key, _, etag = deleted.partition("#")
    listed = {"key": key, "etag": etag, "size": 7}
    left_alone: Any = register_object(app.tasks.PIPELINE, app.s3, DOCUMENT_BUCKET, listed)
    assert (left_alone.outcome, stored(app, deleted)) == ("gone", None)


def test_a_page_that_a_sweep_listed_before_leaves_it_alone(app: Application) -> None:
    task_id = app.register("invoice.pdf", b"content")

    class DeletedMeanwhile:
        """S3, where the document is deleted right after it was listed."""

        def list_objects_v2(self, **asked: Any) -> Any:
            page = app.s3.list_objects_v2(**asked)
            delete(app.tasks.PIPELINE, task_id, **WHY)
            return page

    done = reconcile(
        app.tasks.PIPELINE,
        DeletedMeanwhile(),  # type: ignore[arg-type]
        DOCUMENT_BUCKET,
        listed_to=None,
        max_objects=10,
        older_than=datetime.now(UTC) + HOUR,
        stop=lambda: False,
    )
    assert (done.listed, done.registered, done.failed, stored(app, task_id)) == (1, [], [], None)


def test_a_newer_upload_under_the_same_key_stays(app: Application) -> None:
    old = app.register("invoice.pdf", b"content")
    new = app.register("invoice.pdf", b"other content")
    assert delete(app.tasks.PIPELINE, old, **WHY).kind is Kind.DONE
    assert (stored(app, old), stored(app, new).is_pending(), objects(app, DOCUMENT_BUCKET)) == (
        None,
        True,
        ["invoice.pdf"],
    )


def test_a_worker_that_is_late_finds_no_task_and_makes_none(app: Application, deleted: str) -> None:
    st = importlib.import_module("status_tracker")
    with pytest.raises(st.TaskIsNotInitializedError):
        app.extract(deleted)
    assert stored(app, deleted) is None
