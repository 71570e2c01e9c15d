"""The metrics that a template looks at, each with its dimensions, and those that AWS's services send by themselves."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from tests.infra.expected import WORKERS
from tests.infra.synthesis import Synthesized


class Series(NamedTuple):
    """One time series of CloudWatch: a metric with exactly these dimensions."""

    namespace: str
    name: str
    dimensions: frozenset[tuple[str, str]]

    def of_service(self, service: str) -> Series:
        """The same of another service, if it is of one."""
        renamed = ((name, service if name == "service" else value) for name, value in self.dimensions)
        return self._replace(dimensions=frozenset(renamed))

    def __str__(self) -> str:
        told = ",".join(f"{name}={value}" for name, value in sorted(self.dimensions))
        return f"{self.namespace} {self.name}{{{told}}}"


_OF_EXECUTIONS = {
    *("ExecutionsStarted", "ExecutionsSucceeded", "ExecutionsFailed", "ExecutionsAborted", "ExecutionsTimedOut"),
    *("ExecutionThrottled", "ExecutionTime"),
}
_OF_A_BUCKET_OF_TOKENS = {"ThrottledEvents", "ProvisionedBucketSize", "ProvisionedRefillRate", "ConsumedCapacity"}
_OF_A_FUNCTION = {"Invocations", "Errors", "Throttles", "Duration", "ConcurrentExecutions"}
_OF_A_TABLE = {
    *("ConsumedReadCapacityUnits", "ConsumedWriteCapacityUnits", "ReadThrottleEvents", "WriteThrottleEvents"),
}
_OF_A_QUEUE = {
    *("ApproximateAgeOfOldestMessage", "ApproximateNumberOfMessagesDelayed", "ApproximateNumberOfMessagesNotVisible"),
    *("ApproximateNumberOfMessagesVisible", "NumberOfEmptyReceives", "NumberOfMessagesDeleted"),
    *("NumberOfMessagesReceived", "NumberOfMessagesSent", "SentMessageSize"),
}
# https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-types.html
# https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-available-cloudwatch-metrics.html
# https://docs.aws.amazon.com/step-functions/latest/dg/procedure-cw-metrics.html
# https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/metrics-dimensions.html
SERVICES: Mapping[tuple[str, tuple[str, ...]], set[str]] = {
    ("AWS/Lambda", ("FunctionName",)): _OF_A_FUNCTION | {"IteratorAge"},
    ("AWS/Lambda", ()): _OF_A_FUNCTION,
    ("AWS/SQS", ("QueueName",)): _OF_A_QUEUE,
    ("AWS/States", ("StateMachineArn",)): _OF_EXECUTIONS,
    ("AWS/States", ("ServiceMetric",)): _OF_A_BUCKET_OF_TOKENS,
    ("AWS/DynamoDB", ("TableName",)): _OF_A_TABLE,
    ("AWS/DynamoDB", ("GlobalSecondaryIndexName", "TableName")): _OF_A_TABLE,
}
"""What a service sends by its documentation, by the namespace and the names of the dimensions."""


def looked_at(stack: Synthesized) -> set[Series]:
    """What the alarms and dashboards of a template look at. A function is known by its handler."""
    functions = {
        f"<{name}>": function["Properties"]["Handler"]
        for name, function in stack.of_type("AWS::Lambda::Function").items()
    }

    def known(value: str) -> str:
        return functions.get(value, value)

    return {
        each._replace(dimensions=frozenset((name, known(value)) for name, value in each.dimensions))
        for each in (*_of_alarms(stack), *_of_dashboards(stack))
    }


def _of_alarms(stack: Synthesized) -> Iterator[Series]:
    for name, alarm in stack.of_type("AWS::CloudWatch::Alarm").items():
        if name.startswith(tuple(WORKERS)):  # of a use case of its own, whose function is not run here
            continue
        properties = alarm["Properties"]
        queries = [query["MetricStat"]["Metric"] for query in properties.get("Metrics", ()) if "MetricStat" in query]
        for metric in queries or [properties]:
            dimensions = frozenset((each["Name"], each["Value"]) for each in metric.get("Dimensions", ()))
            yield Series(metric["Namespace"], metric["MetricName"], dimensions)


def _of_dashboards(stack: Synthesized) -> Iterator[Series]:
    for dashboard in stack.of_type("AWS::CloudWatch::Dashboard").values():
        for widget in json.loads(dashboard["Properties"]["DashboardBody"])["widgets"]:
            for metric in widget["properties"].get("metrics", ()):
                if isinstance(metric[0], str):  # else it is an expression
                    namespace, name, *rest = (each for each in metric if isinstance(each, str))
                    yield Series(namespace, name, frozenset(zip(rest[::2], rest[1::2], strict=True)))


def is_sent_by_a_service(series: Series, stack: Synthesized) -> bool:
    """Whether the service sends it, about something that is in the template."""
    names = tuple(sorted(name for name, _ in series.dimensions))
    if series.name not in SERVICES.get((series.namespace, names), ()):
        return False
    there = _things(stack)
    return all(value in there[name] for name, value in series.dimensions)


def _things(stack: Synthesized) -> dict[str, set[Any]]:
    """What each dimension may name."""
    tables = stack.of_type("AWS::DynamoDB::Table")
    return {
        "FunctionName": {each["Properties"]["Handler"] for each in stack.of_type("AWS::Lambda::Function").values()},
        "QueueName": {f"<{name}.QueueName>" for name in stack.of_type("AWS::SQS::Queue")},
        "StateMachineArn": {f"<{name}>" for name in stack.of_type("AWS::StepFunctions::StateMachine")},
        "ServiceMetric": {"StateTransition"},
        "TableName": {f"<{name}>" for name in tables},
        "GlobalSecondaryIndexName": {
            index["IndexName"] for table in tables.values() for index in table["Properties"]["GlobalSecondaryIndexes"]
        },
    }
