"""Counts what happens often, so that a minute of it becomes one value."""

import threading
from collections import defaultdict
from collections.abc import Iterator, Mapping

from status_tracker_local.monitoring.clock import Clock, minute_of
from status_tracker_local.monitoring.metrics import Datum, MetricName


class MinuteCounter:
    """Sums by metric and by the minute in which it happens."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._sums: dict[tuple[int, MetricName], float] = defaultdict(float)

    def add(self, namespace: str, name: str, dimensions: Mapping[str, str], value: float) -> None:
        """Add to the sum of the minute that it is."""
        metric = MetricName.make(namespace, name, dimensions)
        with self._lock:
            self._sums[minute_of(self._clock.now()), metric] += value

    def collect(self) -> Iterator[Datum]:
        """The sums since the last time, one a minute and metric."""
        with self._lock:
            sums, self._sums = self._sums, defaultdict(float)
        for (at, metric), value in sums.items():
            yield Datum(metric, value, at, "Count")
