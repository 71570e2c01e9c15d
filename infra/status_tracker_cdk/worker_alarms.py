"""The alarms about a worker on a queue, each with instructions."""

from __future__ import annotations

import math

from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_cloudwatch_actions as actions
from aws_cdk import aws_sns as sns

from status_tracker_cdk.functions import METRICS_NAMESPACE
from status_tracker_cdk.queues import DAYS_KEPT
from status_tracker_cdk.worker_pace import WorkerPace
from status_tracker_cdk.worker_queue import WorkerQueue

_SUM, _MAXIMUM = cloudwatch.Stats.SUM, cloudwatch.Stats.MAXIMUM
_MINUTE = Duration.minutes(1)


class WorkerAlarms:
    """The alarms about the queue and the function of a `worker`, beside it; all go to `topic`.

    Args:
        prefix: what the alarms' names begin with; by default CloudFormation makes the names up.
        ignored_tasks: how many tasks a minute may be set aside.

    Attributes:
        alarms: the alarms.
    """

    def __init__(
        self, worker: WorkerQueue, *, topic: sns.ITopic, prefix: str | None = None, ignored_tasks: int = 0
    ) -> None:
        self.alarms: list[cloudwatch.IAlarm] = []
        self._worker, self._prefix, self._ignored_tasks = worker, prefix, ignored_tasks
        self._action = actions.SnsAction(topic)
        self._add_alarms_on_tasks(worker.service, worker.step, worker.pace)
        self._add_alarms_on_standstill(worker.step, worker.pace)

    def _add_alarms_on_tasks(self, service: str, step: str, pace: WorkerPace) -> None:
        def counted(name: str, period: Duration) -> cloudwatch.Metric:
            return cloudwatch.Metric(
                namespace=METRICS_NAMESPACE,
                metric_name=name,
                dimensions_map={"service": service, "step": step},
                statistic=_SUM,
                period=period,
            )

        self._alarm(
            "SetAside",
            counted("TaskIgnored", _MINUTE),
            f"{step} has set tasks aside; their messages are deleted. Query the tasks with the ignored status, read "
            "the last entry of their errors, mend the cause, rerun them and send their messages again.",
            # Remembered for a quarter of an hour: metrics that come from logs arrive late.
            periods=15,
            over=self._ignored_tasks,
        )
        self._lasting_alarm(
            "NotStarted",
            counted("TaskNotStarted", _redelivery(pace)),
            f"{step} cannot start tasks, again and again. The function's log says why ('Task not started'): the task "
            "table does not answer, a setting is wrong, or tasks have the status of another step.",
        )

    def _add_alarms_on_standstill(self, step: str, pace: WorkerPace) -> None:
        dead_letters = self._worker.dead_letter_queue
        # Visible messages, since "sent" does not count those that a queue moves there itself.
        self._alarm(
            "DeadLetters",
            dead_letters.metric_approximate_number_of_messages_visible(period=_MINUTE, statistic=_MAXIMUM),
            f"{step} could not handle messages. The function's log says why: 'Message refused' where one could not be "
            "read, 'Task not started' where the tracker could not be asked; where it says neither, the function "
            f"crashed or was throttled. Mend the cause, then redrive the dead letter queue to its source: {DAYS_KEPT} "
            "days after they were sent, messages are deleted.",
        )
        self._alarm(
            "OldestMessage",
            self._worker.queue.metric_approximate_age_of_oldest_message(period=_MINUTE, statistic=_MAXIMUM),
            f"Messages have waited for {step} for over {pace.alarm_age_minutes} minutes. See whether its event source "
            "is enabled, and whether the function runs, fails or is throttled, or more comes in than it can do: "
            f"{DAYS_KEPT} days after they were sent, messages are deleted, and those never begun are no tasks.",
            over=pace.alarm_age_minutes * 60,
        )
        self._lasting_alarm(
            "Errors",
            self._worker.function.metric_errors(period=_redelivery(pace), statistic=_SUM),
            f"The function of {step} fails again and again: it crashes, runs out of time or memory, or cannot be "
            "loaded. Read its log.",
        )
        self._lasting_alarm(
            "Throttled",
            self._worker.function.metric_throttles(period=_redelivery(pace), statistic=_SUM),
            f"Lambda throttles the function of {step}. Its messages wait, and each throttled delivery brings them "
            "nearer to the dead letter queue: see whether the account's concurrency is used up or the function's own "
            "is reserved, lower max_concurrency, or ask for more.",
        )

    def _lasting_alarm(self, name: str, metric: cloudwatch.IMetric, what_to_do: str) -> None:
        """An alarm when `metric` is over zero in two of three periods of a redelivery.

        Each redelivery meets a lasting fault again, even when there is only one message.
        """
        self._alarm(name, metric, what_to_do, periods=3, breaching=2)

    def _alarm(
        self,
        name: str,
        metric: cloudwatch.IMetric,
        what_to_do: str,
        *,
        over: float = 0,
        periods: int = 1,
        breaching: int = 1,
    ) -> None:
        """An alarm when `metric` is over that in so many of its newest periods."""
        alarm = cloudwatch.Alarm(
            self._worker.scope,
            name,
            alarm_name=None if self._prefix is None else f"{self._prefix}-{name}",
            metric=metric,
            threshold=over,
            comparison_operator=cloudwatch.ComparisonOperator.GREATER_THAN_THRESHOLD,
            evaluation_periods=periods,
            datapoints_to_alarm=breaching,
            treat_missing_data=cloudwatch.TreatMissingData.NOT_BREACHING,
            alarm_description=what_to_do,
        )
        alarm.add_alarm_action(self._action)
        self.alarms.append(alarm)


def _redelivery(pace: WorkerPace) -> Duration:
    """A period so long that a message which keeps coming back is delivered in one of any two."""
    return Duration.minutes(max(5, math.ceil(pace.visibility_seconds / 60)))
