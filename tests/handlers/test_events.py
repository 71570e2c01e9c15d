"""The function on the table's stream: which events it sends, and what it counts."""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from aws_lambda_powertools import Logger, Metrics

import status_tracker as st
from bench.scale_costs import CHANGES, EVENTS
from status_tracker.dynamodb.survey import Survey
from status_tracker.operations.actions import Kind
from status_tracker.operations.counts import CountsBehindError, check_counts, recount
from status_tracker.operations.deleting import delete
from status_tracker_ops.clients import events_client
from status_tracker_ops.events import bus
from status_tracker_ops.events.handler import events_handler
from status_tracker_ops.events.records import StreamRecord
from status_tracker_ops.events.stream import Stream
from status_tracker_ops.queues import QueueRuns
from status_tracker_ops.settings import EventsSettings
from tests.handlers.orders import Orders, orders_of
from tests.handlers.support import FakeContext
from tests.support.streams import TableStream, batch

if TYPE_CHECKING:
    from tests.handlers.support import Log, MetricsReader

BUS = "tasks"
ADDRESSES = {"dynamodbstreams": "https://streams.dynamodb.us-east-1.amazonaws.com"}
"""Moto does not know the address of an account that botocore makes of it."""
NOW = {"S": "2030-01-01T00:00:00.000000+0000"}
SECRET = "what only the task knows"


@cache
def client(service: str) -> Any:
    return boto3.client(service, endpoint_url=ADDRESSES.get(service))


@dataclass
class Shop:
    """Orders whose table has a stream, the function on it, and a queue of all that the bus is told."""

    app: Orders
    monkeypatch: pytest.MonkeyPatch
    delivered: list[tuple[str, dict[str, Any]]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.dynamodb, self.sqs, events = client("dynamodb"), client("sqs"), client("events")
        self.stream = TableStream(self.dynamodb, client("dynamodbstreams"), "orders")
        self.queues = {name: self.sqs.create_queue(QueueName=name)["QueueUrl"] for name in ("heard", "aside")}
        events.create_event_bus(Name=BUS)
        events.put_rule(Name="all", EventBusName=BUS, EventPattern=json.dumps({"source": ["status-tracker"]}))
        target = "arn:aws:sqs:us-east-1:123456789012:heard"
        events.put_targets(Rule="all", EventBusName=BUS, Targets=[{"Id": "heard", "Arn": target}])
        self.monkeypatch.setenv("EVENT_BUS_NAME", BUS)
        self.monkeypatch.setenv("EVENTS_DEAD_LETTER_QUEUE_URL", self.queues["aside"])
        self.handler = events_handler(self.app.pipeline)

    def records(self) -> list[dict[str, Any]]:
        """What the stream has that was not read yet."""
        new = self.stream.read()
        self.delivered += new
        return [record for _, record in new]

    def deliver(self, records: list[dict[str, Any]] | None = None, shard: str | None = None) -> list[str]:
        """Have the function take these records, or what is new; from which on it wants them again."""
        taken = self.records() if records is None else records
        of = shard or next((shard for shard, _ in self.delivered), "shardId-1")
        answer = self.handler(batch(taken, of), FakeContext())
        assert answer["state"] == {}
        return [each["itemIdentifier"] for each in answer["batchItemFailures"]]

    def messages(self, queue: str) -> list[Any]:
        found = []
        asked = {"QueueUrl": self.queues[queue], "MaxNumberOfMessages": 10}
        while page := self.sqs.receive_message(**asked).get("Messages"):
            found += [json.loads(each["Body"]) for each in page]
        return found

    def heard(self) -> list[dict[str, Any]]:
        return self.messages("heard")

    def told(self) -> list[tuple[str, str, str, Any]]:
        """The events that were heard: their types, steps, statuses and reasons."""
        return [
            (each["detail-type"], each["detail"]["step"], each["detail"]["status"]["name"], each["detail"]["reason"])
            for each in self.heard()
        ]

    def counts(self) -> dict[int, int]:
        kept = self.app.pipeline.kept_counts()
        return {} if kept is None else {code: number for code, number in kept.by_code.items() if number}

    def put(self, key: str, **attributes: Any) -> None:
        self.dynamodb.put_item(TableName="orders", Item={"key": {"S": key}, **attributes})

    def break_errors(self, task_id: str) -> None:
        self.dynamodb.update_item(
            TableName="orders",
            Key={"key": {"S": self.app.invoice.make_key(task_id)}},
            UpdateExpression="SET errors = :none, #value = :next",
            ExpressionAttributeNames={"#value": "value"},
            ExpressionAttributeValues={
                ":none": {"S": "[]"},
                ":next": {"S": self.app.invoice.make_value(30, _task_id=task_id)},
            },
        )


@pytest.fixture
def shop(monkeypatch: pytest.MonkeyPatch) -> Iterator[Shop]:
    monkeypatch.setattr(bus, "LONGEST_PAUSE_SECONDS", 0)
    with orders_of(QueueRuns, monkeypatch) as app:
        yield Shop(app, monkeypatch)
        Metrics().clear_metrics()


def fail(task_class: Any, task_id: str, error: BaseException) -> None:
    with pytest.raises(type(error)), task_class.start(task_id):
        raise error


def finish(task_class: Any, task_id: str) -> None:
    with task_class.start(task_id):
        pass


def test_the_story_of_a_task(shop: Shop) -> None:
    invoice, mail = shop.app.invoice, shop.app.mail
    invoice.make_and_save("o-1", data={"secret": SECRET})
    fail(invoice, "o-1", KeyError("no address"))
    finish(invoice, "o-1")
    fail(mail, "o-1", st.Postponed("the printer is busy", retry_after=1))
    shop.app.wait(seconds=2)
    finish(mail, "o-1")
    assert shop.deliver() == []
    heard = shop.heard()
    assert [(each["detail-type"], each["detail"]["step"], each["detail"]["status"]["name"]) for each in heard] == [
        ("Task Created", "Invoice", "pending"),
        ("Task Started", "Invoice", "in_progress"),
        ("Task Failed", "Invoice", "failed"),
        ("Task Started", "Invoice", "in_progress"),
        ("Task Succeeded", "Invoice", "succeeded"),
        ("Task Started", "Mail", "in_progress"),
        ("Task Postponed", "Mail", "pending"),
        ("Task Started", "Mail", "in_progress"),
        ("Task Succeeded", "Mail", "succeeded"),
        ("Pipeline Finished", "Mail", "succeeded"),
    ]
    assert [each["detail"]["attempts"] for each in heard] == [0, 1, 1, 2, 2, 1, 0, 1, 1, 1]
    assert [each["detail"]["reason"] for each in heard if each["detail"]["reason"]] == [
        "KeyError('no address')",
        "Postponed('the printer is busy')",
    ]
    assert {each["source"] for each in heard} == {"status-tracker"}
    assert {(each["detail"]["use_case"], each["detail"]["task_id"]) for each in heard} == {("pdf_processing", "o-1")}
    assert set(heard[0]["detail"]) == {
        *("id", "sequence", "use_case", "step", "task_id", "run", "attempts", "status", "reason", "time")
    }
    sequences = [each["detail"]["sequence"] for each in heard]
    assert sequences == sorted(set(sequences))
    assert len({each["detail"]["id"] for each in heard}) == len(heard)
    assert SECRET not in json.dumps(heard)
    assert heard[-1]["detail"]["time"] == shop.app.task("o-1").update_time.isoformat()
    assert shop.counts() == {shop.app.mail.config.succeeded_status: 1}


def cancelled(shop: Shop) -> None:
    with pytest.raises(st.TaskLockLostError), shop.app.invoice.start("o-1", create=True):
        shop.app.invoice.cancel("o-1", reason="a wrong customer", by="ada")


def ignored(shop: Shop) -> None:
    shop.app.invoice.make_and_save("o-1")
    shop.app.invoice.ignore("o-1", reason="x" * 500)


def taken_back(shop: Shop) -> None:
    ignored(shop)
    shop.app.invoice.unignore("o-1", reason="it is needed")


def rerun_while_pending(shop: Shop) -> None:
    shop.app.invoice.make_and_save("o-1")
    shop.app.invoice.rerun("o-1", reason="for good luck")


def next_step_rerun_while_pending(shop: Shop) -> None:
    finish_first(shop)
    shop.app.mail.rerun("o-1", reason="for good luck")


def finish_first(shop: Shop) -> None:
    with shop.app.invoice.start("o-1", create=True):
        pass


def next_step_rerun(shop: Shop) -> None:
    finish_first(shop)
    finish(shop.app.mail, "o-1")
    shop.app.mail.rerun("o-1", reason="the mail came back")


def begun_again(shop: Shop) -> None:
    finish_first(shop)
    finish(shop.app.mail, "o-1")
    shop.app.invoice.rerun("o-1", reason="a wrong price")


def hopeless(shop: Shop) -> None:
    shop.app.invoice.make_and_save("o-1")
    fail(shop.app.invoice, "o-1", st.NonRetryableError("no such product"))


def vanished(shop: Shop) -> None:
    shop.app.invoice.start("o-1", create=True).__enter__()
    shop.app.wait(hours=1)
    finish(shop.app.invoice, "o-1")


def given_up(shop: Shop) -> None:
    shop.app.invoice.make_and_save("o-1")
    fail(shop.app.invoice, "o-1", KeyError("x"))
    fail(shop.app.invoice, "o-1", KeyError("x"))
    shop.app.invoice.start("o-1").__enter__()
    shop.app.wait(hours=1)
    with pytest.raises(st.TaskIgnoredError):
        finish(shop.app.invoice, "o-1")


def deleted(shop: Shop) -> None:
    shop.app.invoice.make_and_save("o-1").delete()


def deleted_by_an_operator(shop: Shop) -> None:
    """As `status-tracker delete` does it: set aside first, then gone."""
    shop.app.invoice.make_and_save("o-1")
    fail(shop.app.invoice, "o-1", KeyError("an old trouble"))
    assert delete(shop.app.pipeline, "o-1", reason="the customer asked for it", by="ada").kind is Kind.DONE


def restarted_and_unlocked(shop: Shop) -> None:
    shop.app.invoice.make_and_save("o-1")
    shop.app.invoice.restart("o-1", run=0, reason="nobody came")
    shop.app.invoice.start("o-1").__enter__()
    shop.app.invoice.unlock("o-1", reason="it is gone")


CREATED = ("Task Created", "Invoice", "pending", None)
BEGUN = ("Task Started", "Invoice", "in_progress", None)
FIRST_DONE = [("Task Created", "Invoice", "in_progress", None), BEGUN, ("Task Succeeded", "Invoice", "succeeded", None)]
ALL_DONE = [
    *FIRST_DONE,
    ("Task Started", "Mail", "in_progress", None),
    ("Task Succeeded", "Mail", "succeeded", None),
    ("Pipeline Finished", "Mail", "succeeded", None),
]
IGNORED = ("Task Ignored", "Invoice", "ignored", "x" * 200)


@pytest.mark.parametrize(
    ("happens", "events"),
    [
        (cancelled, [*FIRST_DONE[:2], ("Task Cancelled", "Invoice", "ignored", "a wrong customer")]),
        (ignored, [CREATED, IGNORED]),
        (
            taken_back,
            [CREATED, IGNORED, ("Task Rerun", "Invoice", "pending", "it is needed")],
        ),
        (rerun_while_pending, [CREATED, ("Task Rerun", "Invoice", "pending", "for good luck")]),
        (next_step_rerun_while_pending, [*FIRST_DONE, ("Task Rerun", "Mail", "pending", "for good luck")]),
        (next_step_rerun, [*ALL_DONE, ("Task Rerun", "Mail", "pending", "the mail came back")]),
        (begun_again, [*ALL_DONE, ("Task Rerun", "Invoice", "pending", "a wrong price")]),
        (
            hopeless,
            [CREATED, BEGUN, ("Task Ignored", "Invoice", "ignored", "NonRetryableError('no such product')")],
        ),
        (deleted, [CREATED, ("Task Deleted", "Invoice", "pending", None)]),
        (
            deleted_by_an_operator,
            [
                *(CREATED, BEGUN, ("Task Failed", "Invoice", "failed", "KeyError('an old trouble')")),
                ("Task Deleted", "Invoice", "ignored", "the customer asked for it"),
            ],
        ),
        (restarted_and_unlocked, [CREATED, BEGUN]),
    ],
)
def test_what_happens_is_told(shop: Shop, happens: Callable[[Shop], None], events: list[Any]) -> None:
    happens(shop)
    assert shop.deliver() == []
    assert shop.told() == events
    assert shop.messages("aside") == []


@pytest.mark.parametrize(
    ("happens", "last"),
    [
        (vanished, [("Task Started", "in_progress", True), ("Task Succeeded", "succeeded", False)]),
        (given_up, [("Task Started", "in_progress", False), ("Task Ignored", "ignored", True)]),
    ],
)
def test_a_vanished_attempt_is_told_by_the_reason(shop: Shop, happens: Callable[[Shop], None], last: list[Any]) -> None:
    happens(shop)
    assert shop.deliver() == []
    told = [(kind, status, str(reason).startswith("LeaseExpired(")) for kind, _, status, reason in shop.told()]
    assert told[-2:] == last


def test_the_deletion_of_a_task_in_a_status_of_no_step_is_told_by_its_code(shop: Shop) -> None:
    shop.put("pdf_processing____o-1", value={"S": "pdf_processing____777____001"}, update_time=NOW)
    [created] = shop.records()
    shop.dynamodb.delete_item(TableName="orders", Key={"key": {"S": "pdf_processing____o-1"}})
    assert shop.deliver() == []
    [event] = shop.heard()
    told = {name: event["detail"][name] for name in ("task_id", "step", "status")}
    assert told == {"task_id": "o-1", "step": None, "status": {"name": None, "code": 777}}
    assert shop.messages("aside") == []
    assert shop.deliver([created]) == []
    assert len(shop.messages("aside")) == 1


def test_a_code_that_is_too_long_for_an_attribute_is_of_no_task(shop: Shop) -> None:
    shop.put("pdf_processing____o-1", value={"S": f"pdf_processing____{'9' * 300}____001"}, update_time=NOW)
    assert shop.deliver() == []
    assert shop.counts() == {}


def test_a_task_that_expires_says_so(shop: Shop) -> None:
    deleted(shop)
    records = shop.records()
    records[-1]["userIdentity"] = {"type": "Service", "principalId": "dynamodb.amazonaws.com"}
    assert shop.deliver(records) == []
    assert shop.told()[-1] == ("Task Deleted", "Invoice", "pending", "its time to live is over")


def test_what_is_no_task_of_the_pipeline_is_no_change(shop: Shop, metrics: MetricsReader) -> None:
    shop.app.pipeline.pause(reason="a holiday")
    shop.put("something else")
    shop.put("other____o-1", value={"S": "other____010____001"}, update_time={"S": "2030-01-01"})
    shop.put("pdf_processing____n", value={"N": "7"})
    shop.put("pdf_processing____s", value={"S": "pdf_processing____soon____001"}, update_time={"S": "2030-01-01"})
    assert shop.deliver() == []
    assert (shop.heard(), shop.messages("aside"), shop.counts()) == ([], [], {})
    counted = metrics.counts("Events")
    assert counted.pop("RecordsRead") >= 5
    assert counted == {"EventsSent": 0, "ChangesCounted": 0, "RecordsSetAside": 0}
    assert shop.app.pipeline.kept_counts() is None  # nothing was written


def test_a_change_that_is_not_understood_is_set_aside_and_counted(shop: Shop, log: Log, metrics: MetricsReader) -> None:
    shop.app.invoice.make_and_save("o-1")
    shop.break_errors("o-1")
    shop.put("pdf_processing____o-2", value={"S": "pdf_processing____777____001"}, update_time=NOW)
    shop.put("no task", value={"S": "pdf_processing____010____001"}, update_time=NOW)
    shop.put("other____o-1", value={"S": "pdf_processing____010____001"}, update_time=NOW)
    shop.app.invoice.make_and_save("o-3")
    records = shop.records()
    assert shop.deliver(records) == []
    aside = shop.messages("aside")
    keys = [each["keys"]["key"]["S"] for each in aside]
    assert keys == ["pdf_processing____o-1", "pdf_processing____o-2", "no task", "other____o-1"]
    assert "errors cannot be read" in aside[0]["why"]
    assert "777 is of no step" in aside[1]["why"]
    assert "its key is of the use case 'other'" in aside[3]["why"]
    assert {each["event_id"] for each in aside} <= {each["eventID"] for each in records}
    assert [each["detail"]["task_id"] for each in shop.heard()] == ["o-1", "o-3"]
    assert shop.counts() == {10: 3, 30: 1, 777: 1}
    assert metrics.counts("Events") == {"RecordsRead": 6, "EventsSent": 2, "ChangesCounted": 6, "RecordsSetAside": 4}
    assert [line["why"] for line in log.lines() if line["message"] == "Record set aside"] == [
        each["why"] for each in aside
    ]


def test_a_broken_item_that_keeps_its_status_is_no_change(shop: Shop) -> None:
    shop.app.invoice.make_and_save("o-1")
    shop.break_errors("o-1")
    shop.deliver()
    shop.messages("aside")
    item = shop.dynamodb.get_item(TableName="orders", Key={"key": {"S": "pdf_processing____o-1"}})["Item"]
    shop.put(**{**item, "key": item["key"]["S"], "retry": {"S": "many"}})
    assert shop.deliver() == []
    assert shop.messages("aside") == []


def test_without_a_queue_only_the_log_has_what_is_set_aside(shop: Shop, log: Log) -> None:
    shop.monkeypatch.delenv("EVENTS_DEAD_LETTER_QUEUE_URL")
    shop.app.invoice.make_and_save("o-1")
    shop.break_errors("o-1")
    assert shop.deliver() == []
    assert log.line("Record set aside")["keys"] == {"key": {"S": "pdf_processing____o-1"}}
    assert shop.messages("aside") == []


def test_where_the_queue_takes_nothing_the_log_has_what_is_set_aside(shop: Shop, log: Log) -> None:
    shop.monkeypatch.setenv("EVENTS_DEAD_LETTER_QUEUE_URL", "http://localhost/no-such-queue")
    shop.app.invoice.make_and_save("o-1")
    shop.break_errors("o-1")
    assert shop.deliver() == []
    assert log.line("Record set aside")["keys"] == {"key": {"S": "pdf_processing____o-1"}}
    assert log.line("The record is only in the log")
    assert shop.counts() == {30: 1}


class Trouble:
    """Makes the bus refuse the event at a place of the next requests, after it has taken all."""

    def __init__(self, error_code: str, *places: int) -> None:
        self.error_code = error_code
        self.places = list(places)

    def __call__(self, parsed: dict[str, Any], **_: Any) -> None:
        if self.places and (place := self.places.pop(0)) < len(parsed["Entries"]):
            parsed["Entries"][place] = {"ErrorCode": self.error_code, "ErrorMessage": "so it is"}


@pytest.fixture
def trouble(shop: Shop) -> Iterator[Callable[[Trouble], None]]:  # noqa: ARG001  # moto must be there
    hooks = events_client().meta.events
    registered: list[str] = []

    def register(trouble: Trouble) -> None:
        registered.append(uuid.uuid4().hex)
        hooks.register("after-call.eventbridge.PutEvents", trouble, unique_id=registered[-1])

    yield register
    for each in registered:
        hooks.unregister("after-call.eventbridge.PutEvents", unique_id=each)


def make(shop: Shop, count: int) -> list[str]:
    ids = [f"o-{number:02}" for number in range(count)]
    for task_id in ids:
        shop.app.invoice.make_and_save(task_id)
    return ids


def test_events_that_the_bus_refuses_for_now_are_sent_again_in_order(
    shop: Shop, trouble: Callable[[Trouble], None]
) -> None:
    ids = make(shop, 14)
    trouble(Trouble("ThrottlingException", 3, 0, 9))
    assert shop.deliver() == []
    heard = [each["detail"]["task_id"] for each in shop.heard()]
    # Ten, from the fourth on again, from there once more, and the last of those again.
    assert heard == [*ids[:10], *ids[3:13], *ids[3:13], *ids[12:]]
    assert shop.counts() == {10: 14}


def test_where_the_bus_refuses_for_long_the_batch_is_to_come_again_from_there(
    shop: Shop, trouble: Callable[[Trouble], None], metrics: MetricsReader
) -> None:
    ids = make(shop, 4)
    records = shop.records()
    trouble(Trouble("InternalFailure", 2, *[0] * bus.TRIES))
    assert shop.deliver(records) == [records[2]["dynamodb"]["SequenceNumber"]]
    assert shop.counts() == {10: 2}
    assert metrics.counts("Events") == {"RecordsRead": 4, "EventsSent": 2, "ChangesCounted": 2, "RecordsSetAside": 0}
    shop.heard()
    assert shop.deliver(records[2:]) == []
    assert [each["detail"]["task_id"] for each in shop.heard()] == ids[2:]
    assert shop.counts() == {10: 4}


def test_two_functions_on_one_stream_both_tell_and_one_counts(shop: Shop) -> None:
    ids = make(shop, 2)
    records = shop.records()
    for _ in range(2):
        assert shop.deliver(records) == []
        assert [each["detail"]["task_id"] for each in shop.heard()] == ids
    assert shop.counts() == {10: 2}


def test_an_event_that_the_bus_never_takes_is_set_aside(shop: Shop, trouble: Callable[[Trouble], None]) -> None:
    make(shop, 3)
    trouble(Trouble("MalformedDetail", 1))
    assert shop.deliver() == []
    [aside] = shop.messages("aside")
    assert aside["keys"]["key"]["S"] == "pdf_processing____o-01"
    assert aside["why"] == "MalformedDetail: so it is"
    assert (aside["event"]["DetailType"], json.loads(aside["event"]["Detail"])["task_id"]) == ("Task Created", "o-01")
    assert shop.counts() == {10: 3}


def test_a_missing_right_to_the_bus_is_no_fault_of_an_event(shop: Shop, trouble: Callable[[Trouble], None]) -> None:
    make(shop, 3)
    records = shop.records()
    trouble(Trouble("AccessDeniedException", *[0] * bus.TRIES))
    assert shop.deliver(records) == [records[0]["dynamodb"]["SequenceNumber"]]
    assert (shop.messages("aside"), shop.counts()) == ([], {})
    assert shop.deliver(records) == []
    assert shop.counts() == {10: 3}


def test_where_the_bus_does_not_answer_nothing_is_counted(shop: Shop, log: Log) -> None:
    def refuse(**_: Any) -> None:
        raise events_client().exceptions.ClientError({"Error": {"Code": "AccessDeniedException"}}, "PutEvents")

    make(shop, 2)
    records = shop.records()
    events_client().meta.events.register("before-call.eventbridge.PutEvents", refuse)
    try:
        assert shop.deliver(records) == [records[0]["dynamodb"]["SequenceNumber"]]
    finally:
        events_client().meta.events.unregister("before-call.eventbridge.PutEvents", refuse)
    assert shop.counts() == {}
    assert log.line("The bus tasks does not answer")
    assert shop.deliver(records) == []
    assert shop.counts() == {10: 2}


def test_a_batch_counts_once_however_it_is_repeated_and_split(shop: Shop) -> None:
    make(shop, 6)
    records = shop.records()
    for first, end in ((0, 3), (0, 3), (1, 5), (2, 4), (0, 1), (4, 6), (0, 6)):
        assert shop.deliver(records[first:end]) == []
        assert shop.counts() == {10: max(shop.counts()[10], end)}
    assert shop.counts() == {10: 6}


def test_a_repeated_event_has_the_same_id(shop: Shop) -> None:
    shop.monkeypatch.setenv("STATUS_TRACKER_COUNTS", "0")
    finish_first(shop)
    records = shop.records()
    assert shop.deliver(records) == []
    first = [each["detail"] for each in shop.heard()]
    assert shop.deliver(records[-1:]) == []
    assert [each["detail"] for each in shop.heard()] == first[-1:]
    assert shop.app.pipeline.kept_counts() is None


def test_without_a_bus_changes_are_only_counted(shop: Shop) -> None:
    shop.monkeypatch.delenv("EVENT_BUS_NAME")
    shop.app.invoice.make_and_save("o-1")
    shop.break_errors("o-1")
    assert shop.deliver() == []
    assert (shop.heard(), shop.messages("aside"), shop.counts()) == ([], [], {30: 1})


def test_shards_are_counted_each_by_itself(shop: Shop) -> None:
    make(shop, 2)
    one, other = shop.records()
    assert shop.deliver([other], "shardId-2") == []
    assert shop.deliver([one], "shardId-1") == []
    assert shop.deliver([one], "shardId-1") == []
    assert shop.counts() == {10: 2}


def test_who_counts_the_same_at_the_same_time_counts_the_rest(shop: Shop) -> None:
    """Lambda's poller has given up the first, which is still at it."""
    make(shop, 5)
    records = shop.records()
    other = Stream(shop.app.pipeline, EventsSettings(), Logger())
    client = shop.app.invoice._get_connection().connection.client

    def overtake(**_: Any) -> None:
        client.meta.events.unregister("before-call.dynamodb.TransactWriteItems", overtake)
        other.take([StreamRecord.of(each) for each in records[:3]], "shardId-1")

    client.meta.events.register("before-call.dynamodb.TransactWriteItems", overtake)
    assert shop.deliver(records, "shardId-1") == []
    assert shop.counts() == {10: 5}


def test_where_others_count_at_each_try_the_batch_is_to_come_again(shop: Shop) -> None:
    make(shop, 1)
    records = shop.records()
    shop.monkeypatch.setattr("status_tracker_ops.events.stream.LONGEST_PAUSE_SECONDS", 0)
    shop.monkeypatch.setattr("status_tracker.dynamodb.counting.ShardCounting.add", lambda *_, **__: False)
    with pytest.raises(st.TaskLockedError, match="10 tries"):
        shop.deliver(records)


def test_a_place_is_forgotten_long_after_the_stream_has_forgotten_the_shard(shop: Shop) -> None:
    make(shop, 1)
    assert shop.deliver(shard="shardId-1") == []
    key = {"key": {"S": "____places____pdf_processing____shardId-1"}}
    place = shop.dynamodb.get_item(TableName="orders", Key=key)["Item"]
    days = (int(place["expire_at"]["N"]) - shop.app.time().timestamp()) / (24 * 3600)
    assert 2.9 < days <= 3


def test_without_the_shard_nothing_can_be_counted_once(shop: Shop) -> None:
    make(shop, 1)
    event = batch(shop.records(), "shardId-1")
    del event["shardId"]
    with pytest.raises(ValueError, match="TumblingWindowInSeconds"):
        shop.handler(event, FakeContext())
    shop.monkeypatch.setenv("STATUS_TRACKER_COUNTS", "0")
    assert shop.handler(event, FakeContext())["batchItemFailures"] == []
    assert len(shop.heard()) == 1


def test_a_stream_of_another_kind_is_refused(shop: Shop) -> None:
    make(shop, 1)
    [record] = shop.records()
    del record["dynamodb"]["NewImage"]
    with pytest.raises(ValueError, match="view type NEW_AND_OLD_IMAGES"):
        shop.deliver([record])


def test_a_window_that_ends_without_records_is_answered(shop: Shop) -> None:
    event = {**batch([], "shardId-1"), "isFinalInvokeForWindow": True, "state": {"kept": "as it is"}}
    assert shop.handler(event, FakeContext()) == {"state": {"kept": "as it is"}, "batchItemFailures": []}


class Broken(Survey[Any]):
    """Of tasks that cannot be listed."""

    def _listed(self, *_: Any, **__: Any) -> Iterator[Any]:
        raise ValueError("what DynamoDB answers is no JSON")
        yield


def follow(shop: Shop) -> None:
    """Have the function read the stream, as it comes, while somebody waits for it."""
    shop.monkeypatch.setattr("status_tracker.operations.counts.sleep_of", lambda _: lambda _: take(shop))


def take(shop: Shop) -> None:
    function = Stream(shop.app.pipeline, EventsSettings.from_environment(), Logger())
    records = [StreamRecord.of(each) for each in shop.records()]
    assert function.take(records, shop.delivered[0][0]).again is None


def test_what_is_not_read_yet_is_no_drift_and_no_exact_count(shop: Shop) -> None:
    """The bus was away, or the function throttled."""
    follow(shop)
    make(shop, 3)
    assert recount(shop.app.pipeline).exact
    for number in range(10, 14):
        shop.app.invoice.make_and_save(f"o-{number}")
    shop.monkeypatch.setattr("status_tracker.operations.counts.sleep_of", lambda _: lambda _: None)
    before = shop.app.pipeline.kept_counts()
    with pytest.raises(CountsBehindError):
        check_counts(shop.app.pipeline, lambda: False)
    with pytest.raises(ValueError, match="has not read what was written"):
        recount(shop.app.pipeline)
    assert shop.app.pipeline.kept_counts() == before
    assert shop.deliver() == []
    assert shop.counts() == {10: 7}
    follow(shop)
    found = check_counts(shop.app.pipeline, lambda: False)
    assert found is not None
    assert (found.drift, found.differences, found.exact) == (0, {}, True)


def test_a_sweep_makes_the_first_count(shop: Shop) -> None:
    follow(shop)
    make(shop, 3)
    shop.records()  # they were there before the function was
    shop.app.invoice.make_and_save("o-03")
    assert shop.deliver() == []
    shop.app.sweep()
    kept = shop.app.pipeline.kept_counts()
    assert kept is not None
    assert (kept.exact, shop.counts()) == (True, {10: 4})


def test_a_sweep_tells_what_has_ended_since_the_one_before_and_asks_no_index_for_it(
    shop: Shop, metrics: MetricsReader
) -> None:
    follow(shop)
    make(shop, 3)
    assert shop.deliver() == []
    for _ in range(2):  # the first one makes the first count
        shop.app.sweep()
    finish(shop.app.invoice, "o-00")
    finish(shop.app.mail, "o-00")
    finish(shop.app.invoice, "o-01")
    assert shop.deliver() == []
    metrics.records()
    shop.app.wait(minutes=5)
    shop.monkeypatch.setattr(shop.app.invoice, "count_within", lambda *_, **__: 1 / 0)
    shop.app.sweep()
    finished = {each["step"]: each["FinishedSinceLastSweep"] for each in metrics.records() if "Unfinished" in each}
    assert finished == {"Invoice": [2.0], "Mail": [1.0]}
    kept = shop.app.pipeline.kept_counts()
    assert kept is not None
    *_, first, second = kept.looks
    assert (dict(first.ended), dict(second.ended)) == ({}, {40: 2, 90: 1})
    assert (list(first.oldest), sorted(second.oldest)) == ([], [10, 40])
    assert second.at - first.at >= timedelta(minutes=5)


def test_what_has_ended_is_told_once_also_while_a_step_cannot_be_listed(shop: Shop, metrics: MetricsReader) -> None:
    follow(shop)
    make(shop, 3)
    assert shop.deliver() == []
    for _ in range(2):  # the first one makes the first count
        shop.app.sweep()
    finish(shop.app.invoice, "o-00")
    assert shop.deliver() == []
    metrics.records()
    finished = []
    shop.monkeypatch.setattr(shop.app.mail, "survey", lambda stop: Broken(shop.app.mail, stop))
    for _ in range(2):
        shop.app.wait(minutes=5)
        with pytest.raises(ExceptionGroup):
            shop.app.sweep()
        finished += [each["FinishedSinceLastSweep"] for each in metrics.records() if "Unfinished" in each]
    assert finished == [[1.0], [0.0]]


def test_only_what_a_step_had_still_to_do_with_comes_to_its_end(shop: Shop) -> None:
    """A deletion sets aside what has ended long ago; a rerun of a step makes pending, as the end of the one before."""
    invoice, mail = shop.app.invoice, shop.app.mail
    for task_id in make(shop, 3):
        finish(invoice, task_id)
    finish(mail, "o-00")
    finish(mail, "o-01")
    mail.rerun("o-01", reason="the mail came back")
    mail.cancel("o-02", reason="ordered twice")
    assert delete(shop.app.pipeline, "o-00", reason="retention").kind is Kind.DONE
    assert shop.deliver() == []
    kept = shop.app.pipeline.kept_counts()
    assert kept is not None
    assert kept.ended == {40: 3, 90: 2, mail.config.ignored_status: 1}


def test_a_sweep_tells_a_drift(shop: Shop, log: Log, metrics: MetricsReader) -> None:
    follow(shop)
    make(shop, 3)
    assert shop.deliver() == []
    drifts = []
    for lost in (False, False, True):
        if lost:
            shop.app.task("o-00").delete()
            shop.records()  # nobody reads it
        shop.app.wait(days=1)
        shop.app.sweep()
        drifts += [each["CountDrift"] for each in metrics.records() if "CountDrift" in each]
    assert drifts == [[0.0], [0.0], [1.0]]
    assert log.line("The counts are wrong")["differences"] == {"10": -1}
    kept = shop.app.pipeline.kept_counts()
    assert kept is not None
    assert (kept.exact, kept.error) == (False, None)
    assert recount(shop.app.pipeline).exact
    assert shop.counts() == {10: 2}


def test_a_sweep_tells_for_how_long_nothing_has_read_the_stream(shop: Shop, metrics: MetricsReader) -> None:
    """Also where no task changes, and where nothing was ever compared."""
    shop.monkeypatch.setattr("status_tracker.operations.counts.sleep_of", lambda _: lambda _: None)
    make(shop, 1)
    behind = []
    for read in (True, True, False, False, False, True):
        if read:
            assert shop.deliver() == []
        shop.app.wait(minutes=10)
        shop.app.sweep()
        behind += [each["CountsBehind"] for each in metrics.records() if "CountsBehind" in each]
    assert [seconds // 600 for [seconds] in behind] == [0, 0, 1, 2, 3, 0]
    shop.monkeypatch.setenv("STATUS_TRACKER_COUNTS", "0")
    shop.app.sweep()
    assert not [each for each in metrics.records() if "CountsBehind" in each]


def test_a_stream_that_is_read_again_is_told_so_though_it_has_forgotten_what_was_written(
    shop: Shop, metrics: MetricsReader
) -> None:
    """It keeps a day; and a mapping that is made anew may pass it by."""
    shop.monkeypatch.setattr("status_tracker.operations.counts.sleep_of", lambda _: lambda _: None)
    make(shop, 1)
    assert shop.deliver() == []
    shop.app.wait(minutes=10)
    shop.app.sweep()
    shop.records()  # nobody reads it
    behind = []
    for _ in range(2):
        shop.app.wait(hours=12)
        shop.app.sweep()
        assert shop.deliver() == []
        behind += [each["CountsBehind"] for each in metrics.records() if "CountsBehind" in each]
    assert [seconds // 3600 for [seconds] in behind] == [0, 12, 0]


def test_what_only_shows_that_the_stream_is_read_hides_no_mark(shop: Shop) -> None:
    """A sweep and a recount may write at the same time."""
    make(shop, 1)
    board = shop.app.invoice.count_board()
    mark = board.mark()
    board.probe()
    assert shop.deliver() == []
    assert board.is_reached(mark)


def test_a_task_has_as_many_changes_and_events_as_are_reckoned_with(shop: Shop) -> None:
    shop.app.invoice.make_and_save("order-1")
    finish(shop.app.invoice, "order-1")
    finish(shop.app.mail, "order-1")
    shop.deliver()
    assert (len(shop.delivered), len(shop.heard())) == (CHANGES, EVENTS)


def test_the_handler_of_the_page_mails_the_customer_unless_the_news_is_old(shop: Shop) -> None:
    page = (Path(__file__).parents[2] / "docs" / "events.md").read_text("utf-8")
    ses = boto3.client("sesv2")
    ses.create_email_identity(EmailIdentity="orders@example.com")
    names: dict[str, Any] = {"Order": shop.app.mail, "ses": ses}
    exec(re.findall(r"^```python\n(def handler.*?)^```$", page, re.MULTILINE | re.DOTALL)[0], names)  # noqa: S102

    def sent() -> int:
        return int(boto3.client("ses").get_send_quota()["SentLast24Hours"])

    shop.app.invoice.make_and_save("order-1", {"customer": "ada@example.com"})
    finish(shop.app.invoice, "order-1")
    finish(shop.app.mail, "order-1")
    shop.deliver()
    [finished] = [event for event in shop.heard() if event["detail-type"] == "Pipeline Finished"]
    names["handler"](finished, None)
    assert sent() == 1
    shop.app.mail.rerun("order-1", reason="a wrong address")
    names["handler"](finished, None)
    assert sent() == 1
