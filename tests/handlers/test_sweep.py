"""The sweep: what it restarts, registers and tells, and where it goes on."""

from __future__ import annotations

import importlib
import json
import os
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from aws_lambda_powertools import Logger
from botocore.client import BaseClient
from botocore.exceptions import ReadTimeoutError

import status_tracker as st
from status_tracker.dynamodb.survey import Survey
from status_tracker.operations import pausing
from status_tracker.operations.counts import KeptCounts
from status_tracker_ops.executions import execution_name
from status_tracker_ops.settings import SweepSettings
from status_tracker_ops.sweep.metrics import SweepReporter
from status_tracker_ops.sweep.run import Sweep
from status_tracker_ops.sweep.state import SweepState, sweep_task
from tests.handlers.support import DOCUMENT_BUCKET, ENVIRONMENT, SWEEP_SETTINGS, FakeContext

if TYPE_CHECKING:
    from types import ModuleType

    from tests.handlers.support import Application, Log, MetricsReader

ARN = ENVIRONMENT["WORKFLOW_ARN"]


@dataclass
class Broom:
    """The function, and an application that is older than it looks."""

    app: Application
    module: ModuleType
    sweep_task: type[st.BaseTask]
    monkeypatch: pytest.MonkeyPatch
    later: timedelta = field(default_factory=timedelta)

    @classmethod
    def of(cls, app: Application, monkeypatch: pytest.MonkeyPatch) -> Broom:
        """The sweep of `app`, until `monkeypatch` takes its settings back."""
        for name, value in SWEEP_SETTINGS.items():
            monkeypatch.setenv(name, value)
        broom = cls(
            app,
            importlib.import_module("status_tracker_ops.deployed.sweep"),
            sweep_task(app.tasks.PIPELINE),
            monkeypatch,
        )
        for config in (*(step.task_class.config for step in app.tasks.PIPELINE), broom.sweep_task.config):
            monkeypatch.setitem(config.__dict__, "clock", broom.now)
        monkeypatch.setattr("status_tracker_ops.sweep.run.get_utc_now", broom.now)
        return broom

    def wait(self, **duration: float) -> None:
        """Let time pass, for the tasks and for the sweep."""
        self.later += timedelta(**duration)

    def now(self) -> datetime:
        return datetime.now().astimezone() + self.later

    def sweep(self, context: FakeContext | None = None) -> None:
        self.module.handler({}, context or FakeContext())

    def state(self) -> dict[str, Any]:
        task = self.sweep_task.get_one_or_none("documents")
        assert task is not None
        return task.data

    def runs(self) -> list[tuple[str, int]]:
        """The executions that were started, by task and run."""
        started = [json.loads(each["input"]) for each in self.app.executions()]
        return sorted((each["task_id"], each["run"]) for each in started)

    def last(self) -> tuple[str, Any]:
        """The last step: its name, and its class."""
        step = self.app.tasks.PIPELINE.steps[-1]
        return step.name, step.task_class

    def stop(self, task_id: str, run: int = 0) -> None:
        arn = f"{ARN.replace(':stateMachine:', ':execution:')}:{execution_name(task_id, run)}"
        self.app.step_functions.stop_execution(executionArn=arn)


@pytest.fixture
def broom(app: Application, monkeypatch: pytest.MonkeyPatch) -> Broom:
    return Broom.of(app, monkeypatch)


def made_but_not_started(app: Application, key: str) -> str:
    etag = app.upload(key, b"content")["detail"]["object"]["etag"]
    app.tasks.ExtractTask.make_and_save(
        f"{key}#{etag}", {"bucket": DOCUMENT_BUCKET, "key": key, "etag": etag, "size": 7}
    )
    return f"{key}#{etag}"


def told(metrics: MetricsReader) -> dict[str, float]:
    """The metrics as ``step/name`` or ``step/status/name``; their dimensions are those agreed upon."""
    values = {}
    for record in metrics.records():
        if "ColdStart" in record:
            continue
        [declared] = record["_aws"]["CloudWatchMetrics"]
        assert declared["Namespace"] == "StatusTracker"
        assert record["service"] == "pdf_processing"
        [dimensions] = declared["Dimensions"]
        names = [metric["Name"] for metric in declared["Metrics"]]
        assert set(dimensions) == {"service", "step", *(["status"] if names == ["Tasks"] else [])}
        for name in names:
            key = "/".join([record["step"], *([record["status"]] if "status" in record else []), name])
            assert key not in values
            values[key] = sum(record[name])
    return values


def test_a_task_that_was_never_started_is_started_after_a_while(broom: Broom, log: Log) -> None:
    task_id = made_but_not_started(broom.app, "lost.pdf")
    broom.sweep()
    assert broom.runs() == []
    broom.wait(minutes=5)
    broom.sweep()
    assert broom.runs() == [(task_id, 0)]
    line = log.line("Task restarted")
    assert (line["task_id"], line["step"], line["use_case"]) == (task_id, "Extract", "pdf_processing")
    assert "never started" in line["why"]
    broom.wait(minutes=5)
    broom.sweep()
    assert broom.runs() == [(task_id, 0)]


def test_what_runs_is_left_alone_and_what_was_stopped_gets_its_next_run(broom: Broom) -> None:
    running, stopped = (broom.app.register(key, b"content") for key in ("running.pdf", "stopped.pdf"))
    broom.stop(stopped)
    broom.wait(minutes=5)
    broom.sweep()
    assert broom.runs() == sorted([(running, 0), (stopped, 0), (stopped, 1)])
    [action] = broom.app.task(stopped).errors["actions"]
    assert (action["action"], action["by"]) == ("restart", "sweep")


def test_a_task_that_waits_for_its_second_step_is_restarted_too(broom: Broom) -> None:
    task_id = broom.app.register("second.pdf", b"content")
    with broom.app.tasks.ExtractTask.start(task_id):
        pass
    broom.stop(task_id)
    broom.sweep()
    assert broom.runs() == [(task_id, 0)]
    broom.wait(minutes=5)
    broom.sweep()
    assert broom.runs() == [(task_id, 0), (task_id, 1)]
    assert broom.app.task(task_id).status == 40


def test_a_stuck_and_a_failed_task_are_restarted_when_nothing_drives_them(broom: Broom) -> None:
    stuck, failed = (broom.app.register(key, b"content") for key in ("stuck.pdf", "failed.pdf"))
    broom.app.tasks.ExtractTask.start(stuck, lock_expire_seconds=60).__enter__()
    with pytest.raises(RuntimeError), broom.app.tasks.ExtractTask.start(failed):
        raise RuntimeError("no")
    broom.sweep()
    assert len(broom.runs()) == 2
    for task_id in (stuck, failed):
        broom.stop(task_id)
    broom.wait(seconds=61)
    broom.sweep()
    assert broom.runs() == sorted((task_id, run) for task_id in (stuck, failed) for run in (0, 1))


def test_each_run_restarts_so_many_the_oldest_first_and_the_next_goes_on(broom: Broom) -> None:
    made = [made_but_not_started(broom.app, f"{number}.pdf") for number in range(7)]
    broom.wait(minutes=5)
    broom.sweep()
    assert broom.runs() == sorted((task_id, 0) for task_id in made[:5])
    assert broom.state()["cursors"]["Extract"] is not None
    broom.sweep()
    assert len(broom.runs()) == 7
    assert broom.state()["cursors"]["Extract"] is None


def test_two_at_once_start_nothing_twice_even_without_the_lock(broom: Broom) -> None:
    made = [made_but_not_started(broom.app, f"{number}.pdf") for number in range(3)]
    stopped = broom.app.register("stopped.pdf", b"content")
    broom.stop(stopped)
    unknown = broom.app.upload("unknown.pdf", b"content")["detail"]["object"]["etag"]
    broom.wait(minutes=11)
    barrier = threading.Barrier(2)

    def sweep(_: int) -> None:
        reporter = SweepReporter(Logger(), "pdf_processing")
        settings = SweepSettings.from_environment()
        each = Sweep(broom.app.tasks.PIPELINE, settings, reporter, lambda: 0.0, lambda _: None)
        barrier.wait(30)
        each.run(SweepState())

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(sweep, range(2)))
    started = [*((task_id, 0) for task_id in made), (stopped, 0), (stopped, 1), (f"unknown.pdf#{unknown}", 0)]
    assert broom.runs() == sorted(started)
    assert broom.app.task(stopped).run == 1


def test_another_sweep_under_way_is_no_error_and_a_killed_one_is_taken_over(broom: Broom, log: Log) -> None:
    task_id = made_but_not_started(broom.app, "lost.pdf")
    broom.wait(minutes=5)
    broom.sweep_task.make_and_save("documents")
    broom.sweep_task.start("documents", lock_expire_seconds=60).__enter__()
    broom.sweep()
    assert "Another sweep is under way" in log.line("Another sweep")["message"]
    assert broom.runs() == []
    broom.wait(seconds=61)
    broom.sweep()
    assert broom.runs() == [(task_id, 0)]


@pytest.mark.parametrize("data", [{}, {"cursors": 7}, {"cursors": {"Extract": "rubbish"}, "listed_to": None}, None])
def test_a_state_that_cannot_be_read_begins_anew(broom: Broom, data: dict[str, Any] | None) -> None:
    task_id = made_but_not_started(broom.app, "lost.pdf")
    fresh = SweepState().to_data()
    broom.sweep_task.make_and_save("documents", {**fresh, "cursors": {"Extract": "x"}} if data is None else data)
    broom.wait(minutes=5)
    broom.sweep()
    assert broom.runs() == [(task_id, 0)]


def test_one_execution_that_cannot_be_started_does_not_stop_the_others(
    broom: Broom, log: Log, metrics: MetricsReader
) -> None:
    made = [made_but_not_started(broom.app, f"{number}.pdf") for number in range(2)]
    broom.wait(minutes=5)
    client = importlib.import_module("status_tracker_ops.clients").step_functions_client()
    start = client.start_execution

    def throttled(**execution: Any) -> Any:
        if execution["name"] == execution_name(made[0], 0):
            told = {"Error": {"Code": "ThrottlingException", "Message": "Rate exceeded"}}
            raise client.exceptions.ClientError(told, "StartExecution")
        return start(**execution)

    broom.monkeypatch.setattr(client, "start_execution", throttled)
    broom.sweep()
    assert broom.runs() == [(made[1], 0)]
    line = log.line("Task not restarted")
    assert (line["level"], line["task_id"]) == ("ERROR", made[0])
    assert "Rate exceeded" in line["why"]
    assert told(metrics)["Extract/SweepErrors"] == 1


def damage(broom: Broom, task_id: str, name: str) -> None:
    """Break an attribute of the item as somebody may who edits it by hand."""
    boto3.client("dynamodb").update_item(
        TableName=ENVIRONMENT["TASK_TABLE_NAME"],
        Key={"key": {"S": broom.app.tasks.ExtractTask.make_key(task_id)}},
        UpdateExpression="SET #name = :value",
        ExpressionAttributeNames={"#name": name},
        ExpressionAttributeValues={":value": {"S": "no json"}},
    )


@pytest.mark.parametrize("attribute", ["data", "retry"])  # the index has it not, and has it
def test_an_item_that_cannot_be_read_is_told_and_stops_nothing(
    broom: Broom, log: Log, metrics: MetricsReader, attribute: str
) -> None:
    made = [made_but_not_started(broom.app, f"{number}.pdf") for number in range(3)]
    answer = broom.app.register("second.pdf", b"content")
    with broom.app.tasks.ExtractTask.start(answer):
        pass
    broom.stop(answer)
    damage(broom, made[0], attribute)
    broom.wait(minutes=5)
    metrics.records()
    broom.sweep()
    assert broom.runs() == sorted([(made[1], 0), (made[2], 0), (answer, 0), (answer, 1)])
    line = log.line("Task not restarted")
    assert (line["task_id"], line["step"]) == (made[0], "Extract")
    assert f"The item 'pdf_processing____{made[0]}' cannot be read" in line["why"]
    figures = told(metrics)
    assert (figures["Extract/SweepErrors"], figures["Answer/SweepErrors"], figures["Extract/Unfinished"]) == (1, 0, 3)
    assert figures["Sweep/TaskSucceeded"] == 1


def surveyed(step: Any, query: Any, stop: Any) -> Survey[Any]:
    """A survey of the step whose candidates go through `query`."""
    survey = Survey(step, stop)
    found = survey.query_unattended
    survey.query_unattended = lambda **chosen: query(found(**chosen))  # type: ignore[method-assign]
    return survey


def test_a_listing_that_breaks_off_loses_neither_what_was_done_nor_the_other_steps(
    broom: Broom, log: Log, metrics: MetricsReader
) -> None:
    made = [made_but_not_started(broom.app, f"{number}.pdf") for number in range(3)]
    broom.wait(minutes=5)
    extract, answer = broom.app.tasks.ExtractTask, broom.app.tasks.AnswerTask

    class Breaking:
        def __init__(self, found: Any) -> None:
            self.found, self.left = found, 2

        cursor = property(lambda self: self.found.cursor)

        def __iter__(self) -> Any:
            return self

        def __next__(self) -> Any:
            self.left -= 1
            if self.left < 0:
                raise ValueError("what DynamoDB answers is no JSON")
            return next(self.found)

    with broom.monkeypatch.context() as patch:
        for step, query in ((extract, Breaking), (answer, lambda _: 1 / 0)):
            patch.setattr(step, "survey", partial(surveyed, step, query))
        with pytest.raises(ExceptionGroup) as raised:
            broom.sweep()
    assert [type(error) for error in raised.value.exceptions] == [ValueError, ZeroDivisionError]
    failures = [line["message"] for line in log.lines() if line["message"].endswith("failed")]
    assert failures == ["Restarting Extract failed", "Restarting Answer failed"]
    assert broom.runs() == sorted((task_id, 0) for task_id in made[:2])
    restarted = [line["task_id"] for line in log.lines() if line["message"] == "Task restarted"]
    assert sorted(restarted) == sorted(made[:2])
    figures = told(metrics)
    assert (figures["Extract/Restarted"], figures["Extract/SweepErrors"]) == (2, 1)
    assert "Answer/SweepErrors" not in figures
    assert (figures["Extract/Unfinished"], figures["Answer/Unfinished"]) == (3, 0)
    assert figures["Sweep/TaskFailed"] == 1
    assert broom.state()["cursors"]["Extract"] is not None
    broom.sweep()
    assert broom.runs() == sorted((task_id, 0) for task_id in made)


def test_it_stops_before_its_time_is_up_and_the_next_goes_on(broom: Broom) -> None:
    made = [made_but_not_started(broom.app, f"{number}.pdf") for number in range(3)]
    broom.wait(minutes=5)

    class Hurried(FakeContext):
        asked = 0

        def get_remaining_time_in_millis(self) -> int:
            type(self).asked += 1
            return 60_000 if self.asked <= 4 else 1_000

    broom.sweep(Hurried())
    assert broom.runs() == [(made[0], 0)]
    broom.sweep()
    assert broom.runs() == sorted((task_id, 0) for task_id in made)


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


NOTHING = {
    "Restarted": 0,
    "SweepErrors": 0,
    "pending/Tasks": 0,
    "in_progress/Tasks": 0,
    "failed/Tasks": 0,
    "ignored/Tasks": 0,
    "Unfinished": 0,
    "Stuck": 0,
    "FinishedSinceLastSweep": 0,  # what the next step has taken up is in its TaskSucceeded
    "TaskSucceeded": 0,
    "PausedSeconds": 0,
}
"""What is told of a step that has nothing to do, beside the age of its oldest task."""


def test_it_tells_how_much_there_is(broom: Broom, metrics: MetricsReader) -> None:
    *earlier, last = broom.app.tasks.PIPELINE
    broom.sweep()
    told(metrics)
    ids = [broom.app.register(f"{number}.pdf", b"content") for number in range(6)]
    for step in earlier:
        for task_id in ids[1:5]:
            with step.task_class.start(task_id):
                pass
    for task_id in ids[2:4]:
        with last.task_class.start(task_id):
            pass
    last.task_class.start(ids[4], lock_expire_seconds=60).__enter__()
    last.task_class.ignore(ids[1], reason="not wanted")
    broom.wait(seconds=90)
    metrics.records()  # intake's
    broom.sweep()
    figures = told(metrics)
    assert 90 <= figures.pop("Extract/OldestUnfinished") < 100
    assert 90 <= figures.pop(f"{last.name}/OldestUnfinished") < 100
    for step in earlier[1:]:
        assert figures.pop(f"{step.name}/OldestUnfinished") == 0
    told_of_extract = {"pending/Tasks": 2, "Unfinished": 2}
    told_of_last = {
        "in_progress/Tasks": 1,
        "succeeded/Tasks": 2,
        "ignored/Tasks": 1,
        "Unfinished": 1,
        "Stuck": 1,
        "FinishedSinceLastSweep": 3,
    }
    of_steps = {step.name: NOTHING for step in earlier} | {
        "Extract": NOTHING | told_of_extract,
        last.name: NOTHING | told_of_last,
    }
    assert figures == {
        **{f"{step}/{name}": value for step, of_step in of_steps.items() for name, value in of_step.items()},
        "Intake/Registered": 0,
        "Intake/SweepErrors": 0,
        "Sweep/TaskSucceeded": 1,
        "Sweep/TaskDuration": figures["Sweep/TaskDuration"],
    }


def fail(step: Any, task_id: str) -> None:
    with pytest.raises(OSError, match="no"), step.start(task_id):
        raise OSError("no")


def test_no_attempt_makes_an_unfinished_task_younger(broom: Broom, metrics: MetricsReader) -> None:
    extract = broom.app.tasks.ExtractTask
    broom.monkeypatch.setitem(extract.config.__dict__, "max_retry", 9)
    task_id = broom.app.register("fails.pdf", b"content")
    for _ in range(6):
        fail(extract, task_id)
        broom.wait(hours=5)
        metrics.records()
        broom.sweep()
    assert 30 * 3600 <= told(metrics)["Extract/OldestUnfinished"] < 31 * 3600
    extract.start(task_id, lock_expire_seconds=60).__enter__()
    broom.sweep()
    assert told(metrics)["Extract/OldestUnfinished"] >= 30 * 3600


def test_a_task_is_as_old_as_its_document_in_a_later_step_too(broom: Broom, metrics: MetricsReader) -> None:
    extract, answer = broom.app.tasks.ExtractTask, broom.app.tasks.AnswerTask
    task_id = broom.app.register("fails.pdf", b"content")
    broom.wait(hours=2)
    with extract.start(task_id):
        pass
    ages = []
    for _ in range(2):
        broom.wait(hours=1)
        metrics.records()
        broom.sweep()
        ages.append(told(metrics)["Answer/OldestUnfinished"] // 3600)
        fail(answer, task_id)
    assert ages == [1, 4]  # it waited for its first attempt, and then had failed


def test_a_task_that_was_asked_for_again_is_as_old_as_that(broom: Broom, metrics: MetricsReader) -> None:
    extract = broom.app.tasks.ExtractTask
    again = [extract.make_and_save(f"again-{number:03}").task_id for number in range(103)]
    broom.wait(days=30)
    other = broom.app.register("other.pdf", b"content")
    broom.wait(hours=3)
    for number, task_id in enumerate(again):
        extract.rerun(task_id, reason="asked for") if number else extract.ignore(task_id, reason="not wanted")
    extract.unignore(again[0], reason="wanted after all")
    extract.restart(again[0], run=1, reason="nothing drives it")
    for task_id in again:
        fail(extract, task_id)
    broom.wait(hours=1)
    metrics.records()
    broom.sweep()
    assert told(metrics)["Extract/OldestUnfinished"] // 3600 == 4  # the other one waits
    fail(extract, other)
    broom.sweep()
    assert told(metrics)["Extract/OldestUnfinished"] // 3600 == 4
    extract.ignore(other, reason="not wanted")
    broom.sweep()
    assert told(metrics)["Extract/OldestUnfinished"] // 3600 == 1


def test_a_busy_later_step_is_no_progress_of_the_one_before(broom: Broom, metrics: MetricsReader) -> None:
    extract, answer = broom.app.tasks.ExtractTask, broom.app.tasks.AnswerTask
    ids = [broom.app.register(f"{number}.pdf", b"content") for number in range(4)]
    for task_id in ids[1:]:
        with extract.start(task_id):
            pass
    broom.wait(seconds=90)
    broom.sweep()
    metrics.records()
    with answer.start(ids[1]):
        pass
    fail(answer, ids[2])
    answer.start(ids[3]).__enter__()
    broom.wait(seconds=90)
    broom.sweep()
    figures = told(metrics)
    assert (figures["Extract/Unfinished"], figures["Extract/FinishedSinceLastSweep"]) == (1, 0)
    assert figures["Answer/FinishedSinceLastSweep"] == 1


def test_what_has_ended_is_told_as_it_is_counted(broom: Broom, metrics: MetricsReader) -> None:
    step = broom.app.tasks.ExtractTask
    broom.sweep()
    told(metrics)
    ids = [broom.app.register(f"{number}.pdf", b"content") for number in range(3)]
    step.ignore(ids[0], reason="not wanted")
    seen = []
    for wait in (30, 60, 60):
        broom.wait(seconds=wait)
        metrics.records()
        broom.sweep()
        figures = told(metrics)
        seen.append((figures["Extract/FinishedSinceLastSweep"], figures["Extract/ignored/Tasks"]))
    assert seen == [(0, 1), (1, 1), (0, 1)]
    step.unignore(ids[0], reason="wanted after all")
    broom.wait(seconds=1)
    broom.sweep()
    assert told(metrics)["Extract/ignored/Tasks"] == 0


def test_the_more_have_ended_the_less_often_they_are_counted_and_no_other_number_is_told(
    broom: Broom, metrics: MetricsReader
) -> None:
    name, step = broom.last()
    count, succeeded = step.count_within, step.config.succeeded_status
    broom.monkeypatch.setattr(
        step,
        "count_within",
        lambda code, **at: 250_000 if code == succeeded and "since" not in at else count(code, **at),
    )
    seen = []
    for hours in (0, 5, 1):
        broom.wait(hours=hours)
        broom.sweep()
        seen.append(told(metrics).get(f"{name}/succeeded/Tasks"))
    assert seen == [250_000, None, 250_000]


def test_what_has_ended_is_counted_anew_under_another_name(broom: Broom) -> None:
    _, step = broom.last()
    count, succeeded = step.count_within, step.config.succeeded_status
    counted = []

    def very_many(code: int, **bounds: Any) -> int | None:
        if code != succeeded or "since" in bounds:
            return count(code, **bounds)
        counted.append(os.environ["POWERTOOLS_SERVICE_NAME"])
        return 250_000

    broom.monkeypatch.setattr(step, "count_within", very_many)
    for service in ("shop", "shop", "shop-prod", "shop-prod"):
        broom.monkeypatch.setenv("POWERTOOLS_SERVICE_NAME", service)
        broom.wait(minutes=5)
        broom.sweep()
    assert counted == ["shop", "shop-prod"]


def test_a_recount_that_runs_out_of_time_is_told_and_done_again_soon(
    broom: Broom, log: Log, metrics: MetricsReader
) -> None:
    last, step = broom.last()
    count, succeeded = step.count_within, step.config.succeeded_status

    def not_all(code: int, **bounds: Any) -> int | None:
        return None if code == succeeded and "since" not in bounds else count(code, **bounds)

    with broom.monkeypatch.context() as patch:
        patch.setattr(step, "count_within", not_all)
        broom.sweep()
    assert log.line("Not all was counted")["level"] == "WARNING"
    assert {name for name in told(metrics) if "/ignored/" in name or "/succeeded/" in name} == {
        f"{each.name}/ignored/Tasks" for each in broom.app.tasks.PIPELINE
    }
    broom.wait(minutes=59)
    broom.sweep()
    assert f"{last}/succeeded/Tasks" not in told(metrics)
    broom.wait(minutes=1)
    broom.sweep()
    assert told(metrics)[f"{last}/succeeded/Tasks"] == 0
    assert len([line for line in log.lines() if line["message"].startswith("Not all")]) == 1


def test_a_step_that_cannot_be_listed_is_told_and_the_others_are_counted_and_swept(
    broom: Broom, log: Log, metrics: MetricsReader
) -> None:
    """Whatever is raised behind the client's own retries, such as a read timeout of a slow store."""
    extract, answer = broom.app.tasks.ExtractTask, broom.app.tasks.AnswerTask
    task_id = broom.app.register("second.pdf", b"content")
    with extract.start(task_id):
        pass
    broom.stop(task_id)
    broom.wait(minutes=5)
    metrics.records()
    unlisted = f"pdf_processing____{extract.config.in_progress_status:03}____"
    query = BaseClient._make_api_call

    def slow(client: Any, operation: str, arguments: Any) -> Any:
        if operation == "Query" and unlisted in str(arguments):
            raise ReadTimeoutError(endpoint_url="https://dynamodb")
        return query(client, operation, arguments)

    with broom.monkeypatch.context() as patch:
        patch.setattr(BaseClient, "_make_api_call", slow)
        with pytest.raises(ExceptionGroup):
            broom.sweep()
    assert [line["message"] for line in log.lines() if line["level"] == "ERROR"] == ["Restarting Extract failed"]
    assert "Read timeout" in log.line("Restarting Extract failed")["exception"]
    figures = told(metrics)
    assert (figures["Answer/Restarted"], figures["Answer/Unfinished"], figures["Extract/SweepErrors"]) == (1, 1, 1)
    assert "Extract/Unfinished" not in figures
    assert answer.get_one_or_none(task_id).run == 1


def test_counts_that_are_kept_with_every_change_are_told_and_nothing_is_counted(
    broom: Broom, metrics: MetricsReader
) -> None:
    step = broom.app.tasks.ExtractTask
    broom.app.register("one.pdf", b"content")
    metrics.records()
    by_code = {step.config.pending_status: 1_000_000, step.config.ignored_status: 7}
    kept = KeptCounts(by_code, exact=True, recounted_at=broom.now())
    broom.monkeypatch.setattr(broom.app.tasks.PIPELINE, "kept_counts", lambda: kept)
    broom.monkeypatch.setattr(step, "count_within", lambda *_, **__: 1 / 0)
    broom.sweep()
    figures = told(metrics)
    assert (figures["Extract/pending/Tasks"], figures["Extract/Unfinished"]) == (1_000_000, 1_000_000)
    assert (figures["Extract/ignored/Tasks"], figures["Answer/succeeded/Tasks"]) == (7, 0)


@pytest.mark.parametrize("kept", [None, KeptCounts({10: 1_000_000}, exact=False, recounted_at=None), OSError("away")])
def test_kept_counts_that_cannot_be_relied_on_are_counted_by_the_index(
    broom: Broom, metrics: MetricsReader, kept: Any
) -> None:
    def read() -> Any:
        if isinstance(kept, Exception):
            raise kept
        return kept

    broom.app.register("one.pdf", b"content")
    metrics.records()
    broom.monkeypatch.setattr(broom.app.tasks.PIPELINE, "kept_counts", read)
    with pytest.raises(ExceptionGroup) if isinstance(kept, Exception) else nullcontext():
        broom.sweep()
    assert told(metrics)["Extract/pending/Tasks"] == 1


def test_kept_counts_that_nothing_keeps_any_more_are_disowned(broom: Broom, metrics: MetricsReader) -> None:
    step = broom.app.tasks.ExtractTask
    broom.app.register("one.pdf", b"content")
    recounted = {"recounted_at": {"S": broom.now().isoformat()}}
    head = {"key": {"S": "____counts____pdf_processing"}, "exact": {"BOOL": True}, **recounted}

    def sweep_relying_on_them() -> None:
        boto3.client("dynamodb").put_item(TableName=step.Meta.table_name, Item=head)
        broom.sweep()

    metrics.records()
    with pytest.raises(ExceptionGroup) as told_once:
        sweep_relying_on_them()
    assert "has no stream" in str(told_once.value.exceptions)
    assert told(metrics)["Extract/pending/Tasks"] == 0  # as is kept
    broom.wait(hours=2)
    broom.sweep()
    assert told(metrics)["Extract/pending/Tasks"] == 1
    broom.monkeypatch.setenv("STATUS_TRACKER_COUNTS", "0")
    sweep_relying_on_them()
    assert told(metrics)["Extract/pending/Tasks"] == 1
    kept = broom.app.tasks.PIPELINE.kept_counts()
    assert (kept.exact, kept.recounted_at) == (False, None)


def test_without_time_to_count_nothing_false_is_told(broom: Broom, log: Log, metrics: MetricsReader) -> None:
    class NoTime(FakeContext):
        asked = 0

        def get_remaining_time_in_millis(self) -> int:
            type(self).asked += 1
            return 60_000 if self.asked <= 2 else 1_000

    query = broom.app.tasks.ExtractTask.count_within
    broom.monkeypatch.setattr(
        broom.app.tasks.ExtractTask, "count_within", lambda *a, stop, **k: None if stop() else query(*a, stop=stop, **k)
    )
    broom.sweep(NoTime())
    assert {line["level"] for line in log.lines() if line["message"].startswith("Not all was counted")} == {"WARNING"}
    assert "Extract/Unfinished" not in told(metrics)
    assert broom.state()["counted_to"] is None


def test_the_tasks_of_the_sweep_are_not_among_the_documents(broom: Broom) -> None:
    task_id = broom.app.register("invoice.pdf", b"content")
    broom.sweep()
    step = broom.app.tasks.ExtractTask
    assert step.count_tasks_by_use_case_id() == 1
    assert [task.task_id for task in step.query_by_status([10, 20, 30, 40, 50])] == [task_id]
    assert step.delete_tasks_by_use_case_id() == 1
    assert broom.state()["cursors"] == {each.name: None for each in broom.app.tasks.PIPELINE}


@pytest.mark.parametrize(
    ("broken", "told_all_the_same"),
    [
        ("executions.running_executions", ["Extract/Unfinished", "Intake/Registered", "Extract/ignored/Tasks"]),
        ("sweep.run.count_unfinished", ["Extract/Restarted", "Intake/Registered"]),
        ("sweep.run.reconcile", ["Extract/Restarted", "Extract/Unfinished", "Extract/ignored/Tasks"]),
    ],
)
def test_a_stage_that_fails_is_told_and_keeps_none_from_its_turn(
    broom: Broom, log: Log, metrics: MetricsReader, broken: str, told_all_the_same: list[str]
) -> None:
    task_id = made_but_not_started(broom.app, "lost.pdf")
    broom.wait(minutes=5)
    with broom.monkeypatch.context() as patch:
        patch.setattr(f"status_tracker_ops.{broken}", lambda *_, **__: 1 / 0)
        with pytest.raises(ExceptionGroup):
            broom.sweep()
    figures = told(metrics)
    assert figures["Sweep/TaskFailed"] == 1
    assert set(told_all_the_same) <= set(figures)
    failures = [line for line in log.lines() if line["message"].endswith("failed")]
    assert failures
    assert all("ZeroDivisionError" in failure["exception"] for failure in failures)
    broom.sweep()
    assert told(metrics)["Sweep/TaskSucceeded"] == 1
    assert broom.runs() == [(task_id, 0)]


def test_executions_that_run_are_asked_for_all_at_once(broom: Broom) -> None:
    """So that many tasks in the queue behind the concurrency hide nothing behind them for long."""
    broom.monkeypatch.setenv("SWEEP_MAX_EXAMINED", "100")
    running = [broom.app.register(f"{number}.pdf", b"content") for number in range(30)]
    lost = made_but_not_started(broom.app, "lost.pdf")
    broom.wait(minutes=5)
    client = importlib.import_module("status_tracker_ops.clients").step_functions_client()
    asked = []
    describe = client.describe_execution

    def noted(executionArn: str) -> Any:  # noqa: N803  # boto3's name
        asked.append(executionArn)
        return describe(executionArn=executionArn)

    broom.monkeypatch.setattr(client, "describe_execution", noted)
    broom.sweep()
    assert asked == []
    assert broom.runs() == sorted((task_id, 0) for task_id in [*running, lost])


def test_many_that_run_are_passed_by_within_a_bounded_number_of_sweeps(broom: Broom) -> None:
    running = [broom.app.register(f"{number}.pdf", b"content") for number in range(25)]
    lost = made_but_not_started(broom.app, "lost.pdf")
    broom.wait(minutes=5)
    for _ in range(2):
        broom.sweep()
        assert len(broom.runs()) == len(running)
    broom.sweep()
    assert (lost, 0) in broom.runs()


def test_what_a_sweep_of_nothing_costs_in_requests(broom: Broom) -> None:
    """What docs/scale.md says of it."""
    broom.sweep()
    broom.wait(minutes=5)
    sent = Counter[str]()
    send = BaseClient._make_api_call

    def counted(client: Any, operation: str, arguments: Any) -> Any:
        sent[operation] += 1
        return send(client, operation, arguments)

    broom.monkeypatch.setattr(pausing, "ASKED_AGAIN_SECONDS", 3600)  # however slow the machine
    broom.app.tasks.PIPELINE.pause(reason="test")
    broom.app.tasks.PIPELINE.resume()
    broom.monkeypatch.setattr(BaseClient, "_make_api_call", counted)
    broom.sweep()
    assert sent == {
        "GetItem": 1,
        "BatchGetItem": 1,
        "Query": 55 + 60 * (len(broom.app.tasks.PIPELINE.steps) - 1),
        "PutItem": 1,
        "UpdateItem": 4,
        "ListExecutions": 1,
        "ListObjectsV2": 1,
    }
