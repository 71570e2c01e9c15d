"""The deployed stream function: events of a document come to a queue by a rule, and counts equal what there is."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from status_tracker.operations.pipeline import Pipeline
from tests.local_cloud.application import IGNORED, SUCCEEDED, Application, sample
from tests.local_cloud.support import allow, document, wait_for

QUEUE = "arn:aws:sqs:us-east-1:123456789012:told"


class Told:
    """The events that a rule on the bus has put on a queue."""

    def __init__(self, app: Application) -> None:
        self._app, self.bus = app, app.outputs["EventBusName"]
        takes = allow("sqs:SendMessage", QUEUE, Principal={"Service": "events.amazonaws.com"})
        policy = {"Policy": json.dumps(document(takes))}
        self._url = app.sqs.create_queue(QueueName="told", Attributes=policy)["QueueUrl"]
        self._events: list[dict[str, Any]] = []
        client, pattern = app.cloud.client("events"), json.dumps({"source": ["status-tracker"]})
        client.put_rule(Name="told", EventBusName=self.bus, EventPattern=pattern)
        client.put_targets(Rule="told", EventBusName=self.bus, Targets=[{"Id": "queue", "Arn": QUEUE}])

    def of(self, task_id: str, last: str) -> list[dict[str, Any]]:
        """All events of the task, in the order in which they came, as soon as there is one of that kind."""

        def look() -> list[dict[str, Any]]:
            for message in self._app.sqs.receive_message(QueueUrl=self._url, MaxNumberOfMessages=10).get(
                "Messages", []
            ):
                self._events.append(json.loads(message["Body"]))
                self._app.sqs.delete_message(QueueUrl=self._url, ReceiptHandle=message["ReceiptHandle"])
            mine = [each for each in self._events if each["detail"]["task_id"] == task_id]
            return mine if last in kinds(mine) else []

        return wait_for(f"{last} of {task_id}", look)

    def close(self) -> None:
        client = self._app.cloud.client("events")
        client.remove_targets(Rule="told", EventBusName=self.bus, Ids=["queue"])
        client.delete_rule(Name="told", EventBusName=self.bus)


def kinds(events: list[dict[str, Any]]) -> list[str]:
    return [event["detail-type"] for event in events]


@pytest.fixture(scope="module")
def told(app: Application) -> Iterator[Told]:
    told = Told(app)
    yield told
    told.close()


def test_what_becomes_of_a_document_is_told_in_order(app: Application, told: Told) -> None:
    task_id = app.upload("told/good.pdf", sample("invoice-1001"))
    events = told.of(task_id, "Pipeline Finished")
    once = [event for number, event in enumerate(events) if event["detail"]["id"] not in ids(events[:number])]
    assert kinds(once) == [
        "Task Created",
        *("Task Started", "Task Succeeded", "Task Started", "Task Succeeded"),
        "Pipeline Finished",
    ]
    finished = once[-1]["detail"]
    assert (finished["use_case"], finished["step"], finished["task_id"]) == ("pdf_processing", "Answer", task_id)
    assert (finished["status"], finished["run"], finished["reason"]) == (
        {"name": "succeeded", "code": SUCCEEDED},
        0,
        None,
    )
    assert "data" not in finished


def ids(events: list[dict[str, Any]]) -> set[str]:
    return {event["detail"]["id"] for event in events}


def test_a_hopeless_document_is_told_with_its_reason(app: Application, told: Told) -> None:
    task_id = app.upload("told/video.pdf", sample("hopeless-video"))
    ignored = told.of(task_id, "Task Ignored")[-1]["detail"]
    assert ignored["status"]["code"] in IGNORED
    assert "not a PDF" in ignored["reason"]
    assert len(ignored["reason"]) <= 200


def test_the_counts_are_what_there_is(app: Application, told: Told) -> None:
    told.of(app.upload("told/counted.pdf", sample("invoice-greek")), "Pipeline Finished")
    pipeline = Pipeline({"Extract": app.extract_task()})
    table = app.cloud.client("dynamodb").get_paginator("scan")

    def equal() -> bool:
        kept = pipeline.kept_counts()
        pages = table.paginate(TableName=app.outputs["TaskTableName"], ConsistentRead=True)
        values = [item["value"]["S"] for page in pages for item in page["Items"] if "value" in item]
        listed = [value.split("____") for value in values if value.startswith("pdf_processing____")]
        there = Counter(int(code) for _, code, _ in listed)
        return kept is not None and {code: tasks for code, tasks in kept.by_code.items() if tasks} == dict(there)

    wait_for("counts that equal what there is", equal)


def test_nothing_was_set_aside(app: Application) -> None:
    names = ["ApproximateNumberOfMessages"]
    url = app.outputs["EventsDeadLetterQueueUrl"]
    assert app.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"][names[0]] == "0"
