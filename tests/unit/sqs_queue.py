"""A queue in memory with SQS's rules, and a Lambda function on it: what the tests of `status_tracker.sqs` drive."""

from __future__ import annotations

import io
import itertools
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import pytest
from aws_lambda_powertools import Logger, Metrics

import status_tracker as st
from status_tracker import sqs
from status_tracker.testing import Clock, MemoryStorage, MemoryTask
from tests.unit.steps import make_config

USE_CASE, STEP = "notifications", "Notify"
MAX_ATTEMPTS, VISIBILITY, TIMEOUT = 3, 360.0, 60.0
SECONDS_PER_RECORD, MARGIN, RETRY = 10.0, 3.0, 5.0

clock = Clock()
stream = io.StringIO()  # Powertools makes but one logger of a name
logger = Logger(service=USE_CASE, stream=stream)
metrics = Metrics(namespace="StatusTracker", service=USE_CASE)


class Notify(MemoryTask):
    config = make_config(use_case_id=USE_CASE, max_retry=MAX_ATTEMPTS, clock=clock)


@dataclass
class Message:
    """A message in the queue. `visible`: from when on it can be received."""

    id: str
    body: str
    visible: datetime
    group: str | None = None
    receives: int = 0


@dataclass
class Queue:
    """SQS, as far as its rules matter here: visibility, the redrive after `max_receives`, the order of a group."""

    max_receives: int = 1000
    arn: str = "arn:aws:sqs:eu-west-1:123456789012:notifications"
    messages: list[Message] = field(default_factory=list)
    dead: list[Message] = field(default_factory=list)
    deleted: list[str] = field(default_factory=list)
    told: list[tuple[str, str, int]] = field(default_factory=list)
    _ids: Any = field(default_factory=itertools.count)

    def send(self, body: str, group: str | None = None) -> str:
        message = Message(f"m-{next(self._ids)}", body, clock(), group)
        self.messages.append(message)
        return message.id

    def receive(self, size: int) -> list[Message]:
        received: list[Message] = []
        for message in list(self.messages):
            if message.visible > clock() or len(received) == size or self._held_back(message, received):
                continue
            if message.receives == self.max_receives:
                self.messages.remove(message)
                self.dead.append(message)
                continue
            message.receives += 1
            message.visible = clock() + timedelta(seconds=VISIBILITY)
            received.append(message)
        return received

    def _held_back(self, message: Message, received: list[Message]) -> bool:
        """On a FIFO queue, while an earlier one of the group is in flight."""
        if not self.arn.endswith(".fifo"):
            return False
        earlier = self.messages[: self.messages.index(message)]
        return any(e.group == message.group and e.visible > clock() and e not in received for e in earlier)

    def event(self, batch: Sequence[Message]) -> dict[str, Any]:
        return {"Records": [self._record(message) for message in batch]}

    def _record(self, message: Message) -> dict[str, Any]:
        attributes = {"ApproximateReceiveCount": str(message.receives), "SenderId": "AIDAIENQZJOLO23YVJ4VO"}
        if message.group is not None:
            attributes["MessageGroupId"] = message.group
        return {
            "messageId": message.id,
            "receiptHandle": f"{message.id}/{message.receives}",
            "body": message.body,
            "attributes": attributes,
            "messageAttributes": {},
            "eventSource": "aws:sqs",
            "eventSourceARN": self.arn,
            "awsRegion": "eu-west-1",
        }

    def change(self, arn: str, entries: list[dict[str, Any]]) -> None:
        """What the function tells the queue, in place of the request."""
        assert arn == self.arn
        assert 0 < len(entries) <= 10
        by_receipt = {f"{message.id}/{message.receives}": message for message in self.messages}
        for entry in entries:
            assert 0 <= entry["VisibilityTimeout"] <= 12 * 3600
            self.told.append((arn, entry["Id"], entry["VisibilityTimeout"]))
            by_receipt[entry["ReceiptHandle"]].visible = clock() + timedelta(seconds=entry["VisibilityTimeout"])

    def settle(self, batch: Sequence[Message], kept: Sequence[str]) -> None:
        """Lambda's part: delete all that was not reported."""
        assert len(set(kept)) == len(kept)
        assert set(kept) <= {message.id for message in batch}
        for message in batch:
            if message.id not in kept:
                self.messages.remove(message)
                self.deleted.append(message.id)


class Context:
    """A Lambda context whose time runs with the clock."""

    def __init__(self, seconds: float = TIMEOUT) -> None:
        self._end = clock() + timedelta(seconds=seconds)

    def get_remaining_time_in_millis(self) -> int:
        return round((self._end - clock()).total_seconds() * 1000)


def parse(body: str) -> sqs.TaskMessage:
    message = json.loads(body)
    return sqs.TaskMessage(message["id"], message)


def invoke(
    event: dict[str, Any], work: Callable[[st.ExecutionContext[Any]], object], seconds: float = TIMEOUT, **settings: Any
) -> list[str]:
    """The messages that the function keeps."""
    answer = sqs.process_sqs_batch(
        event,
        Context(seconds),
        Notify,  # a stand-in for a BaseTask
        work,
        **{
            "parse": parse,
            "step": STEP,
            "metrics": metrics,
            "logger": logger,
            "seconds_per_record": SECONDS_PER_RECORD,
            "margin_seconds": MARGIN,
            "retry_seconds": RETRY,
            **settings,
        },
    )
    return [failure["itemIdentifier"] for failure in answer["batchItemFailures"]]


def fresh(monkeypatch: pytest.MonkeyPatch, **settings: Any) -> Queue:
    """A queue, and no tasks; what the function tells SQS reaches that queue."""
    monkeypatch.setattr(MemoryTask, "storage", MemoryStorage())
    queue = Queue(**settings)
    monkeypatch.setattr(sqs, "_change_visibility", queue.change)
    stream.truncate(0)
    stream.seek(0)
    metrics.clear_metrics()
    return queue


def logged() -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def counted() -> dict[str, float]:
    """The sum of each metric since last time; all have the step and the service as their only dimensions."""
    if not metrics.metric_set:
        return {}
    emf = json.loads(json.dumps(metrics.serialize_metric_set()))
    metrics.clear_metrics()
    [directive] = emf["_aws"]["CloudWatchMetrics"]
    assert [sorted(names) for names in directive["Dimensions"]] == [["service", "step"]]
    assert (emf["service"], emf["step"]) == (USE_CASE, STEP)
    return {metric["Name"]: sum(emf[metric["Name"]]) for metric in directive["Metrics"]}
