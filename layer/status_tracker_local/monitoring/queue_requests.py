"""How many messages each queue takes in and hands out."""

import functools
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from moto.sqs.models import SQSBackend

from status_tracker_local.monitoring.clock import Clock
from status_tracker_local.monitoring.counting import MinuteCounter
from status_tracker_local.monitoring.metrics import Datum

_COUNTED: Mapping[str, Callable[[Any], tuple[str, int]]] = {
    "send_message": lambda _: ("NumberOfMessagesSent", 1),
    "delete_message": lambda _: ("NumberOfMessagesDeleted", 1),
    "receive_message": lambda found: (
        ("NumberOfMessagesReceived", len(found)) if found else ("NumberOfEmptyReceives", 1)
    ),
}


class QueueRequestMetrics:
    """Counts what is sent, received and deleted, once it is installed in moto."""

    def __init__(self, clock: Clock) -> None:
        self._counter = MinuteCounter(clock)

    def install(self) -> None:
        """Have every request counted, in this process."""
        for method, counted in _COUNTED.items():
            self._count(method, counted)

    def collect(self) -> Iterator[Datum]:
        """What was counted since the last look, a value for each minute."""
        return self._counter.collect()

    def _count(self, method: str, counted: Callable[[Any], tuple[str, int]]) -> None:
        original = getattr(SQSBackend, method)

        @functools.wraps(original)
        def request(backend: SQSBackend, queue_name: str, *args: Any, **kwargs: Any) -> Any:
            answer = original(backend, queue_name, *args, **kwargs)
            name, value = counted(answer)
            self._counter.add("AWS/SQS", name, {"QueueName": queue_name}, value)
            return answer

        setattr(SQSBackend, method, request)
