"""From the lines of a log to the statistics of a metric."""

from __future__ import annotations

import json
import logging
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import boto3
import pytest
from aws_lambda_powertools.metrics import EphemeralMetrics, MetricResolution, MetricUnit, single_metric
from hypothesis import given
from hypothesis import strategies as st
from moto import mock_aws
from moto.sqs.models import SQSBackend

from status_tracker_local.account import REGION
from status_tracker_local.monitoring.clock import MINUTE, Clock, minute_of
from status_tracker_local.monitoring.emf import MalformedError, datums_of, objects_of
from status_tracker_local.monitoring.errors import NotEvaluatedError
from status_tracker_local.monitoring.metrics import Datum, MetricName, Metrics
from status_tracker_local.monitoring.queue_requests import QueueRequestMetrics
from status_tracker_local.monitoring.sources import LogMetrics
from status_tracker_local.monitoring.statistics import Sample, statistic

NOW = 1_800_000_000
FAILED = MetricName.make("Orders", "Failed", {"service": "orders", "step": "Pack"})


@pytest.fixture
def metrics(monkeypatch: pytest.MonkeyPatch) -> Iterator[Metrics]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    with mock_aws():
        yield Metrics()


def line(**changes: object) -> str:
    directive = {
        "Namespace": "Orders",
        "Dimensions": [["service"], ["service", "step"]],
        "Metrics": [{"Name": "Failed", "Unit": "Count"}, {"Name": "Took", "Unit": "Seconds", "StorageResolution": 1}],
    }
    aws = {"Timestamp": NOW * 1000 + 61_500, "CloudWatchMetrics": [directive]}
    return json.dumps({"_aws": aws, "service": "orders", "step": "Pack", "Failed": 2, "Took": [1.5, 3], **changes})


def datums(text: str) -> list[Datum]:
    return [datum for found in objects_of(text) for datum in datums_of(found, Clock().at)]


def test_each_value_counts_once_for_each_set_of_dimensions() -> None:
    found = datums(line())
    assert [(each.metric.name, dict(each.metric.dimensions), each.value) for each in found] == [
        ("Failed", {"service": "orders"}, 2),
        ("Took", {"service": "orders"}, 1.5),
        ("Took", {"service": "orders"}, 3),
        ("Failed", {"service": "orders", "step": "Pack"}, 2),
        ("Took", {"service": "orders", "step": "Pack"}, 1.5),
        ("Took", {"service": "orders", "step": "Pack"}, 3),
    ]
    assert {each.metric.namespace for each in found} == {"Orders"}
    assert {(each.metric.name, each.unit, each.at - NOW) for each in found} == {
        ("Failed", "Count", 60),  # the standard resolution is a minute
        ("Took", "Seconds", 61),
    }


def test_lines_that_processes_wrote_at_the_same_time() -> None:
    assert len(datums(f"START {line()}{line()} END")) == 2 * len(datums(line()))
    assert datums('START {"message": "no _aws here"}') == []


def test_what_powertools_writes(capsys: pytest.CaptureFixture[str]) -> None:
    metrics = EphemeralMetrics(namespace="Orders", service="orders")
    metrics.add_dimension("step", "Pack")
    metrics.add_metric("Failed", MetricUnit.Count, 1)
    metrics.add_metric("Failed", MetricUnit.Count, 2)
    metrics.add_metric("Took", MetricUnit.Seconds, 0.5, resolution=MetricResolution.High)
    metrics.flush_metrics()
    with single_metric("Cold", MetricUnit.Count, 1, namespace="Orders") as single:
        single.add_dimension("service", "orders")
    found = [datum for text in capsys.readouterr().out.splitlines() for datum in datums(text)]
    assert [(each.metric.name, each.value) for each in found] == [
        ("Failed", 1),
        ("Failed", 2),
        ("Took", 0.5),
        ("Cold", 1),
    ]
    assert dict(found[0].metric.dimensions) == {"service": "orders", "step": "Pack"}


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ('{"_aws": {', "no JSON"),
        ('{"_aws": {}}', "Timestamp"),
        ('{"_aws": 1}', "TypeError"),
        (line(Failed="many"), "'many' is no number"),
        (line(Failed=True), "True is no number"),
        (line(Took=[1.0] * 101), "101 values"),
        (line().replace('"service": "orders"', '"other": "orders"'), "service"),
        (line().replace('"StorageResolution": 1', '"StorageResolution": 5'), "StorageResolution 5"),
    ],
)
def test_what_cloudwatch_would_not_take_is_told(
    text: str, why: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(MalformedError, match=why):
        datums(text)
    (tmp_path / "pack.log").write_text(f"{text}\n{line()}\n")
    with caplog.at_level(logging.WARNING):
        assert len(list(LogMetrics(tmp_path, Clock()).collect(["pack"]))) == len(datums(line()))
    assert "pack" in caplog.text


def test_a_log_is_read_once_and_only_whole_lines(tmp_path: Path) -> None:
    log = tmp_path / "pack.log"
    logs = LogMetrics(tmp_path, Clock())
    assert list(logs.collect(["pack"])) == []
    log.write_text(f"START\n{line()}\n{line()[:40]}")
    assert len(list(logs.collect(["pack", "other"]))) == 6
    with log.open("a") as file:
        file.write(f"{line()[40:]}\n")
    assert len(list(logs.collect(["pack"]))) == 6
    assert list(logs.collect(["pack"])) == []


def test_a_moved_clock_makes_what_was_there_before_older() -> None:
    clock = Clock()
    begin = datetime.now(tz=UTC).timestamp()
    before = clock.at(begin)
    clock.forward(600)
    assert clock.at(begin) == before
    assert clock.now() >= begin + 600


def test_what_is_logged_right_after_a_move_is_dated_after_it(tmp_path: Path) -> None:
    """Though the minute that it is counted in has begun before the move."""
    clock = Clock()
    clock.forward(600)
    now = datetime.now(tz=UTC).timestamp()
    (tmp_path / "pack.log").write_text(line().replace(str(NOW * 1000 + 61_500), str(int(now * 1000) + 1)) + "\n")
    found = list(LogMetrics(tmp_path, clock).collect(["pack"]))
    assert {minute_of(each.at) for each in found} == {minute_of(now + 600.001)}


def test_statistics_by_period(metrics: Metrics) -> None:
    first, second, third = NOW, NOW + MINUTE, NOW + 2 * MINUTE
    dimensions = dict(FAILED.dimensions)
    assert not metrics.exists(FAILED)
    metrics.put(
        Datum.make("Orders", "Failed", dimensions, value, at) for value, at in [(1, first), (5, first), (2, third)]
    )
    metrics.put([Datum.make("Orders", "Failed", {"service": "orders"}, 100, first)])  # another metric
    ends = [second, third, third + MINUTE]
    assert metrics.exists(FAILED)
    assert metrics.values(FAILED, "Sum", ends, MINUTE) == {second: 6, third + MINUTE: 2}
    assert metrics.values(FAILED, "SampleCount", ends[2:], 3 * MINUTE) == {third + MINUTE: 3}


def test_what_is_put_through_the_api_counts_too(metrics: Metrics) -> None:
    client: Any = boto3.client("cloudwatch", region_name=REGION)
    at = datetime.fromtimestamp(NOW, tz=UTC)
    common: Any = {
        "MetricName": "Failed",
        "Dimensions": [{"Name": name, "Value": value} for name, value in FAILED.dimensions],
        "Timestamp": at,
    }
    client.put_metric_data(
        Namespace="Orders",
        MetricData=[
            {**common, "Value": 4},
            {**common, "Values": [1, 2], "Counts": [3, 1]},
            {**common, "StatisticValues": {"SampleCount": 2, "Sum": 20, "Minimum": 5, "Maximum": 15}},
        ],
    )
    end = minute_of(NOW) + MINUTE
    found = {
        stat: metrics.values(FAILED, stat, [end], MINUTE)[end] for stat in ("Sum", "SampleCount", "Minimum", "Maximum")
    }
    assert found == {"Sum": 29, "SampleCount": 7, "Minimum": 1, "Maximum": 15}
    assert metrics.values(FAILED, "p50", [end], MINUTE) == {}  # of a set of values nobody knows the middle


def test_what_is_collected_is_seen_through_the_api(metrics: Metrics) -> None:
    metrics.put(datums(line()))
    client = boto3.client("cloudwatch", region_name=REGION)
    answer = client.get_metric_statistics(
        Namespace="Orders",
        MetricName="Failed",
        Dimensions=[{"Name": name, "Value": value} for name, value in FAILED.dimensions],
        StartTime=datetime.fromtimestamp(NOW, tz=UTC),
        EndTime=datetime.fromtimestamp(NOW + 600, tz=UTC),
        Period=60,
        Statistics=["Sum"],
    )
    assert [point["Sum"] for point in answer["Datapoints"]] == [2]


@pytest.mark.usefixtures("metrics")
def test_requests_to_a_queue_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    for method in ("send_message", "receive_message", "delete_message"):
        monkeypatch.setattr(SQSBackend, method, getattr(SQSBackend, method))
    requests = QueueRequestMetrics(Clock())
    requests.install()
    sqs = boto3.client("sqs", region_name=REGION)
    queue = sqs.create_queue(QueueName="orders")["QueueUrl"]
    sqs.send_message(QueueUrl=queue, MessageBody="one")
    sqs.send_message_batch(QueueUrl=queue, Entries=[{"Id": each, "MessageBody": each} for each in ("two", "three")])
    for message in sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10)["Messages"][:2]:
        sqs.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
    sqs.receive_message(QueueUrl=queue)
    found = Counter[str]()
    for datum in requests.collect():
        assert dict(datum.metric.dimensions) == {"QueueName": "orders"}
        found[datum.metric.name] += int(datum.value)
    assert found == {
        "NumberOfMessagesSent": 3,
        "NumberOfMessagesReceived": 3,
        "NumberOfMessagesDeleted": 2,
        "NumberOfEmptyReceives": 1,
    }
    assert list(requests.collect()) == []


whole = st.integers(-1000, 1000).map(float)


@given(st.lists(whole, min_size=1), st.floats(0.5, 100).map(lambda percent: round(percent, 1)))
def test_a_percentile_is_a_value_that_so_many_do_not_exceed(values: list[float], percent: float) -> None:
    found = statistic(f"p{percent:g}", [Sample(1, value, value, value) for value in values])
    assert found in values
    below = [value for value in values if value < found]
    assert sum(value <= found for value in values) >= percent / 100 * len(values) - 1e-6
    assert len(below) < percent / 100 * len(values) + 1e-6


@given(st.lists(whole, min_size=1))
def test_the_other_statistics(values: list[float]) -> None:
    samples = [Sample(1, value, value, value) for value in values]
    found = [statistic(name, samples) for name in ("Sum", "SampleCount", "Minimum", "Maximum", "Average")]
    assert found == [sum(values), len(values), min(values), max(values), pytest.approx(sum(values) / len(values))]


@pytest.mark.parametrize("name", ["tm90", "IQM", "p101", "p", "sum", "PR(:300)"])
def test_other_statistics_are_not_known(name: str) -> None:
    with pytest.raises(NotEvaluatedError, match="is not known here"):
        statistic(name, [])
    assert statistic("Sum", []) is None
