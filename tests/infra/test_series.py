"""No alarm and no line of a dashboard looks at what is never sent."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import cache

import pytest

from tests.infra.emitting import of_a_worker, of_the_application
from tests.infra.series import Series, is_sent_by_a_service, looked_at
from tests.infra.synthesis import Synthesized, readable
from tests.infra.variants import SETTINGS, WORKER, synthesized


@cache
def sent(service: str) -> set[Series]:
    """What the functions send, where their environment names the service so."""
    return {each.of_service(service) for each in _sent_in_tests()}


@cache
def _sent_in_tests() -> set[Series]:
    return of_the_application()


def never_sent(stack: Synthesized, sent_by_functions: set[Series]) -> set[str]:
    """What alarms and dashboards look at in vain."""
    return {
        str(series)
        for series in looked_at(stack)
        if series not in sent_by_functions and not is_sent_by_a_service(series, stack)
    }


def test_every_metric_of_a_worker_is_sent() -> None:
    assert never_sent(synthesized(WORKER), of_a_worker("example", "Notify")) == set()


@pytest.mark.parametrize("name", SETTINGS)
def test_every_metric_of_alarms_and_dashboard_is_sent(name: str) -> None:
    stack = synthesized(name)
    assert never_sent(stack, sent(stack.stack.stack_name)) == set()


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("TaskCancelled", "TaskCanceled"),  # of a step
        ("OldestUnfinished", "Oldest"),  # of the sweep, in an alarm too
        ('\\"step\\",\\"Intake\\"', '\\"step\\",\\"intake\\"'),
        ("function_name", "FunctionName"),
        ("ApproximateAgeOfOldestMessage", "AgeOfOldestMessage"),
        ('"MetricName": "ExecutionsAborted"', '"MetricName": "ExecutionsStopped"'),
        ("StateTransition", "StateTransitions"),
        ("ConsumedReadCapacityUnits", "ConsumedReadUnits"),
    ],
)
def test_a_misspelt_metric_or_dimension_would_be_found(prod: Synthesized, right: str, wrong: str) -> None:
    template = json.dumps(prod.template)
    assert right in template
    found = never_sent(replace(prod, template=json.loads(template.replace(right, wrong))), sent(prod.stack.stack_name))
    assert found
    name = wrong.replace('\\"', "").replace(",", "=").rpartition(": ")[2].strip('"')
    assert all(name in series for series in found)


def test_a_queue_that_is_not_there_would_be_found(prod: Synthesized) -> None:
    template = json.loads(json.dumps(prod.template))
    queue = next(name for name in template["Resources"] if readable(name) == "DocumentIntakeQueue")
    del template["Resources"][queue]
    found = never_sent(replace(prod, template=template), sent(prod.stack.stack_name))
    assert "AWS/SQS ApproximateAgeOfOldestMessage{QueueName=<DocumentIntakeQueue.QueueName>}" in found
    assert all("DocumentIntakeQueue." in series for series in found)


@pytest.mark.parametrize("name", SETTINGS)
def test_the_alarms_on_the_dashboard_are_those_of_the_stack(name: str) -> None:
    stack = synthesized(name)
    alarms = {alarm["Properties"].get("AlarmName") for alarm in stack.of_type("AWS::CloudWatch::Alarm").values()}
    body = json.loads(stack.properties("AWS::CloudWatch::Dashboard")["DashboardBody"])
    [shown] = [widget["properties"]["alarms"] for widget in body["widgets"] if widget["type"] == "alarm"]
    assert {arn.rpartition(":alarm:")[2] for arn in shown} == alarms - {None}
