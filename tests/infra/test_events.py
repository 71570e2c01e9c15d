"""The stream's function: what it reads and is told, where its failures go, who has it, and the rules on its bus."""

from __future__ import annotations

import json
from typing import Any

import pytest
from aws_cdk import Stack, assertions
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_sqs as sqs

from status_tracker_cdk import EventsProps, PropsError, TaskEvents, Tracker
from status_tracker_cdk.events import KINDS, SOURCE
from status_tracker_ops.events.bus import SOURCE as SENT_FROM
from status_tracker_ops.events.changes import EventType
from tests.infra.expected import DEPLOYED, EVENTS
from tests.infra.own_app import app_without_context, tracker_in, with_steps
from tests.infra.synthesis import Synthesized
from tests.infra.test_functions import common_variables

STREAM = "arn:aws:dynamodb:us-east-1:123456789012:table/tasks/stream/2026-01-01T00:00:00.000"


@pytest.fixture
def stack() -> Stack:
    return Stack(app_without_context(), "Shop")


def synthesized(stack: Stack) -> Synthesized:
    return Synthesized(stack, None, assertions.Template.from_stack(stack).to_json())  # type: ignore[arg-type]


def imported(stack: Stack, **attributes: Any) -> dynamodb.ITable:
    return dynamodb.Table.from_table_attributes(stack, "Table", table_name="tasks", **attributes)


def test_the_table_streams_what_was_and_what_is(stage: Synthesized) -> None:
    table = stage.properties("AWS::DynamoDB::Table")
    assert table["StreamSpecification"] == {"StreamViewType": "NEW_AND_OLD_IMAGES"}


def test_how_lambda_reads_the_stream(stage: Synthesized) -> None:
    mapping = stage.properties("AWS::Lambda::EventSourceMapping", "Events")
    patterns = [json.loads(each["Pattern"]) for each in mapping.pop("FilterCriteria")["Filters"]]
    listed = {"value": {"S": [{"prefix": "pdf_processing"}]}}
    assert patterns == [{"dynamodb": {image: listed}} for image in ("NewImage", "OldImage")]
    assert mapping == {
        "EventSourceArn": "<TasksTable.StreamArn>",
        "FunctionName": f"<{EVENTS}Function>",
        "StartingPosition": "TRIM_HORIZON",
        "BatchSize": 100,
        "MaximumBatchingWindowInSeconds": 1,
        "TumblingWindowInSeconds": 900,
        "BisectBatchOnFunctionError": True,
        "FunctionResponseTypes": ["ReportBatchItemFailures"],
        "MaximumRecordAgeInSeconds": 23 * 3600,
        "DestinationConfig": {"OnFailure": {"Destination": "<EventsDeadLetterQueue.Arn>"}},
    }


def test_what_the_function_is_told(stage: Synthesized) -> None:
    function = stage.properties("AWS::Lambda::Function", EVENTS)
    assert function["Handler"] == f"{DEPLOYED}.events.handler"
    assert function["Environment"]["Variables"] == common_variables(stage) | {
        "EVENT_BUS_NAME": "<EventsBus>",
        "EVENTS_DEAD_LETTER_QUEUE_URL": "<EventsDeadLetterQueue>",
    }


def test_its_events_are_those_that_rules_can_be_made_of() -> None:
    assert set(KINDS) == {str(kind) for kind in EventType}
    assert SOURCE == SENT_FROM


def test_a_rule_starts_something(stack: Stack) -> None:
    tracker = with_steps(tracker_in(stack))
    target = targets.SqsQueue(sqs.Queue(stack, "Aside"))
    tracker.on_event("Task Ignored", "Task Cancelled", step="Mail", targets=[target])
    tracker.on_event(targets=[target])
    rules = {name: each["Properties"] for name, each in synthesized(stack).of_type("AWS::Events::Rule").items()}
    assert {name: rule["EventPattern"] for name, rule in rules.items()} == {
        "OrdersEventsOnTaskIgnoredTaskCancelledMail": {
            "source": ["status-tracker"],
            "detail-type": ["Task Ignored", "Task Cancelled"],
            "detail": {"use_case": ["Orders"], "step": ["Mail"]},
        },
        "OrdersEventsOnEverything": {"source": ["status-tracker"], "detail": {"use_case": ["Orders"]}},
    }
    assert {rule["EventBusName"] for rule in rules.values()} == {"<OrdersEventsBus>"}
    assert {rule["Targets"][0]["Arn"] for rule in rules.values()} == {"<Aside.Arn>"}


def test_a_rule_about_no_event_is_refused(stack: Stack) -> None:
    with pytest.raises(PropsError, match=r"there is no event 'Task Lost': choose of Task Created, Task Started"):
        tracker_in(stack).on_event("Task Lost", targets=[])
    with pytest.raises(PropsError, match=r"on_event\(\) needs events: switch them on"):
        tracker_in(stack, "Returns", events=False).on_event("Task Ignored", targets=[])


def test_a_rule_that_cannot_be_is_refused(stack: Stack) -> None:
    tracker = with_steps(tracker_in(stack))
    target = targets.SqsQueue(sqs.Queue(stack, "Aside"))
    with pytest.raises(PropsError, match="there is no step 'Nope': choose of Invoice, Mail"):
        tracker.on_event("Task Ignored", step="Nope", targets=[target])
    with pytest.raises(PropsError, match="targets must be a list of what a rule can start"):
        tracker.on_event("Task Ignored", targets=target)  # type: ignore[arg-type]
    tracker.on_event("Task Ignored", targets=[target])
    with pytest.raises(PropsError, match="there is a rule OnTaskIgnored already: give all targets to one, or this"):
        tracker.on_event("Task Ignored", targets=[target])
    assert tracker.on_event("Task Ignored", targets=[target], construct_id="Second").node.id == "Second"


def test_every_function_knows_that_nothing_keeps_counts(stack: Stack) -> None:
    without = with_steps(tracker_in(stack, events=False))
    with_steps(tracker_in(stack, "Returns", layer=without.layer))
    told = {
        name: each["Properties"]["Environment"]["Variables"].get("STATUS_TRACKER_COUNTS")
        for name, each in synthesized(stack).of_type("AWS::Lambda::Function").items()
        if "UseCaseId" in str(each) or "USE_CASE_ID" in str(each)
    }
    assert {value for name, value in told.items() if name.startswith("Orders")} == {"0"}
    assert {value for name, value in told.items() if name.startswith("Returns")} == {None}


def test_a_bus_of_ones_own_and_no_counts(stack: Stack) -> None:
    bus = events.EventBus.from_event_bus_name(stack, "Bus", "shop")
    with_steps(tracker_in(stack, event_bus=bus, events=EventsProps(events_counts=False)))
    template = synthesized(stack)
    assert not template.of_type("AWS::Events::EventBus")
    variables = template.properties("AWS::Lambda::Function", "OrdersEvents")["Environment"]["Variables"]
    assert (variables["EVENT_BUS_NAME"], variables["STATUS_TRACKER_COUNTS"]) == ("shop", "0")


# Whose table has a stream


def test_a_table_of_elsewhere_has_events_where_it_has_a_stream(stack: Stack) -> None:
    assert tracker_in(stack, table=imported(stack, table_stream_arn=STREAM)).events is not None
    without = Stack(app_without_context(), "Without")
    assert tracker_in(without, table=imported(without)).events is None
    bus = events.EventBus(without, "Bus")
    with pytest.raises(PropsError, match="events need a stream, and the table has none"):
        tracker_in(without, "Returns", table=without.node.find_child("Table"), event_bus=bus)


def test_events_of_a_table_without_a_stream_are_refused(stack: Stack) -> None:
    table = imported(stack)
    told = r"the table has none: switch one on with NEW_AND_OLD_IMAGES, and import it with table_stream_arn"
    with pytest.raises(PropsError, match=told):
        tracker_in(stack, table=table, events=True)
    tracker = tracker_in(stack, "Returns", table=table)
    with pytest.raises(PropsError, match=told):
        TaskEvents(stack, "Alone", commons=tracker.commons, table=tracker.table)


def test_a_stream_without_the_old_items_is_refused(stack: Stack) -> None:
    key = dynamodb.Attribute(name="key", type=dynamodb.AttributeType.STRING)
    table = dynamodb.Table(stack, "Tasks", partition_key=key, stream=dynamodb.StreamViewType.NEW_IMAGE)
    with pytest.raises(PropsError, match="with NEW_AND_OLD_IMAGES, and that of the table has NEW_IMAGE"):
        tracker_in(stack, table=table, events=True)
    assert tracker_in(stack, "Returns", table=table).events is None


def test_a_stream_has_two_readers_at_most(stack: Stack) -> None:
    table = tracker_in(stack, "Orders").table
    tracker_in(stack, "Returns", table=table)
    with pytest.raises(PropsError, match="the third reader of one stream"):
        tracker_in(stack, "Gifts", table=table, events=True)
    quiet = tracker_in(stack, "Letters", table=table)
    assert quiet.events is None
    [told] = [each.data for each in quiet.node.metadata if each.type == "aws:cdk:warning"]
    assert str(told).startswith("This tracker has no events: events would be the third reader")
    assert tracker_in(stack, "Bills", table=table, events=False).events is None


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"events": "yes"}, "events must be a EventsProps, True or False, not 'yes'"),
        ({"event_bus": "shop"}, "event_bus must be an events.IEventBus, not 'shop'"),
        ({"events": False, "event_bus": "bus"}, "event_bus is for events, which are off"),
    ],
)
def test_wrong_use_is_told(stack: Stack, options: dict[str, Any], told: str) -> None:
    if options.get("event_bus") == "bus":
        options = {**options, "event_bus": events.EventBus(stack, "Bus")}
    with pytest.raises(PropsError, match=told):
        tracker_in(stack, **options)


def test_numbers_out_of_their_range_are_refused() -> None:
    with pytest.raises(PropsError, match="events_batch_size must be from 1 to 1000, not 0"):
        EventsProps(events_batch_size=0)


def test_without_events_nothing_of_them_is_there(stack: Stack) -> None:
    tracker: Tracker = with_steps(tracker_in(stack, events=False))
    template = synthesized(stack)
    assert tracker.events is None
    assert not template.of_type("AWS::Events::EventBus")
    assert not [name for name in template.template["Resources"] if "Events" in name]
    assert "StreamSpecification" not in template.properties("AWS::DynamoDB::Table")
