"""Intake: from a batch of messages to tasks and executions."""

from __future__ import annotations

import json
import random
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest

from status_tracker_cdk import IntakeProps
from tests.handlers.support import FakeContext, sqs_event

if TYPE_CHECKING:
    from tests.handlers.support import Application, Log, MetricsReader

LONG_KEY = "long/" + "x" * 991 + ".pdf"
KEYS = [
    "invoice.pdf",
    "folder with spaces/my invoice (1).pdf",
    "a+b=c&d%20e%.pdf",
    "ünïcode/請求書 №5.pdf",
    "quotes'\"<>#?.pdf",
    LONG_KEY,
]


def an_event(key: str = "invoice.pdf", etag: str = "d41d8cd98f00b204e9800998ecf8427e") -> dict[str, Any]:
    return {
        "source": "aws.s3",
        "detail-type": "Object Created",
        "detail": {"bucket": {"name": "b"}, "object": {"key": key, "size": 5, "etag": etag}},
    }


@pytest.mark.parametrize("key", KEYS)
def test_an_upload_becomes_a_task_and_an_execution(app: Application, metrics: MetricsReader, key: str) -> None:
    assert len(LONG_KEY.encode()) == 1000
    event = app.upload(key, b"content")
    etag = event["detail"]["object"]["etag"]
    assert app.intake(json.dumps(event)) == []
    task = app.task(f"{key}#{etag}")
    assert (task.status, task.status_name) == (10, "pending")
    assert task.data == {"bucket": "example-documents", "key": key, "etag": etag, "size": 7}
    [execution] = app.executions()
    assert json.loads(execution["input"]) == {"task_id": f"{key}#{etag}", "run": 0}
    assert len(execution["name"]) <= 80
    assert metrics.counts("Intake") == {"TaskCreated": 1}


def test_the_same_event_twice_is_one_task_and_one_execution(app: Application, metrics: MetricsReader) -> None:
    body = json.dumps(app.upload("invoice.pdf", b"content"))
    assert app.intake(body, body) == []
    assert app.intake(body) == []
    assert len(app.executions()) == 1
    assert metrics.counts("Intake") == {"TaskCreated": 1, "DuplicateEvent": 2, "pending/DuplicateEvent": 2}


def test_an_event_that_comes_again_after_the_end_starts_nothing(
    app: Application, log: Log, metrics: MetricsReader
) -> None:
    body = json.dumps(app.upload("invoice.pdf", b"content"))
    app.intake(body)
    [execution] = app.executions()
    app.step_functions.stop_execution(executionArn=execution["executionArn"])
    assert app.intake(body) == []
    assert len(app.executions()) == 1
    assert [line["started"] for line in log.lines()] == [True, False]
    assert metrics.counts("Intake")["DuplicateEvent"] == 1


def test_changed_content_under_the_same_key_is_another_task(app: Application) -> None:
    task_ids = {app.register("invoice.pdf", content) for content in (b"one", b"two")}
    assert len(task_ids) == 2
    assert {json.loads(execution["input"])["task_id"] for execution in app.executions()} == task_ids


def test_a_deliberate_rerun_is_an_execution_of_its_own(app: Application) -> None:
    body = json.dumps(app.upload("invoice.pdf", b"content"))
    app.intake(body)
    task_id = json.loads(app.executions()[0]["input"])["task_id"]
    app.tasks.ExtractTask.rerun(task_id, reason="new questions")
    app.intake(body)
    runs = sorted(json.loads(execution["input"])["run"] for execution in app.executions())
    assert runs == [0, 1]


BAD_BODIES = [
    ("not JSON at all", "not JSON"),
    ("[" * 100_000, "not JSON"),
    ("[1]", "JSON an array"),
    ("null", "JSON null"),
    ("{}", "expected 'Object Created' from 'aws.s3'"),
    (json.dumps({**an_event(), "detail-type": "Object Deleted"}), "'Object Deleted' from 'aws.s3'"),
    (json.dumps({**an_event(), "source": "aws.ec2"}), "from 'aws.ec2'"),
    (json.dumps({**an_event(), "detail": None}), "'detail' is missing in the event"),
    (json.dumps({**an_event(), "detail": []}), "'detail' in the event is an array"),
    (json.dumps(an_event(key="")), "'key' is missing in detail.object"),
    (json.dumps({**an_event(), "detail": {"bucket": {"name": 7}, "object": {}}}), "'name' in detail.bucket"),
    (json.dumps({"Records": [{"eventName": "ObjectCreated:Put", "s3": {}}]}), "None from None"),
]


@pytest.mark.parametrize(("body", "reason"), BAD_BODIES)
def test_what_is_no_upload_is_set_aside_and_the_log_says_why(
    app: Application, log: Log, metrics: MetricsReader, body: str, reason: str
) -> None:
    assert app.intake(body) == ["m-0"]
    line = log.line("Message refused")
    assert reason in line["reason"]
    assert line["message_id"] == "m-0"
    assert line["body"] == body[:500]
    assert metrics.counts("Intake") == {"BadMessage": 1}
    assert app.executions() == []


def test_the_neighbours_of_a_bad_message_go_through(app: Application, metrics: MetricsReader) -> None:
    good = [json.dumps(app.upload(key, b"content")) for key in ("a.pdf", "b.pdf")]
    assert app.intake(good[0], "rubbish", good[1]) == ["m-1"]
    assert len(app.executions()) == 2
    assert metrics.counts("Intake") == {"TaskCreated": 2, "BadMessage": 1}


def test_a_task_whose_execution_could_not_be_started_is_started_by_the_redelivery(
    app_without_workflow: Application, log: Log, metrics: MetricsReader
) -> None:
    app = app_without_workflow
    event = app.upload("invoice.pdf", b"content")
    body = json.dumps(event)
    assert app.intake(body) == ["m-0"]
    assert app.task(f"invoice.pdf#{event['detail']['object']['etag']}").status_name == "pending"
    assert "StateMachineDoesNotExist" in log.line("Message not taken in")["exception"]
    app.create_workflow()
    assert app.intake(body) == []
    assert len(app.executions()) == 1
    assert metrics.counts("Intake") == {"TaskCreated": 1, "DuplicateEvent": 1, "pending/DuplicateEvent": 1}


def test_a_task_that_is_worked_on_is_left_alone(app: Application) -> None:
    body = json.dumps(app.upload("invoice.pdf", b"content"))
    app.intake(body)
    task_id = json.loads(app.executions()[0]["input"])["task_id"]
    with app.tasks.ExtractTask.start(task_id) as ctx:
        assert app.intake(body) == []
        assert app.task(task_id).lock == ctx.task.lock
    assert app.task(task_id).status == 40
    assert len(app.executions()) == 1


def test_dispatch_starts_the_run_of_a_task_once(app: Application) -> None:
    task_id = app.register("invoices/7.pdf", b"%PDF-1.7 seven")
    step = app.tasks.ExtractTask
    task = step.rerun(task_id, reason="mended")
    for _ in range(2):
        step.dispatch(task)
    assert sorted(json.loads(each["input"])["run"] for each in app.executions()) == [0, 1]


class SlowClock(FakeContext):
    """The function's time, which each message that is taken in uses up."""

    left = 30.0

    def get_remaining_time_in_millis(self) -> int:
        return int(self.left * 1000)


def slowly(app: Application, monkeypatch: pytest.MonkeyPatch, context: SlowClock, seconds: float) -> None:
    """Let every message take so long."""
    create = app.tasks.ExtractTask.get_or_create

    def get_or_create(*args: Any, **kwargs: Any) -> Any:
        context.left -= seconds
        assert context.left > 0, "the function was killed, and all of its messages come again"
        return create(*args, **kwargs)

    monkeypatch.setattr(app.tasks.ExtractTask, "get_or_create", get_or_create)


def test_what_there_is_no_time_for_is_not_begun_and_comes_again(
    app: Application, log: Log, metrics: MetricsReader, monkeypatch: pytest.MonkeyPatch
) -> None:
    bodies = [json.dumps(app.upload(f"{number}.pdf", b"content")) for number in range(10)]
    slowly(app, monkeypatch, context := SlowClock(), seconds=6)
    event = sqs_event(*bodies)
    event["Records"][8]["attributes"]["ApproximateReceiveCount"] = "3"
    answer = app.intake_module.handler(event, context)
    kept = {each["itemIdentifier"] for each in answer["batchItemFailures"]}
    assert kept == {f"m-{number}" for number in range(10)} - {"m-8", "m-0", "m-1", "m-2"}
    assert metrics.counts("Intake") == {"TaskCreated": 4, "NotBegun": 6}
    line = log.line("Not all begun")
    assert (line["left"], line["of"]) == (6, 10)


@pytest.mark.parametrize("timeout", [1.0, 3.0])
def test_a_short_timeout_is_enough_for_some(app: Application, monkeypatch: pytest.MonkeyPatch, timeout: float) -> None:
    bodies = [json.dumps(app.upload(f"{number}.pdf", b"content")) for number in range(4)]
    slowly(app, monkeypatch, context := SlowClock(), seconds=timeout / 4)
    context.left = timeout
    answer = app.intake_module.handler(sqs_event(*bodies), context)
    assert len(answer["batchItemFailures"]) == 1


@dataclass
class Queue:
    """A queue with its dead letters, which gives its messages in any order, as SQS does."""

    max_receives: int
    random: random.Random
    waiting: dict[str, str]
    receives: Counter[str] = field(default_factory=Counter)
    dead: set[str] = field(default_factory=set)

    def batch(self, size: int) -> dict[str, Any]:
        """The next messages; those that were received too often are dead letters instead."""
        spent = [each for each in self.waiting if self.receives[each] >= self.max_receives]
        self.dead.update(spent)
        for each in spent:
            del self.waiting[each]
        taken = self.random.sample(sorted(self.waiting), min(size, len(self.waiting)))
        self.receives.update(taken)
        event = sqs_event(*(self.waiting[each] for each in taken))
        for record, message_id in zip(event["Records"], taken, strict=True):
            record["messageId"] = message_id
            record["attributes"]["ApproximateReceiveCount"] = str(self.receives[message_id])
        return event


def test_a_burst_on_slow_services_leaves_no_dead_letter(app: Application, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each message takes 9 seconds of the 45 that there are for ten."""
    intake = IntakeProps()
    bodies = {f"m-{nth}": json.dumps(an_event(f"{nth}.pdf")) for nth in range(973)}
    queue = Queue(intake.intake_max_receives, random.Random(1), bodies)  # noqa: S311
    started: Counter[str] = Counter()
    step = app.tasks.ExtractTask
    monkeypatch.setattr(step, "dispatch", lambda task: started.update([task.task_id]))
    slowly(app, monkeypatch, context := SlowClock(), seconds=9)
    while queue.waiting:
        context.left = float(intake.intake_timeout_seconds)
        event = queue.batch(intake.intake_batch_size)
        kept = {each["itemIdentifier"] for each in app.intake_module.handler(event, context)["batchItemFailures"]}
        for record in event["Records"]:
            if record["messageId"] not in kept:
                del queue.waiting[record["messageId"]]
    assert queue.dead == set()
    assert (len(started), set(started.values())) == (973, {1})
