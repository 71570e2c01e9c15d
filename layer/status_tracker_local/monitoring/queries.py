"""The series that an alarm or a graph asks for: of metrics, and of expressions over them."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from status_tracker_local.monitoring.errors import NotEvaluatedError
from status_tracker_local.monitoring.expressions import Inputs, Series, evaluate
from status_tracker_local.monitoring.metrics import MetricName, Metrics

_NAME = re.compile(r"[A-Za-z_]\w*", re.ASCII)


@dataclass(frozen=True)
class Query:
    """A series by its id: a statistic of a metric, or an expression over the series of other queries.

    Attributes:
        problem: why it cannot be evaluated here; empty otherwise.
    """

    key: str
    metric: MetricName | None = None
    stat: str = ""
    expression: str = ""
    problem: str = ""


def period_ends(last: int, period: int, count: int) -> list[int]:
    """The ends of `count` periods, the last of which ends at `last`; all in seconds."""
    return [last - period * back for back in reversed(range(count))]


class Evaluation:
    """Answers queries over the same periods.

    Args:
        queries: by their ids.
        metrics: where the values are.
        ends: when the periods end, in seconds since 1970.
        period: how long each is, in seconds.
    """

    def __init__(self, queries: Mapping[str, Query], metrics: Metrics, ends: Sequence[int], period: int) -> None:
        self._queries = queries
        self._metrics = metrics
        self._ends = ends
        self._period = period
        self._found: dict[str, Series] = {}
        self._asked: set[str] = set()

    def series(self, key: str) -> Series:
        """The values of a query, by the ends of the periods.

        Raises:
            NotEvaluatedError: something that it needs is not known here.
        """
        if key not in self._found:
            if key in self._asked:
                raise NotEvaluatedError(f"the expression {key} needs its own value")
            self._asked.add(key)
            self._found[key] = self._make(self._queries[key])
        return self._found[key]

    def _make(self, query: Query) -> Series:
        if query.problem:
            raise NotEvaluatedError(query.problem)
        if query.metric is not None:
            return self._metrics.values(query.metric, query.stat, self._ends, self._period)
        named = set(_NAME.findall(query.expression))
        wanted = [key for key, each in self._queries.items() if key in named or ("METRICS" in named and each.metric)]
        existing = {key for key, each in self._queries.items() if each.metric and self._metrics.exists(each.metric)}
        inputs = Inputs({key: self.series(key) for key in wanted}, self._ends, frozenset(existing))
        return evaluate(query.expression, inputs)
