"""Metrics: what was measured, kept by moto's CloudWatch, and read by series and period."""

import threading
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Self

from moto.cloudwatch.models import CloudWatchBackend, MetricAggregatedDatum, cloudwatch_backends

from status_tracker_local.account import ACCOUNT_ID, REGION
from status_tracker_local.monitoring.clock import MINUTE, minute_of
from status_tracker_local.monitoring.statistics import Sample, statistic

Dimensions = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class MetricName:
    """Which metric: two with other dimensions are two metrics. ``dimensions`` are sorted."""

    namespace: str
    name: str
    dimensions: Dimensions

    @classmethod
    def make(cls, namespace: str, name: str, dimensions: Mapping[str, str]) -> Self:
        return cls(namespace, name, tuple(sorted(dimensions.items())))


@dataclass(frozen=True)
class Datum:
    """A value of a metric; ``at`` is in seconds since 1970."""

    metric: MetricName
    value: float
    at: float
    unit: str

    @classmethod
    def make(
        cls, namespace: str, name: str, dimensions: Mapping[str, str], value: float, at: float, unit: str = "Count"
    ) -> Self:
        return cls(MetricName.make(namespace, name, dimensions), value, at, unit)


class Metrics:
    """The metrics of the account: ours and what was put there through the API, both in moto's CloudWatch.

    Moto looks for a value among all that it has; here they are found by metric and minute.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._series: dict[MetricName, dict[int, list[Sample]]] = {}
        self._read = 0

    @property
    def backend(self) -> CloudWatchBackend:
        """Moto's CloudWatch of the account."""
        return cloudwatch_backends[ACCOUNT_ID][REGION]

    def put(self, datums: Iterable[Datum]) -> None:
        """Add values, as ``PutMetricData`` does."""
        by_namespace: dict[str, list[dict[str, Any]]] = defaultdict(list)
        for datum in datums:
            by_namespace[datum.metric.namespace].append(
                {
                    "MetricName": datum.metric.name,
                    "Dimensions": [{"Name": name, "Value": value} for name, value in datum.metric.dimensions],
                    "Timestamp": datetime.fromtimestamp(datum.at, tz=UTC).replace(tzinfo=None),
                    "Value": datum.value,
                    "Unit": datum.unit,
                }
            )
        for namespace, members in by_namespace.items():
            self.backend.put_metric_data(namespace, members)

    def exists(self, metric: MetricName) -> bool:
        """Whether the metric has ever had a value."""
        return metric in self._up_to_date()

    def values(self, metric: MetricName, stat: str, ends: Sequence[int], period: int) -> dict[int, float]:
        """A statistic of each period in which the metric has values, by the period's end.

        Args:
            ends: when the periods end, in seconds since 1970; each at the beginning of a minute.
            period: how long each is, in seconds: a multiple of 60.

        Raises:
            NotEvaluatedError: the statistic is not known here.
        """
        minutes = self._up_to_date().get(metric, {})
        found = {}
        for end in ends:
            samples = [each for minute in range(end - period, end, MINUTE) for each in minutes.get(minute, ())]
            value = statistic(stat, samples)
            if value is not None:
                found[end] = value
        return found

    def forget(self, before: float) -> None:
        """Drop the values from before a moment, in seconds since 1970."""
        with self._lock:
            data = self.backend.metric_data
            looked_at = len(data)  # what is put meanwhile comes after these
            data[:looked_at] = [
                each for each in data[:looked_at] if each.timestamp.replace(tzinfo=UTC).timestamp() >= before
            ]
            self._series, self._read = {}, 0

    def _up_to_date(self) -> Mapping[MetricName, Mapping[int, list[Sample]]]:
        """All series, with what moto was given since the last look."""
        with self._lock:
            data = self.backend.metric_data
            if len(data) < self._read:  # moto was reset
                self._series, self._read = {}, 0
            for datum in data[self._read :]:
                dimensions = {str(each.name): str(each.value) for each in datum.dimensions}
                metric = MetricName.make(datum.namespace, datum.name, dimensions)
                at = minute_of(datum.timestamp.replace(tzinfo=UTC).timestamp())
                self._series.setdefault(metric, {}).setdefault(at, []).append(_sample(datum))
                self._read += 1
            return self._series


def _sample(datum: Any) -> Sample:
    if isinstance(datum, MetricAggregatedDatum):
        return Sample(number=datum.sample_count, total=datum.sum, lowest=datum.min, highest=datum.max)
    return Sample(number=1, total=datum.value, lowest=datum.value, highest=datum.value)
