"""What state an alarm is in, by the datapoints that there are.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarms-and-missing-data.html. N is the number of
evaluation periods, M of which must breach. More than N datapoints are looked at (`EXTRA_PERIODS`), so that an older one
stands in for one that is missing:

- N of them or more are there: the latest N decide.
- Fewer are there: all of them decide, and each that lacks is taken as the alarm says. ``breaching`` and
  ``notBreaching`` say it themselves. Under ``ignore`` the state stays as it is, and under ``missing`` it is not known,
  unless M of those that are there breach, or one of them does not; ``missing`` also goes to ALARM when all that are
  there breach, the first of them M periods ago or more.
"""

import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from status_tracker_local.account import ACCOUNT_ID
from status_tracker_local.monitoring.clock import MINUTE
from status_tracker_local.monitoring.errors import NotEvaluatedError
from status_tracker_local.monitoring.expressions import Series
from status_tracker_local.monitoring.metrics import MetricName, Metrics
from status_tracker_local.monitoring.queries import Evaluation, Query, period_ends

EXTRA_PERIODS = 2
"""How many older periods are looked at. AWS leaves the number open; its examples have two."""

_COMPARISONS: Mapping[str, tuple[Callable[[float, float], bool], str]] = {
    "GreaterThanThreshold": (operator.gt, "greater than"),
    "GreaterThanOrEqualToThreshold": (operator.ge, "greater than or equal to"),
    "LessThanThreshold": (operator.lt, "less than"),
    "LessThanOrEqualToThreshold": (operator.le, "less than or equal to"),
}
_MOST_TOLD = 5


class State(StrEnum):
    """The states of an alarm."""

    OK = "OK"
    ALARM = "ALARM"
    INSUFFICIENT_DATA = "INSUFFICIENT_DATA"


class Missing(StrEnum):
    """What a missing datapoint is taken for."""

    MISSING = "missing"
    IGNORE = "ignore"
    BREACHING = "breaching"
    NOT_BREACHING = "notBreaching"


@dataclass(frozen=True)
class Rule:
    """When an alarm goes off.

    Attributes:
        queries: what it is about, by id; `watched` is the one that is compared.
        period: in seconds.
        periods: how many are evaluated.
        breaching: how many of them must breach.
        comparison: a ``ComparisonOperator`` of CloudWatch.
        threshold: what each datapoint is compared with.
        missing: what a missing datapoint is taken for.
    """

    queries: Mapping[str, Query]
    watched: str
    period: int
    periods: int
    breaching: int
    comparison: str
    threshold: float
    missing: Missing


@dataclass(frozen=True)
class Verdict:
    """What an evaluation has come to."""

    state: State
    reason: str


def rule_of(alarm: Any) -> Rule:
    """The rule of one of moto's alarms.

    Raises:
        NotEvaluatedError: it is of a kind that is not known here.
    """
    for told, what in (
        (alarm.threshold_metric_id, "a threshold that is a metric"),
        (alarm.evaluate_low_sample_count_percentile == "ignore", "to ignore a percentile of few samples"),
        (alarm.unit, f"the unit {alarm.unit}"),
        (alarm.comparison_operator not in _COMPARISONS, f"the comparison {alarm.comparison_operator}"),
    ):
        if told:
            raise NotEvaluatedError(f"{what} is not known here")
    try:
        return _understood(alarm)
    except (TypeError, ValueError) as error:
        raise NotEvaluatedError(f"its definition is not understood: {error}") from error


def _understood(alarm: Any) -> Rule:
    queries, watched, period = _of_metric(alarm) if alarm.metric_name else _of_expressions(alarm)
    if period < MINUTE or period % MINUTE:
        raise NotEvaluatedError(f"a period of {period} s is not known here, only whole minutes")
    periods = int(alarm.evaluation_periods)
    return Rule(
        queries=queries,
        watched=watched,
        period=period,
        periods=periods,
        breaching=int(alarm.datapoints_to_alarm or periods),
        comparison=alarm.comparison_operator,
        threshold=float(alarm.threshold),
        missing=Missing(alarm.treat_missing_data or Missing.MISSING),
    )


def _of_metric(alarm: Any) -> tuple[dict[str, Query], str, int]:
    metric = MetricName.make(alarm.namespace, alarm.metric_name, {each.name: each.value for each in alarm.dimensions})
    query = Query("m", metric=metric, stat=alarm.statistic or alarm.extended_statistic)
    return {query.key: query}, query.key, int(alarm.period)


def _of_expressions(alarm: Any) -> tuple[dict[str, Query], str, int]:
    queries, periods, shown = {}, set(), []
    for each in alarm.metric_data_queries:
        if each.period:
            periods.add(int(each.period))
        if (stat := each.metric_stat) is not None:
            _check_query(each)
            dimensions = {dimension.name: dimension.value for dimension in stat.metric.dimensions}
            metric = MetricName.make(stat.metric.namespace, stat.metric.metric_name, dimensions)
            queries[each.id] = Query(each.id, metric=metric, stat=stat.stat)
            periods.add(int(stat.period))
        else:
            queries[each.id] = Query(each.id, expression=each.expression)
        if each.return_data in {None, True, "true"}:
            shown.append(each.id)
    if len(shown) != 1 or len(periods) != 1:
        raise NotEvaluatedError(f"{len(shown)} results over periods of {len(periods)} lengths; one is needed of each")
    return queries, shown[0], periods.pop()


def _check_query(query: Any) -> None:
    account = getattr(query, "account_id", None)  # only those of a stack have it
    if account not in {None, ACCOUNT_ID}:
        raise NotEvaluatedError(f"the account {account} is not known here")
    if query.metric_stat.unit:
        raise NotEvaluatedError(f"the unit {query.metric_stat.unit} is not known here")


def evaluate_alarm(rule: Rule, metrics: Metrics, end: int, current: State) -> Verdict:
    """The state at `end`, the beginning of a minute in seconds since 1970; `current` is the one before.

    Raises:
        NotEvaluatedError: something in an expression, or a statistic, is not known here.
    """
    ends = period_ends(end, rule.period, rule.periods + EXTRA_PERIODS)
    series = Evaluation(rule.queries, metrics, ends, rule.period).series(rule.watched)
    compare, _ = _COMPARISONS[rule.comparison]
    points = [compare(series[each], rule.threshold) if each in series else None for each in ends]
    return Verdict(next_state(points, rule, current), _reason(rule, series))


def next_state(points: Sequence[bool | None], rule: Rule, current: State) -> State:
    """The state by the datapoints, the oldest first: True breaches, None is missing."""
    real = [point for point in points if point is not None]
    lacking = rule.periods - len(real)
    breaching = sum(real if lacking > 0 else real[-rule.periods :])
    if lacking > 0 and rule.missing is Missing.BREACHING:
        breaching += lacking
    if breaching >= rule.breaching:
        return State.ALARM
    if lacking <= 0 or rule.missing in {Missing.BREACHING, Missing.NOT_BREACHING} or not all(real):
        return State.OK
    if rule.missing is Missing.IGNORE:
        return current
    lasting = True in points and len(points) - points.index(True) >= rule.breaching
    return State.ALARM if lasting else State.INSUFFICIENT_DATA


def _reason(rule: Rule, series: Series) -> str:
    compare, words = _COMPARISONS[rule.comparison]
    looked_at = sorted(series.items())[-rule.periods :]
    breaching = [(end, value) for end, value in looked_at if compare(value, rule.threshold)]
    told = ", ".join(f"{value:g} ({_clock(end - rule.period)})" for end, value in breaching[-_MOST_TOLD:])
    if not series:
        return f"No datapoints in {rule.periods} periods of {rule.period} s; missing data is {rule.missing}."
    are = "is" if len(breaching) == 1 else "are"
    return (
        f"{len(breaching)} of {len(looked_at)} datapoints {are} {words} the threshold "
        f"{rule.threshold:g}{told and f': {told}'}. It takes {rule.breaching} of {rule.periods}."
    )


def _clock(moment: int) -> str:
    return f"{datetime.fromtimestamp(moment, tz=UTC):%H:%M}"
