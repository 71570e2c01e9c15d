"""The alarms of an account, minute by minute, on a clock that is moved."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto import mock_aws
from moto.cloudwatch.models import CloudWatchBackend

from status_tracker_local.account import REGION
from status_tracker_local.monitoring.alarm_model import put_alarms_without_data  # and moto knows a model by its class
from status_tracker_local.monitoring.clock import MINUTE, minute_of
from status_tracker_local.monitoring.metrics import Datum, MetricName
from status_tracker_local.monitoring.monitor import NOT_EVALUATED, Monitor

FAILURES = {"Namespace": "Orders", "MetricName": "Failed", "Dimensions": [{"Name": "step", "Value": "Pack"}]}
STAT = {"Metric": FAILURES, "Period": 60, "Stat": "Sum"}
SIMPLE: dict[str, Any] = {
    **FAILURES,
    "Period": 60,
    "Statistic": "Sum",
    "EvaluationPeriods": 3,
    "DatapointsToAlarm": 1,
    "ComparisonOperator": "GreaterThanThreshold",
    "Threshold": 1,
    "TreatMissingData": "notBreaching",
}


class Account:
    """An account in moto, with the monitor that the local cloud has."""

    def __init__(self, logs: Path) -> None:
        self.refusing: set[str] = set()
        self.monitor = Monitor(logs, lambda _, topic: topic not in self.refusing)
        self.cloudwatch = boto3.client("cloudwatch", region_name=REGION)
        self.sns = boto3.client("sns", region_name=REGION)
        self.sqs = boto3.client("sqs", region_name=REGION)
        self._stacks = boto3.client("cloudformation", region_name=REGION)
        self.monitor.forward()  # what a test does first is in one minute

    def deploy(self, **alarms: dict[str, Any]) -> None:
        """Deploy alarms as a stack, by their logical ids."""
        resources = {
            name: {"Type": "AWS::CloudWatch::Alarm", "Properties": {"AlarmName": name, **settings}}
            for name, settings in alarms.items()
        }
        change = (
            self._stacks.update_stack if self._stacks.list_stacks()["StackSummaries"] else self._stacks.create_stack
        )
        change(StackName="orders", TemplateBody=json.dumps({"Resources": resources}))

    def failed(self, count: float) -> None:
        now = self.monitor.clock.now()
        self.monitor.metrics.put([Datum.make("Orders", "Failed", {"step": "Pack"}, count, now)])

    def minutes(self, count: int) -> None:
        self.monitor.forward(count * MINUTE)

    def alarm(self, name: str = "Failures") -> dict[str, Any]:
        [found] = self.cloudwatch.describe_alarms(AlarmNames=[name])["MetricAlarms"]
        return dict(found)

    def state(self, name: str = "Failures") -> str:
        return str(self.alarm(name)["StateValue"])


@pytest.fixture
def account(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Account]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setattr(CloudWatchBackend, "put_metric_alarm", CloudWatchBackend.put_metric_alarm)
    put_alarms_without_data()
    with mock_aws():
        yield Account(tmp_path)


def test_an_alarm_of_a_stack_goes_off_and_comes_back(account: Account) -> None:
    account.deploy(Failures=SIMPLE)
    assert account.alarm()["StateValue"] == "INSUFFICIENT_DATA"
    account.minutes(1)
    assert account.state() == "OK"
    account.failed(2)
    account.minutes(1)
    assert account.state() == "ALARM"
    assert account.alarm()["StateReason"].startswith("1 of 1 datapoints is greater than the threshold 1: 2 (")
    account.minutes(5)
    assert account.state() == "OK"
    assert [(each["old"], each["new"]) for each in account.monitor.changes()] == [
        ("INSUFFICIENT_DATA", "OK"),
        ("OK", "ALARM"),
        ("ALARM", "OK"),
    ]
    assert [each["number"] for each in account.monitor.changes(after=1)] == [2, 3]


def test_each_minute_that_is_passed_over_is_evaluated(account: Account) -> None:
    account.deploy(Failures=SIMPLE)
    account.failed(2)
    account.minutes(30)
    assert [each["new"] for each in account.monitor.changes()] == ["ALARM", "OK"]
    went, came = (minute_of(each["at"]) for each in account.monitor.changes())
    assert came - went == 5 * MINUTE  # three periods, and the two older ones that are looked at


def test_the_topics_of_the_new_state_are_told(account: Account) -> None:
    queue = account.sqs.create_queue(QueueName="told")["QueueUrl"]
    arn = account.sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    topic = account.sns.create_topic(Name="alarms")["TopicArn"]
    account.sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)
    missing = f"{topic}-that-is-gone"
    refusing = account.sns.create_topic(Name="of-others")["TopicArn"]
    account.sns.subscribe(TopicArn=refusing, Protocol="sqs", Endpoint=arn)
    account.refusing.add(refusing)
    account.deploy(
        Failures={**SIMPLE, "AlarmActions": [missing, refusing, topic]},
        Quiet={**SIMPLE, "ActionsEnabled": False, "AlarmActions": [topic]},
    )
    account.failed(2)
    account.minutes(10)
    messages = account.sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10)["Messages"]
    [told] = [json.loads(json.loads(message["Body"])["Message"]) for message in messages]
    assert (told["AlarmName"], told["NewStateValue"]) == ("Failures", "ALARM")
    assert told["Trigger"]["MetricName"] == "Failed"
    assert account.state("Quiet") == "OK"


def math_alarm(expression: str, **settings: Any) -> dict[str, Any]:
    left_out = ("Namespace", "MetricName", "Dimensions", "Period", "Statistic")
    return {
        **{name: value for name, value in SIMPLE.items() if name not in left_out},
        "Metrics": [
            {"Id": "expr_1", "Expression": expression, "ReturnData": True},
            {"Id": "failed", "MetricStat": STAT, "ReturnData": False},
        ],
        **settings,
    }


def test_an_alarm_on_an_expression(account: Account) -> None:
    account.deploy(
        Failures=math_alarm("failed * 10"), Nothing=math_alarm("FILL(failed, 0)", TreatMissingData="breaching")
    )
    account.minutes(1)
    assert (account.state(), account.state("Nothing")) == ("OK", "ALARM")
    account.failed(1)
    account.minutes(1)
    assert (account.state(), account.state("Nothing")) == ("ALARM", "OK")


def with_query(**query: Any) -> dict[str, Any]:
    """An alarm on an expression, with a further query beside it."""
    alarm = math_alarm("failed * 10")
    return {**alarm, "Metrics": [*alarm["Metrics"], {"Id": "other", "ReturnData": False, **query}]}


@pytest.mark.parametrize(
    ("settings", "why"),
    [
        (math_alarm("ANOMALY_DETECTION_BAND(failed, 2)"), "the function ANOMALY_DETECTION_BAND is not known here"),
        (math_alarm("failed +"), "'more' was expected"),
        (math_alarm("nothing"), "'nothing' is not known here"),
        (math_alarm("expr_1 + 1"), "needs its own value"),
        ({**SIMPLE, "Statistic": None, "ExtendedStatistic": "tm90"}, "the statistic tm90 is not known here"),
        ({**SIMPLE, "Period": 10}, "a period of 10 s is not known here"),
        ({**SIMPLE, "ComparisonOperator": "GreaterThanUpperThreshold"}, "GreaterThanUpperThreshold is not known here"),
        ({**SIMPLE, "ThresholdMetricId": "m"}, "a threshold that is a metric is not known here"),
        ({**SIMPLE, "EvaluateLowSampleCountPercentile": "ignore"}, "few samples is not known here"),
        ({**SIMPLE, "TreatMissingData": "perhaps"}, "'perhaps'"),
        ({**SIMPLE, "Unit": "Bytes"}, "the unit Bytes is not known here"),
        (with_query(MetricStat={**STAT, "Unit": "Bytes"}), "the unit Bytes is not known here"),
        (with_query(MetricStat=STAT, AccountId="210987654321"), "the account 210987654321 is not known here"),
        (with_query(Expression="failed", Period=300), "periods of 2 lengths"),
    ],
)
def test_what_is_not_known_is_never_ok(account: Account, settings: dict[str, Any], why: str) -> None:
    account.deploy(Failures=SIMPLE, Other=SIMPLE)
    account.minutes(1)
    assert account.state() == "OK"
    account.deploy(Failures=settings, Other=SIMPLE)
    account.failed(5)
    account.minutes(1)
    assert account.state() == "INSUFFICIENT_DATA"
    assert account.alarm()["StateReason"].startswith(NOT_EVALUATED)
    assert why in account.alarm()["StateReason"]
    assert account.state("Other") == "ALARM"  # the others go on


def test_what_nobody_looks_at_any_more_is_forgotten(account: Account) -> None:
    metric = MetricName.make("Orders", "Failed", {"step": "Pack"})
    account.failed(2)
    account.minutes(24 * 60)
    assert account.monitor.metrics.exists(metric)
    account.failed(3)
    account.minutes(26 * 60)
    [value] = [each for each in account.monitor.metrics.backend.metric_data if each.name == "Failed"]
    assert vars(value)["value"] == 3
    account.minutes(24 * 60)
    assert not account.monitor.metrics.exists(metric)


def test_an_update_keeps_the_state_and_a_deletion_ends_it(account: Account) -> None:
    account.deploy(Failures=SIMPLE, Other=SIMPLE)
    account.failed(2)
    account.minutes(1)
    account.deploy(Failures={**SIMPLE, "Threshold": 100})
    assert (account.state(), account.alarm()["Threshold"]) == ("ALARM", 100)
    assert account.cloudwatch.describe_alarms(AlarmNames=["Other"])["MetricAlarms"] == []
    account.minutes(1)
    assert account.state() == "OK"


def test_a_renamed_alarm_leaves_nothing_behind(account: Account) -> None:
    account.deploy(Failures=SIMPLE)
    account.failed(2)
    account.minutes(1)
    account.deploy(Failures={**SIMPLE, "AlarmName": "Losses"})
    listed = account.cloudwatch.describe_alarms()["MetricAlarms"]
    assert [each["AlarmName"] for each in listed] == ["Losses"]
    account.minutes(1)
    assert account.state("Losses") == "ALARM"


def test_an_alarm_made_through_the_api_begins_without_data(account: Account) -> None:
    account.cloudwatch.put_metric_alarm(AlarmName="Own", **SIMPLE)
    assert account.state("Own") == "INSUFFICIENT_DATA"
    account.failed(2)
    account.minutes(1)
    assert account.state("Own") == "ALARM"
    account.cloudwatch.put_metric_alarm(AlarmName="Own", **{**SIMPLE, "Threshold": 100})
    assert account.state("Own") == "ALARM"  # as on AWS, an update leaves the state to the next evaluation
    account.minutes(1)
    assert [(each["old"], each["new"]) for each in account.monitor.changes()] == [
        ("INSUFFICIENT_DATA", "ALARM"),
        ("ALARM", "OK"),
    ]


def test_waiting_messages_grow_old_with_the_clock(account: Account) -> None:
    queue = account.sqs.create_queue(QueueName="waiting")["QueueUrl"]
    account.sqs.send_message(QueueUrl=queue, MessageBody="one")
    common = {"Namespace": "AWS/SQS", "Dimensions": [{"Name": "QueueName", "Value": "waiting"}], "Statistic": "Maximum"}
    account.deploy(
        Old={
            **SIMPLE,
            **common,
            "MetricName": "ApproximateAgeOfOldestMessage",
            "EvaluationPeriods": 1,
            "Threshold": 600,
        },
        There={
            **SIMPLE,
            **common,
            "MetricName": "ApproximateNumberOfMessagesVisible",
            "EvaluationPeriods": 1,
            "Threshold": 0,
        },
    )
    account.minutes(2)
    assert (account.state("Old"), account.state("There")) == ("OK", "ALARM")
    account.minutes(12)
    assert account.state("Old") == "ALARM"
    account.sqs.purge_queue(QueueUrl=queue)
    account.minutes(1)
    assert (account.state("Old"), account.state("There")) == ("OK", "OK")


def test_an_alarm_of_a_stack_is_described_as_one_made_through_the_api(account: Account) -> None:
    account.cloudwatch.put_metric_alarm(AlarmName="Own", AlarmDescription="Look.", **SIMPLE)
    account.deploy(Failures={**SIMPLE, "AlarmDescription": "Look."})
    own, deployed = account.alarm("Own"), account.alarm()
    assert set(own) == set(deployed)
    differs = {name for name, value in own.items() if value != deployed[name]}
    assert {name for name in differs if "Timestamp" not in name} == {"AlarmName", "AlarmArn"}
