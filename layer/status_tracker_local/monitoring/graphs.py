"""The lines of a graph, as a dashboard's widget asks for them.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/CloudWatch-Dashboard-Body-Structure.html
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from status_tracker_local.account import ACCOUNT_ID, REGION
from status_tracker_local.monitoring.errors import NotEvaluatedError
from status_tracker_local.monitoring.expressions import Series
from status_tracker_local.monitoring.metrics import MetricName, Metrics
from status_tracker_local.monitoring.queries import Evaluation, Query, period_ends

_DEFAULT_PERIOD = 300
_SHORTEST_PERIOD = 60
# The colours and the place of the legend are the page's own.
_DRAWN = {"metrics", "title", "view", "stacked", "stat", "period", "annotations", "region", "accountId", "legend"}
_DRAWN_OF_LINES = {"id", "expression", "label", "stat", "period", "visible", "region", "accountId", "color"}
_USUAL = [("yAxis", {"left": {"min": 0}}), ("yAxis", "left")]


@dataclass(frozen=True)
class Span:
    """What a graph shows, from `begin` to `end`, in seconds since 1970."""

    begin: int
    end: int


@dataclass(frozen=True)
class Line:
    """One line of a graph.

    Attributes:
        points: the values by the beginnings of their periods.
        period: how long each is, in seconds.
        problem: why it is not evaluated; empty otherwise.
    """

    label: str
    stat: str
    period: int
    points: Series = field(default_factory=dict)
    problem: str = ""


@dataclass(frozen=True)
class _Entry:
    query: Query
    label: str
    period: int
    is_visible: bool


def lines_of(properties: Mapping[str, Any], metrics: Metrics, span: Span) -> list[Line]:
    """The visible lines of a widget with these properties.

    Raises:
        KeyError, TypeError, ValueError: the properties are none of a graph.
    """
    entries = list(_entries(properties))
    queries = {entry.query.key: entry.query for entry in entries}
    return [_line(entry, queries, metrics, span) for entry in entries if entry.is_visible]


def _line(entry: _Entry, queries: Mapping[str, Query], metrics: Metrics, span: Span) -> Line:
    period = entry.period
    stat = entry.query.stat or "expression"
    if period < _SHORTEST_PERIOD or period % _SHORTEST_PERIOD:
        return Line(entry.label, stat, period, problem=f"a period of {period} s is not known here, only whole minutes")
    last = -(-span.end // period) * period
    count = (last - span.begin) // period
    ends = period_ends(last, period, max(count, 1))
    try:
        series = Evaluation(queries, metrics, ends, period).series(entry.query.key)
    except NotEvaluatedError as error:
        return Line(entry.label, stat, period, problem=str(error))
    return Line(entry.label, stat, period, {end - period: value for end, value in series.items()})


def _entries(properties: Mapping[str, Any]) -> Iterator[_Entry]:
    before: Sequence[str] = ()
    for number, row in enumerate(properties["metrics"]):
        options = _options(row)
        names = _expanded([str(part) for part in row if not isinstance(part, dict)], before)
        before = names or before
        key = str(options.get("id") or f"#{number}")
        if names:
            metric = MetricName.make(names[0], names[1], dict(zip(names[2::2], names[3::2], strict=True)))
            stat = options.get("stat") or properties.get("stat") or "Average"
            query = Query(key, metric=metric, stat=str(stat), problem=_elsewhere({**properties, **options}))
            label = names[1]
        else:
            query, label = Query(key, expression=str(options["expression"])), str(options["expression"])
        yield _Entry(
            query,
            str(options.get("label") or label),
            int(options.get("period") or properties.get("period") or _DEFAULT_PERIOD),
            bool(options.get("visible", True)),
        )


def _elsewhere(options: Mapping[str, Any]) -> str:
    """What is said of a metric of another region or account."""
    for name, what, own in (("region", "region", REGION), ("accountId", "account", ACCOUNT_ID)):
        if options.get(name, own) != own:
            return f"the {what} {options[name]} is not known here"
    return ""


def left_out(properties: Mapping[str, Any]) -> list[str]:
    """What a widget asks of its graph that is not drawn, each by its name.

    Raises:
        AttributeError, KeyError, TypeError: the properties are none of a graph.
    """
    annotations = properties.get("annotations") or {}
    asked = [
        *(name for name, value in properties.items() if name not in _DRAWN and value and (name, value) not in _USUAL),
        *(
            name
            for row in properties["metrics"]
            for name, value in _options(row).items()
            if name not in _DRAWN_OF_LINES and (name, value) not in _USUAL
        ),
        *(name for name, value in annotations.items() if name != "horizontal" and value),
        *("bands" for each in annotations.get("horizontal") or () if isinstance(each, list)),
    ]
    return list(dict.fromkeys(asked))


def _options(row: Sequence[Any]) -> Mapping[str, Any]:
    return row[-1] if row and isinstance(row[-1], dict) else {}


def _expanded(names: Sequence[str], before: Sequence[str]) -> list[str]:
    """The names with ``.`` and ``...`` replaced by those of the line before."""
    if "..." in names:
        at = names.index("...")
        rest = len(names) - at - 1
        names = [*names[:at], *before[at : len(before) - rest], *names[at + 1 :]]
    return [before[place] if name == "." else name for place, name in enumerate(names)]
