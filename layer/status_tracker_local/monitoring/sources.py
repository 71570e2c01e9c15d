"""What the services measure of themselves."""

import logging
import threading
from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

from moto.sqs.models import sqs_backends
from moto.stepfunctions import models as stepfunctions_models

from status_tracker_local.account import ACCOUNT_ID, REGION
from status_tracker_local.monitoring.clock import MINUTE, Clock, minute_of
from status_tracker_local.monitoring.emf import MalformedError, datums_of, objects_of
from status_tracker_local.monitoring.metrics import Datum, Metrics

_log = logging.getLogger(__name__)

_ENDS = {
    "SUCCEEDED": "ExecutionsSucceeded",
    "FAILED": "ExecutionsFailed",
    "TIMED_OUT": "ExecutionsTimedOut",
    "ABORTED": "ExecutionsAborted",
}
_MOST_RECEIVES = 3
"""SQS leaves out of the age of the oldest message those that it has delivered more often than this."""


class LambdaMetrics:
    """Counts invocations as they happen; an observer of `status_tracker_local.functions.Functions`.

    Attributes:
        functions: the names of those that were invoked.
    """

    def __init__(self, metrics: Metrics, clock: Clock) -> None:
        self._metrics = metrics
        self._clock = clock
        self._changed = threading.Condition()
        self._running = 0
        self.functions: tuple[str, ...] = ()

    def started(self, function: str) -> None:
        """An invocation has begun."""
        with self._changed:
            self._running += 1
            running = self._running
            if function not in self.functions:
                self.functions = (*self.functions, function)
        at = minute_of(self._clock.now())
        self._metrics.put(
            [
                Datum.make("AWS/Lambda", "ConcurrentExecutions", {}, running, at),
                Datum.make("AWS/Lambda", "Invocations", {"FunctionName": function}, 1, at),
            ]
        )

    def ended(self, function: str, seconds: float, *, failed: bool) -> None:
        """An invocation has ended."""
        with self._changed:
            self._running -= 1
            self._changed.notify_all()
        at, dimensions = minute_of(self._clock.now()), {"FunctionName": function}
        self._metrics.put(
            [
                Datum.make("AWS/Lambda", "Errors", dimensions, int(failed), at),
                Datum.make("AWS/Lambda", "Throttles", dimensions, 0, at),
                Datum.make("AWS/Lambda", "Duration", dimensions, seconds * 1000, at, "Milliseconds"),
            ]
        )

    def wait_until_idle(self, seconds: float) -> None:
        """Wait until no function runs, at most so long."""
        with self._changed:
            self._changed.wait_for(lambda: not self._running, timeout=seconds)

    def throttled(self, function: str) -> None:
        """There was no environment to be had."""
        at = minute_of(self._clock.now())
        self._metrics.put([Datum.make("AWS/Lambda", "Throttles", {"FunctionName": function}, 1, at)])

    def iterator_age(self, function_arn: str, seconds: float) -> None:
        """A batch of a stream is handed over, whose last record is so old."""
        at, dimensions = minute_of(self._clock.now()), {"FunctionName": function_arn.split(":")[6]}
        self._metrics.put([Datum.make("AWS/Lambda", "IteratorAge", dimensions, seconds * 1000, at, "Milliseconds")])


class LogMetrics:
    """Finds the metrics in what the functions have logged since the last look."""

    def __init__(self, logs: Path, clock: Clock) -> None:
        self._logs = logs
        self._clock = clock
        self._read: dict[str, int] = {}

    def collect(self, functions: Iterable[str]) -> Iterator[Datum]:
        """The metrics of these functions' logs. What CloudWatch would not take is told in the server's log."""
        for name in functions:
            for line in self._new_lines(name):
                try:
                    for found in objects_of(line):
                        yield from datums_of(found, self._clock.at)
                except MalformedError as error:
                    _log.warning("Metrics that %s has logged are not taken: %s", name, error)

    def _new_lines(self, name: str) -> Iterator[str]:
        path = self._logs / f"{name}.log"
        if not path.exists():
            return
        with path.open("rb") as log:
            log.seek(self._read.get(name, 0))
            for line in log:
                if not line.endswith(b"\n"):
                    break  # it is being written
                self._read[name] = self._read.get(name, 0) + len(line)
                if b'"_aws"' in line:
                    yield line.decode(errors="replace")


class ExecutionMetrics:
    """Counts the executions of the state machines that have begun or ended since the last look."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._started: set[str] = set()
        self._ended: set[str] = set()

    def collect(self) -> Iterator[Datum]:
        """What happened since the last look, dated when it happened."""
        for machine in list(stepfunctions_models.stepfunctions_backends[ACCOUNT_ID][REGION].state_machines):
            for execution in list(machine.executions):
                yield from self._of_execution(execution, {"StateMachineArn": machine.arn})

    def _of_execution(self, execution: Any, dimensions: dict[str, str]) -> Iterator[Datum]:
        arn = execution.execution_arn
        if arn not in self._started:
            self._started.add(arn)
            yield self._datum("ExecutionsStarted", dimensions, 1, execution.start_date)
        status = str(getattr(execution.exec_status, "value", execution.exec_status))
        if arn not in self._ended and status in _ENDS and execution.stop_date is not None:
            self._ended.add(arn)
            yield self._datum(_ENDS[status], dimensions, 1, execution.stop_date)
            took = (execution.stop_date - execution.start_date).total_seconds() * 1000
            yield self._datum("ExecutionTime", dimensions, took, execution.stop_date, "Milliseconds")

    def _datum(self, name: str, dimensions: dict[str, str], value: float, when: datetime, unit: str = "Count") -> Datum:
        at = minute_of(self._clock.at(when.timestamp()))
        return Datum.make("AWS/States", name, dimensions, value, at, unit)


class QueueMetrics:
    """Measures the queues once a minute, as SQS does."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def collect(self, end: int) -> Iterator[Datum]:
        """How each queue is at the end of a minute, dated at its beginning; in seconds since 1970."""
        for queue in list(sqs_backends[ACCOUNT_ID][REGION].queues.values()):
            sent = [
                self._clock.at(float(message.sent_timestamp or 0) / 1000)
                for message in list(queue._messages)
                if message.approximate_receive_count <= _MOST_RECEIVES
            ]
            age = max(0.0, end - min(sent)) if sent else 0.0
            for name, value, unit in (
                ("ApproximateNumberOfMessagesVisible", queue.approximate_number_of_messages, "Count"),
                ("ApproximateNumberOfMessagesNotVisible", queue.approximate_number_of_messages_not_visible, "Count"),
                ("ApproximateNumberOfMessagesDelayed", queue.approximate_number_of_messages_delayed, "Count"),
                ("ApproximateAgeOfOldestMessage", age, "Seconds"),
            ):
                yield Datum.make("AWS/SQS", name, {"QueueName": queue.name}, value, end - MINUTE, unit)
