"""An object that was missing when it was to be read, and is uploaded again: events in any order, and the sweep."""

from __future__ import annotations

import json
import shlex
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st_

import status_tracker as st
from documents.storage import fetch_document
from status_tracker_ops.clients import s3_client
from status_tracker_ops.intake.reconcile import reconcile
from status_tracker_ops.intake.uploads import Upload
from tests.handlers.support import DOCUMENT_BUCKET, object_created

if TYPE_CHECKING:
    from tests.handlers.support import Application, Log, MetricsReader

CONTENT, OTHER = b"%PDF- one", b"%PDF- two"


def delete(app: Application, key: str) -> None:
    app.s3.delete_object(Bucket=DOCUMENT_BUCKET, Key=key)


def extract(app: Application, task_id: str) -> None:
    """An attempt that ends as it likes: these contents are no PDFs, which is found where they are read."""
    with suppress(st.NonRetryableError):
        app.extract(task_id)


def reason(app: Application, task_id: str) -> str:
    return str(app.task(task_id).errors["history"][-1]["error"])


def runs(app: Application) -> Counter[str]:
    return Counter(json.loads(each["input"])["task_id"] for each in app.executions())


def sweep(app: Application) -> Any:
    later = datetime.now().astimezone() + timedelta(days=1)
    return reconcile(
        app.tasks.PIPELINE,
        s3_client(),
        DOCUMENT_BUCKET,
        listed_to=None,
        max_objects=1000,
        older_than=later,
        stop=lambda: False,
    )


def gone(app: Application, key: str = "gone.pdf") -> str:
    """A task that was set aside since its object was deleted before it was read."""
    task_id = app.register(key, CONTENT)
    delete(app, key)
    extract(app, task_id)
    assert "deleted before it could be read" in reason(app, task_id)
    return task_id


def test_an_object_that_was_deleted_is_read_when_it_is_uploaded_again(app: Application, metrics: MetricsReader) -> None:
    task_id = gone(app)
    metrics.records()
    assert app.register("gone.pdf", CONTENT) == task_id
    task = app.task(task_id)
    assert (task.status_name, task.run, runs(app)[task_id]) == ("pending", 1, 2)
    [action] = task.errors["actions"]
    assert (action["by"], action["reason"]) == ("intake", "its object is there again")
    assert metrics.counts("Intake") == {"UploadIsBack": 1}
    extract(app, task_id)
    assert "cut off" in reason(app, task_id)


def test_a_to_b_to_a_is_read(app: Application) -> None:
    first = app.register("invoice.pdf", CONTENT)
    app.register("invoice.pdf", OTHER)
    extract(app, first)
    assert "replaced by a newer upload" in reason(app, first)
    assert app.register("invoice.pdf", CONTENT) == first
    assert app.task(first).run == 1


def test_an_old_event_about_an_object_that_is_still_missing_begins_nothing(app: Application) -> None:
    task_id = gone(app)
    etag = task_id.partition("#")[2]
    old = json.dumps(object_created("gone.pdf", etag, len(CONTENT)))
    assert app.intake(old, old) == []
    app.upload("gone.pdf", OTHER)
    app.upload("gone.pdf.longer", CONTENT)
    assert app.intake(old) == []
    assert (app.task(task_id).run, runs(app)[task_id]) == (None, 1)


def test_the_sweep_begins_it_again_where_the_event_was_lost(app: Application) -> None:
    task_id = gone(app)
    assert sweep(app).registered == []
    app.upload("gone.pdf", CONTENT)
    [noted] = sweep(app).registered
    assert (noted.task_id, noted.why) == (task_id, "its object is there again")
    assert sweep(app).registered == []
    assert runs(app)[task_id] == 2


def test_what_somebody_has_set_aside_stays_so(app: Application) -> None:
    task_id = gone(app)
    app.tasks.ExtractTask.unignore(task_id, reason="it should be there")
    app.tasks.ExtractTask.cancel(task_id, reason="not wanted")
    app.register("gone.pdf", CONTENT)
    sweep(app)
    assert (app.task(task_id).status_name, runs(app)[task_id]) == ("ignored", 1)


def set_attribute(app: Application, task_id: str, name: str, value: Any) -> None:
    """As by hand, in the console."""
    step = app.tasks.ExtractTask
    boto3.client("dynamodb").update_item(
        TableName=step.Meta.table_name,
        Key={"key": {"S": step.make_key(task_id)}},
        UpdateExpression="SET #a = :v",
        ExpressionAttributeNames={"#a": name},
        ExpressionAttributeValues={":v": value},
    )


def test_errors_that_were_edited_by_hand_are_left_alone_and_stop_nobody(app: Application) -> None:
    set_attribute(app, gone(app), "errors", {"S": '{"history": ["nonsense"]}'})
    other = gone(app, "other.pdf")
    for key in ("gone.pdf", "other.pdf"):
        app.upload(key, CONTENT)
    assert [noted.task_id for noted in sweep(app).registered] == [other]


@pytest.mark.parametrize("attribute", ["errors", "status"])
def test_an_item_that_cannot_be_read_keeps_no_other_from_being_registered(app: Application, attribute: str) -> None:
    unreadable, other = gone(app), gone(app, "other.pdf")
    set_attribute(app, unreadable, attribute, {"BOOL": True})
    for key in ("gone.pdf", "other.pdf", "new.pdf"):
        app.upload(key, CONTENT)
    found = sweep(app)
    assert (found.error, len(found.registered)) == (None, 2)
    assert other in [noted.task_id for noted in found.registered]


def test_a_set_aside_document_that_is_uploaded_again_is_told(
    app: Application, log: Log, metrics: MetricsReader
) -> None:
    task_id = app.register("it's bad.pdf", CONTENT)
    extract(app, task_id)
    metrics.records()
    app.register("it's bad.pdf", CONTENT)
    assert metrics.counts("Intake") == {"DuplicateEvent": 1, "ignored/DuplicateEvent": 1}
    line = log.line("Uploaded again, and not read")
    assert (line["task_step"], line["outcome"], line["task_id"]) == ("Extract", "ignored", task_id)
    assert line["reason"] == reason(app, task_id)
    again = shlex.split(line["to_run_it_again"])
    assert again == ["status-tracker", "rerun", "--reason", "uploaded again", "--", task_id]
    assert runs(app)[task_id] == 1


def test_the_folder_of_the_console_is_no_task(app: Application, metrics: MetricsReader) -> None:
    folder, empty = app.upload("2026/", b""), app.upload("empty.pdf", b"")
    slash = app.upload("odd/", CONTENT)
    assert app.intake(*map(json.dumps, (folder, empty, slash))) == []
    assert metrics.counts("Intake") == {"TaskCreated": 2}
    assert [noted.task_id for noted in sweep(app).registered] == []
    assert sorted(task_id.partition("#")[0] for task_id in runs(app)) == ["empty.pdf", "odd/"]


@dataclass
class World:
    """Uploads, their events, and workers, one thing after the other, each as late as the test likes."""

    app: Application
    number: int
    events: list[str] = field(default_factory=list)
    under_way: list[tuple[Any, Exception | None]] = field(default_factory=list)
    reads: Counter[str] = field(default_factory=Counter)

    @property
    def key(self) -> str:
        return f"{self.number}.pdf"

    def upload(self, content: bytes) -> None:
        self.events.append(json.dumps(self.app.upload(self.key, content)))

    def delete(self) -> None:
        delete(self.app, self.key)

    def deliver(self, nth: int) -> None:
        """Any event, the same again too."""
        if self.events:
            assert self.app.intake(self.events[nth % len(self.events)]) == []

    def begin(self, nth: int) -> None:
        """An attempt asks for the object of a task that is pending; what S3 answers is known from now on."""
        pending = [each for each in self.tasks() if each.is_pending()]
        if not pending:
            return
        task = pending[nth % len(pending)]
        execution = self.app.tasks.ExtractTask.start(task.task_id)
        execution.__enter__()
        try:
            upload = Upload.from_task_data(task.data)
            fetch_document(s3_client(), DOCUMENT_BUCKET, upload, 1000)
        except st.NonRetryableError as error:
            self.under_way.append((execution, error))
        else:
            self.reads[task.task_id] += 1
            self.under_way.append((execution, None))

    def end(self, nth: int) -> None:
        """One of the attempts stores what it has met."""
        if not self.under_way:
            return
        execution, failure = self.under_way.pop(nth % len(self.under_way))
        execution.__exit__(None if failure is None else type(failure), failure, None)

    def attempt(self, nth: int) -> None:
        self.begin(nth)
        self.end(-1)

    def tasks(self) -> list[Any]:
        every = [json.loads(each)["detail"]["object"] for each in self.events]
        ids = sorted({f"{each['key']}#{each['etag']}" for each in every})
        return [task for each in ids if (task := self.app.task(each)) is not None]

    def sweep(self) -> None:
        assert sweep(self.app).error is None

    def settle(self) -> None:
        """What comes in the end: every attempt is over, a sweep looks, and what it has begun is worked on."""
        for _ in range(2):
            while self.under_way:
                self.end(0)
            self.sweep()
            while any(task.is_pending() for task in self.tasks()):
                self.begin(0)


NTH = st_.integers(0, 3)
DEEDS = st_.one_of(
    st_.tuples(st_.just("upload"), st_.sampled_from([CONTENT, OTHER])),
    st_.tuples(st_.just("delete")),
    st_.tuples(st_.sampled_from(["deliver", "begin", "end"]), NTH),
    st_.tuples(st_.sampled_from(["deliver", "attempt"]), NTH),
    st_.tuples(st_.just("sweep")),
)
"""On one key: what happens to one has nothing to do with another."""
BEGUN: list[tuple[Any, ...]] = [("upload", CONTENT), ("deliver", 0), ("delete",), ("begin", 0)]
worlds = iter(range(1_000_000))


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@example([*BEGUN, ("upload", CONTENT), ("deliver", 1), ("end", 0)])
@example([*BEGUN, ("end", 0), ("deliver", 0), ("attempt", 0)])
@given(st_.lists(DEEDS, min_size=8, max_size=24))
def test_whatever_the_order_every_object_that_is_there_is_read_once(
    app: Application, deeds: list[tuple[Any, ...]]
) -> None:
    world = World(app, next(worlds))
    for deed, *chosen in deeds:
        getattr(world, deed)(*chosen)
    world.settle()
    for found in app.s3.list_objects_v2(Bucket=DOCUMENT_BUCKET, Prefix=world.key).get("Contents", []):
        task_id = f"{world.key}#{found['ETag'].strip(chr(34))}"
        assert (app.task(task_id).status_name, world.reads[task_id]) == ("succeeded", 1)
    for task in world.tasks():
        assert world.reads[task.task_id] == task.is_succeeded()
        # It is begun again only where these bytes were uploaded again.
        assert (task.run or 0) < sum(task.data["etag"] in event for event in world.events)
    world.delete()
