"""The alarms of a template, each as one record.

``python -m tests.infra.alarm_table`` prints those of docs/operations.md.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from app import build
from tests.infra.expected import STEPS, WORKERS
from tests.infra.synthesis import Synthesized, new_app

ALARM = "AWS::CloudWatch::Alarm"
DOLLARS_A_METRIC = 0.10
"""CloudWatch counts the metrics of an alarm, not the alarms."""

_OPERATORS = {"GreaterThanThreshold": ">", "LessThanThreshold": "<"}
_WITHOUT_DATA = {"notBreaching": "OK", "breaching": "ALARM", "missing": "INSUFFICIENT_DATA", "ignore": "as it was"}
_HEAD = ("Alarm", "Goes off when", "Looks at", "Without data", "$ a month", "Runbook")


@dataclass(frozen=True)
class Metric:
    """One metric that an alarm looks at."""

    namespace: str
    name: str
    dimensions: Mapping[str, str]
    statistic: str
    period: int

    def __str__(self) -> str:
        statistic = {"SampleCount": "number"}.get(self.statistic, self.statistic.lower())
        return f"{statistic} of `{self.name}`"


@dataclass(frozen=True)
class Alarm:
    """An alarm; `metrics` by their ids in the `expression`, or one metric and no expression."""

    name: str
    metrics: Mapping[str, Metric]
    expression: str | None
    operator: str
    threshold: float
    periods: int
    breaching: int
    without_data: str
    description: str
    actions: list[str]

    @property
    def metric(self) -> Metric:
        """The only one."""
        [metric] = self.metrics.values()
        return metric

    @property
    def period(self) -> int:
        [period] = {metric.period for metric in self.metrics.values()}
        return period

    @property
    def section(self) -> str:
        """The section of the runbook that it names."""
        found = re.search(r" Runbook \(docs/runbook\.md\): '([^']+)'\.$", self.description)
        assert found, self.description
        return found[1]

    @property
    def condition(self) -> str:
        if self.expression is None:
            return f"{self.metric} {self.operator} {self.threshold:g}"
        where = ", ".join(f"{name} is the {metric}" for name, metric in self.metrics.items())
        return f"`{self.expression}` {self.operator} {self.threshold:g}, where {where}"

    @property
    def window(self) -> str:
        minutes = self.period // 60
        if self.periods == 1:
            return f"{minutes} min"
        return f"{self.breaching} of {self.periods} x {minutes} min"


def alarms_of(stack: Synthesized) -> dict[str, Alarm]:
    """The alarms of `Monitoring` by their names."""
    return {name: alarm for name, alarm in all_alarms_of(stack).items() if not name.startswith(tuple(WORKERS))}


def all_alarms_of(stack: Synthesized) -> dict[str, Alarm]:
    """These, and those of the workers."""
    found = {name.removeprefix("MonitoringAlarm"): alarm for name, alarm in stack.of_type(ALARM).items()}
    return {name: _alarm(name, alarm["Properties"]) for name, alarm in found.items()}


def _alarm(name: str, properties: dict[str, Any]) -> Alarm:
    queries = properties.get("Metrics", [])
    metrics = {query["Id"]: _metric_of(query["MetricStat"]) for query in queries if "MetricStat" in query}
    expressions = [query["Expression"] for query in queries if "Expression" in query]
    return Alarm(
        name=name,
        metrics=metrics or {"": _metric(properties, properties["Statistic"], properties["Period"])},
        expression=expressions[0] if expressions else None,
        operator=_OPERATORS[properties["ComparisonOperator"]],
        threshold=properties["Threshold"],
        periods=properties["EvaluationPeriods"],
        breaching=properties["DatapointsToAlarm"],
        without_data=_WITHOUT_DATA[properties["TreatMissingData"]],
        description=properties["AlarmDescription"],
        actions=properties["AlarmActions"],
    )


def _metric_of(stat: dict[str, Any]) -> Metric:
    return _metric(stat["Metric"], stat["Stat"], stat["Period"])


def _metric(properties: dict[str, Any], statistic: str, period: int) -> Metric:
    dimensions = {each["Name"]: each["Value"] for each in properties["Dimensions"]}
    return Metric(properties["Namespace"], properties["MetricName"], dimensions, statistic, period)


def table(stack: Synthesized) -> Iterator[str]:
    """The lines of the table in docs/operations.md; an alarm that each step has stands there once."""
    alarms = alarms_of(stack)
    yield f"| {' | '.join(_HEAD)} |"
    yield f"| {' | '.join('---' for _ in _HEAD)} |"
    yield from dict.fromkeys(f"| {' | '.join(_cells(alarm))} |" for alarm in alarms.values())
    yield ""
    of_a_step = [alarm for name, alarm in alarms.items() if next(iter(STEPS)) in name]
    others = [alarm for name, alarm in alarms.items() if not any(step in name for step in STEPS)]
    yield (
        f"{len(others)} alarms on {_metrics(others)} metrics, {_dollars(others)} a month; and for each step "
        f"{len(of_a_step)} on {_metrics(of_a_step)}, {_dollars(of_a_step)}."
    )
    yield f"| alarms, as above | {_dollars(others)} and {_dollars(of_a_step)} a step |"


def _cells(alarm: Alarm) -> Iterator[str]:
    name = alarm.name
    for step in STEPS:
        name = name.replace(step, "<step>")
    yield from (f"`{name}`", alarm.condition, alarm.window, alarm.without_data)
    yield f"{len(alarm.metrics) * DOLLARS_A_METRIC:.2f}"
    yield f"[{alarm.section}](runbook.md#{alarm.section.lower().replace(' ', '-')})"


def _metrics(alarms: Sequence[Alarm]) -> int:
    return sum(len(alarm.metrics) for alarm in alarms)


def _dollars(alarms: Sequence[Alarm]) -> str:
    return f"${_metrics(alarms) * DOLLARS_A_METRIC:.2f}"


def main() -> None:
    """Print the table of the stage prod."""
    sys.stdout.write("\n".join(table(Synthesized.of(build(new_app("prod"))))) + "\n")


if __name__ == "__main__":
    main()
