"""EventBridge's rules: to which targets an event comes, in which form, and by which rights."""

from __future__ import annotations

import json
import uuid
from typing import Any

import pytest

from status_tracker_local.cloud import LocalCloud
from tests.local_cloud.support import Functions, allow, document, make_role, wait_for

TELLS = """
import boto3, json, os
def handler(event, context):
    boto3.client("sqs").send_message(QueueUrl=os.environ["SEEN"], MessageBody=json.dumps(event))
"""


class Bus:
    """A bus of its own, with a queue that takes whatever comes."""

    def __init__(self, cloud: LocalCloud) -> None:
        self.cloud = cloud
        self.events, self.sqs = cloud.client("events"), cloud.client("sqs")
        self.name = f"bus-{uuid.uuid4().hex[:8]}"
        self.events.create_event_bus(Name=self.name)
        self.url, self.queue = self.make_queue()

    def make_queue(self, *, takes_events: bool = True) -> tuple[str, str]:
        name = f"{self.name}-{uuid.uuid4().hex[:4]}"
        arn = f"arn:aws:sqs:us-east-1:123456789012:{name}"
        statement = allow("sqs:SendMessage", arn, Principal={"Service": "events.amazonaws.com"})
        policy = {"Policy": json.dumps(document(statement))} if takes_events else {}
        return self.sqs.create_queue(QueueName=name, Attributes=policy)["QueueUrl"], arn

    def rule(self, *targets: dict[str, Any], pattern: object = None, **settings: Any) -> str:
        name = f"rule-{uuid.uuid4().hex[:8]}"
        pattern = json.dumps(pattern or {"source": ["shop"]})
        arn: str = self.events.put_rule(Name=name, EventBusName=self.name, EventPattern=pattern, **settings)["RuleArn"]
        numbered = [{"Id": str(number), **target} for number, target in enumerate(targets)]
        self.events.put_targets(Rule=name, EventBusName=self.name, Targets=numbered)
        return arn

    def put(self, kind: str = "Order Paid", **detail: Any) -> str:
        entry = {"Source": "shop", "DetailType": kind, "Detail": json.dumps(detail), "EventBusName": self.name}
        answer = self.events.put_events(Entries=[entry])
        assert answer["FailedEntryCount"] == 0
        found: str = answer["Entries"][0]["EventId"]
        return found

    def next(self, url: str = "") -> Any:
        def look() -> Any:
            for message in self.sqs.receive_message(QueueUrl=url or self.url).get("Messages", []):
                self.sqs.delete_message(QueueUrl=url or self.url, ReceiptHandle=message["ReceiptHandle"])
                return [json.loads(message["Body"])]
            return None

        [body] = wait_for("a message", look)
        return body


@pytest.fixture
def bus(cloud: LocalCloud) -> Bus:
    return Bus(cloud)


def test_a_queue_gets_the_whole_event_whatever_is_in_it(bus: Bus) -> None:
    bus.rule({"Arn": bus.queue})
    reason = 'he said "no" <id>\n\\'
    number = bus.put(reason=reason, attempts=3)
    event = bus.next()
    assert event.pop("time").endswith("Z")
    assert event == {
        "version": "0",
        "id": number,
        "detail-type": "Order Paid",
        "source": "shop",
        "account": "123456789012",
        "region": "us-east-1",
        "resources": [],
        "detail": {"reason": reason, "attempts": 3},
    }


def test_only_what_matches_an_enabled_rule_is_sent(bus: Bus) -> None:
    bus.rule({"Arn": bus.queue}, pattern={"detail-type": ["Order Lost"], "detail": {"step": [{"prefix": "In"}]}})
    bus.rule({"Arn": bus.queue}, State="DISABLED")
    bus.put("Order Lost", step="Mail")
    bus.put("Order Paid", step="Invoice")
    bus.put("Order Lost", step="Invoice", number=1)
    assert bus.next()["detail"]["number"] == 1


def test_a_target_may_choose_what_it_gets(bus: Bus) -> None:
    url, arn = bus.make_queue()
    paths = {"who": "$.detail.who", "what": "$.detail-type"}
    transformer = {"InputPathsMap": paths, "InputTemplate": '"<what> of <who>"'}
    bus.rule({"Arn": bus.queue, "InputPath": "$.detail"}, {"Arn": arn, "InputTransformer": transformer})
    bus.put(who="ada")
    assert (bus.next(), bus.next(url)) == ({"who": "ada"}, "Order Paid of ada")


def test_a_function_gets_it_where_its_policy_says_so(bus: Bus, functions: Functions) -> None:
    arn = functions.make(bus.name, TELLS, Environment={"Variables": {"SEEN": bus.url}})
    rule = bus.rule({"Arn": arn, "DeadLetterConfig": {"Arn": bus.queue}})
    bus.put(try_=1)
    assert bus.next()["detail"] == {"try_": 1}  # as a dead letter
    bus.cloud.client("lambda").add_permission(
        FunctionName=bus.name,
        StatementId="events",
        Action="lambda:InvokeFunction",
        Principal="events.amazonaws.com",
        SourceArn=rule,
    )
    bus.put(try_=2)
    assert bus.next()["detail"] == {"try_": 2}
    assert bus.cloud.processes()[bus.name]


def test_a_topic_a_state_machine_and_another_bus_get_it(bus: Bus) -> None:
    sns, states = bus.cloud.client("sns"), bus.cloud.client("stepfunctions")
    topic = sns.create_topic(Name=bus.name)["TopicArn"]
    takes = allow("sns:Publish", topic, Principal={"Service": "events.amazonaws.com"})
    sns.set_topic_attributes(TopicArn=topic, AttributeName="Policy", AttributeValue=json.dumps(document(takes)))
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=bus.queue, Attributes={"RawMessageDelivery": "true"})
    does = make_role(bus.cloud, f"{bus.name}-does", "states.amazonaws.com")
    definition = json.dumps({"StartAt": "Done", "States": {"Done": {"Type": "Succeed"}}})
    machine = states.create_state_machine(name=bus.name, definition=definition, roleArn=does)["stateMachineArn"]
    other = Bus(bus.cloud)
    other.rule({"Arn": other.queue})
    other_arn = f"arn:aws:events:us-east-1:123456789012:event-bus/{other.name}"
    rights = allow(["states:StartExecution", "events:PutEvents"], [machine, other_arn])
    role = make_role(bus.cloud, f"{bus.name}-rule", "events.amazonaws.com", rights)
    bus.rule({"Arn": topic}, {"Arn": machine, "RoleArn": role}, {"Arn": other_arn, "RoleArn": role})
    bus.put(number=7)
    assert bus.next()["detail"] == other.next()["detail"] == {"number": 7}

    def inputs() -> list[Any]:
        found = states.list_executions(stateMachineArn=machine)["executions"]
        told = [states.describe_execution(executionArn=each["executionArn"]) for each in found]
        return [json.loads(each["input"])["detail"] for each in told]

    assert wait_for("an execution", inputs) == [{"number": 7}]


def test_a_target_that_cannot_be_reached_takes_nothing_from_the_others(bus: Bus) -> None:
    _, closed = bus.make_queue(takes_events=False)
    stream = "arn:aws:firehose:us-east-1:123456789012:deliverystream/lake"
    bus.rule({"Arn": closed}, {"Arn": stream, "RoleArn": "arn:aws:iam::123456789012:role/none"}, {"Arn": bus.queue})
    bus.put(number=8)
    assert bus.next()["detail"] == {"number": 8}
