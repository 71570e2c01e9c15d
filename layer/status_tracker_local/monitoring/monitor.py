"""CloudWatch at work: each minute what was measured is collected, and every alarm is evaluated."""

import json
import logging
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from moto.sns.models import sns_backends

from status_tracker_local.account import ACCOUNT_ID, REGION
from status_tracker_local.monitoring.alarms import State, Verdict, evaluate_alarm, rule_of
from status_tracker_local.monitoring.capacity import CapacityMetrics
from status_tracker_local.monitoring.clock import MINUTE, Clock, minute_of
from status_tracker_local.monitoring.errors import NotEvaluatedError
from status_tracker_local.monitoring.metrics import Metrics
from status_tracker_local.monitoring.queue_requests import QueueRequestMetrics
from status_tracker_local.monitoring.sources import ExecutionMetrics, LambdaMetrics, LogMetrics, QueueMetrics

NOT_EVALUATED = "Not evaluated in the local cloud: "
"""How the reason of an alarm begins that is of a kind not known here."""

_HOUR = 3600
# Alarms and the page look back a day at most.
_KEPT_SECONDS = 48 * _HOUR
# How long functions that are at work are waited for before the clock is moved.
_PATIENCE_SECONDS = 5.0

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Change:
    """An alarm has changed its state. ``at`` is in seconds since 1970, by the account's clock."""

    number: int
    at: float
    alarm: str
    old: str
    new: str
    reason: str


class Monitor:
    """Collects, evaluates and tells.

    Args:
        logs: the folder with the functions' logs.
        may_notify: whether an alarm may publish to a topic; each is given by its ARN.

    Attributes:
        clock: the account's.
        metrics: the account's.
        invocations: is to be told of each invocation of a function.
    """

    def __init__(self, logs: Path, may_notify: Callable[[str, str], bool]) -> None:
        self._may_notify = may_notify
        self.clock = Clock()
        self.metrics = Metrics()
        self.invocations = LambdaMetrics(self.metrics, self.clock)
        self._logs = LogMetrics(logs, self.clock)
        self._executions = ExecutionMetrics(self.clock)
        self._queues = QueueMetrics(self.clock)
        self._queue_requests = QueueRequestMetrics(self.clock)
        self._capacity = CapacityMetrics(self.clock)
        self._lock = threading.RLock()
        self._minute = minute_of(self.clock.now())
        self._changes: list[Change] = []

    def watch_requests(self) -> None:
        """Have the requests to SQS and DynamoDB in this process counted."""
        self._queue_requests.install()
        self._capacity.install()

    def run(self) -> None:
        """Work until this process ends, once at the end of each minute."""
        while True:
            now = self.clock.now()
            time.sleep(minute_of(now) + MINUTE - now)
            try:
                self.catch_up()
            except Exception:  # noqa: BLE001 - a stack may be deleted meanwhile; the next minute comes
                _log.exception("The metrics and alarms of this minute are not complete.")

    def forward(self, seconds: float | None = None) -> float:
        """Move the clock forward, by default to the end of this minute, and do what is due in the time passed over.

        Functions that are at work may have done what their metrics do not tell yet: they are waited for, for a while.

        Returns:
            The time that it is then.

        Raises:
            ValueError: the seconds are negative, or no finite number.
        """
        self.invocations.wait_until_idle(_PATIENCE_SECONDS)
        with self._lock:
            now = self.clock.now()
            self.clock.forward(minute_of(now) + MINUTE - now if seconds is None else seconds)
            self.catch_up()
            return self.clock.now()

    def catch_up(self) -> None:
        """Do what is due for every minute that has ended."""
        with self._lock:
            self.collect()
            while self._minute + MINUTE <= self.clock.now():
                self._minute += MINUTE
                self.metrics.put(self._queues.collect(self._minute))
                for alarm in list(self.metrics.backend.alarms.values()):
                    self._evaluate(alarm, self._minute)
                if self._minute % _HOUR == 0:
                    self.metrics.forget(self._minute - _KEPT_SECONDS)

    def collect(self) -> None:
        """Collect what was measured since the last time."""
        with self._lock:
            self.metrics.put(self._logs.collect(self.invocations.functions))
            self.metrics.put(self._executions.collect())
            self.metrics.put(self._queue_requests.collect())
            self.metrics.put(self._capacity.collect())

    def changes(self, after: int = 0) -> list[Mapping[str, Any]]:
        """The changes of alarms whose number is greater than `after`, the oldest first."""
        return [asdict(change) for change in list(self._changes)[after:]]

    def _evaluate(self, alarm: Any, end: int) -> None:
        before = State(alarm.state_value)
        try:
            verdict = evaluate_alarm(rule_of(alarm), self.metrics, end, before)
        except NotEvaluatedError as error:
            verdict = Verdict(State.INSUFFICIENT_DATA, f"{NOT_EVALUATED}{error}.")
        if verdict.state is not before:
            alarm.update_state(verdict.reason, "{}", verdict.state.value)
            alarm.state_updated_timestamp = datetime.fromtimestamp(end, tz=UTC).replace(tzinfo=None)
            change = Change(len(self._changes) + 1, end, alarm.name, before, verdict.state, verdict.reason)
            self._changes.append(change)
            self._notify(alarm, change)
        elif verdict.reason.startswith(NOT_EVALUATED):
            alarm.state_reason = verdict.reason

    def _notify(self, alarm: Any, change: Change) -> None:
        """Publish the change to the topics that are the alarm's actions for its new state."""
        actions = {
            State.ALARM: alarm.alarm_actions,
            State.OK: alarm.ok_actions,
            State.INSUFFICIENT_DATA: alarm.insufficient_data_actions,
        }[State(change.new)]
        for arn in actions if alarm.actions_enabled else ():
            if arn.split(":")[2] != "sns":
                _log.warning("The action %s of the alarm %s is not known here, only topics are.", arn, alarm.name)
                continue
            if not self._may_notify(alarm.alarm_arn, arn):
                _log.warning("The topic %s, or its key, does not take what the alarm %s sends.", arn, alarm.name)
                continue
            try:
                topic = sns_backends[ACCOUNT_ID][REGION].get_topic(arn)
                topic.publish(json.dumps(_message(alarm, change)), f'{change.new}: "{alarm.name}" in {REGION}')
            except Exception:  # noqa: BLE001 - as on AWS, an alarm changes whatever becomes of its actions
                _log.exception("The alarm %s was not sent to %s.", alarm.name, arn)


def _message(alarm: Any, change: Change) -> dict[str, Any]:
    """What CloudWatch sends, as far as it is known here."""
    return {
        "AlarmName": alarm.name,
        "AlarmDescription": alarm.description,
        "AWSAccountId": ACCOUNT_ID,
        "NewStateValue": change.new,
        "NewStateReason": change.reason,
        "StateChangeTime": f"{datetime.fromtimestamp(change.at, tz=UTC):%Y-%m-%dT%H:%M:%S.000+0000}",
        "Region": REGION,
        "AlarmArn": alarm.alarm_arn,
        "OldStateValue": change.old,
        "OKActions": alarm.ok_actions,
        "AlarmActions": alarm.alarm_actions,
        "InsufficientDataActions": alarm.insufficient_data_actions,
        "Trigger": {
            "MetricName": alarm.metric_name,
            "Namespace": alarm.namespace,
            "ComparisonOperator": alarm.comparison_operator,
            "Threshold": float(alarm.threshold or 0),
            "Period": alarm.period,
            "EvaluationPeriods": alarm.evaluation_periods,
            "TreatMissingData": alarm.treat_missing_data or "missing",
        },
    }
