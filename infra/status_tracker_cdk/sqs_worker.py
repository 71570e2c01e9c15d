"""A worker without a workflow: a queue whose messages are tasks, and the function that works on them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_cloudwatch_actions as actions
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda_event_sources as event_sources
from aws_cdk import aws_sns as sns
from constructs import Construct

from status_tracker_cdk.functions import METRICS_NAMESPACE, FunctionCommons, HandlerFunction
from status_tracker_cdk.queues import DAYS_KEPT, allow_polling, dead_letter_queue, task_queue
from status_tracker_cdk.table import TaskTable
from status_tracker_ops.settings import QueueWorkerSettings

MARGIN_SECONDS = 3
"""What `status_tracker.sqs.process_sqs_batch` keeps of the function's time for telling the queue."""

_RANGES = {
    "seconds_per_record": (1, 900),
    "timeout_seconds": (1, 900),
    "batch_size": (1, 10),
    "max_concurrency": (2, 1000),
    "memory_mb": (128, 10240),
    "alarm_age_minutes": (1, 14 * 24 * 60 - 1),
}
_MOST_RECEIVES = 1000
SPARE_RECEIVES = 20
"""For outages and pauses: with the growing waits of `process_sqs_batch`, a day of postponements takes 17 receives, a
pause of a week the same.
"""
_DAYS_TO_MEND = 4
"""How many of these days a message must have left in the dead letter queue."""
_DAY_SECONDS = 24 * 3600
_SUM, _MAXIMUM = cloudwatch.Stats.SUM, cloudwatch.Stats.MAXIMUM
_MINUTE = Duration.minutes(1)


@dataclass(frozen=True, kw_only=True)
class WorkerPace:
    """How fast a worker goes through its queue.

    Attributes:
        seconds_per_record: the longest that the work on one message takes.
        timeout_seconds: timeout of the function; a whole batch has to fit into it.
        batch_size: messages handed to one invocation; from 1 to 10.
        max_concurrency: functions that run at the same time, at most; from 2 to 1,000.
        memory_mb: memory of the function.
        alarm_age_minutes: how old a message may become; longer than the longest wait that the work asks for
            (`retry_after`). SQS leaves out those that it has delivered three times and more.

    Raises:
        ValueError: a batch does not fit into the function's time, or a value is out of its range.
    """

    seconds_per_record: int
    timeout_seconds: int
    batch_size: int = 10
    max_concurrency: int = 10
    memory_mb: int = 512
    alarm_age_minutes: int = 60

    def __post_init__(self) -> None:
        for name, (low, high) in _RANGES.items():
            if not low <= getattr(self, name) <= high:
                raise ValueError(f"{name} is {getattr(self, name)}: give a number from {low} to {high}.")
        needed = self.batch_size * self.seconds_per_record + MARGIN_SECONDS
        if needed > self.timeout_seconds:
            raise ValueError(
                f"{self.batch_size} records of up to {self.seconds_per_record} s and the margin of {MARGIN_SECONDS} s "
                f"need {needed} s, and timeout_seconds is {self.timeout_seconds}: raise it, or lower the batch_size."
            )
        redelivered = math.ceil((self.visibility_seconds + self.timeout_seconds) / 60)
        if self.alarm_age_minutes < redelivered:
            raise ValueError(
                f"alarm_age_minutes is {self.alarm_age_minutes}: give at least {redelivered}, the age of a message "
                "whose function was killed once."
            )

    @property
    def visibility_seconds(self) -> int:
        """When a message is delivered again unless the function sets another time.

        This is longer than every lease, and leaves Lambda time to retry when it is throttled.
        """
        return 6 * self.timeout_seconds


class SqsWorker(Construct):
    """A queue, and a function that calls `status_tracker.sqs.process_sqs_batch` with its messages.

    The function reads `QueueWorkerSettings` from its environment. It may update the tasks of `table`, ask what is
    paused, and do what its `statements` say.

    Attributes:
        queue: where messages are sent to.
        dead_letter_queue: for messages that cannot be read, or whose tasks could not be started.
        function: the function.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        commons: FunctionCommons,
        table: TaskTable,
        handler: str,
        step: str,
        pace: WorkerPace,
        alarm_topic: sns.ITopic,
        environment: Mapping[str, str],
        statements: Sequence[iam.PolicyStatement] = (),
    ) -> None:
        super().__init__(scope, construct_id)
        self.dead_letter_queue = dead_letter_queue(self)
        self.queue = task_queue(
            self,
            days_kept=DAYS_KEPT,
            visibility_seconds=pace.visibility_seconds,
            dead_letters=self.dead_letter_queue,
            max_receives=receives_within_retention(commons.retries.max_attempts, pace),
        )
        settings = QueueWorkerSettings(
            seconds_per_record=pace.seconds_per_record, retry_seconds=commons.retries.retry_interval_seconds
        )
        self.function = HandlerFunction(
            self,
            "Handler",
            commons=commons,
            handler=handler,
            environment={**settings.to_environment(), **environment},
            statements=[
                table.allow_items("GetItem", "UpdateItem"),
                # It says itself when a message that comes back shall do so.
                allow_polling(self.queue, "ChangeMessageVisibility"),
                *statements,
            ],
            timeout_seconds=pace.timeout_seconds,
            memory_mb=pace.memory_mb,
        ).function
        self.function.add_event_source(
            event_sources.SqsEventSource(
                self.queue,
                batch_size=pace.batch_size,
                # And no reserved concurrency: what Lambda throttles has been received, and that is counted.
                max_concurrency=pace.max_concurrency,
                report_batch_item_failures=True,
            )
        )
        self._topic = alarm_topic
        self._add_alarms_on_tasks(commons.use_case_id, step, pace)
        self._add_alarms_on_standstill(step, pace)

    def _add_alarms_on_tasks(self, use_case_id: str, step: str, pace: WorkerPace) -> None:
        def counted(name: str, period: Duration) -> cloudwatch.Metric:
            return cloudwatch.Metric(
                namespace=METRICS_NAMESPACE,
                metric_name=name,
                dimensions_map={"service": use_case_id, "step": step},
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
        )
        self._lasting_alarm(
            "NotStarted",
            counted("TaskNotStarted", _redelivery(pace)),
            f"{step} cannot start tasks, again and again. The function's log says why ('Task not started'): the task "
            "table does not answer, a setting is wrong, or tasks have the status of another step.",
        )

    def _add_alarms_on_standstill(self, step: str, pace: WorkerPace) -> None:
        # Visible messages, since "sent" does not count those that a queue moves there itself.
        self._alarm(
            "DeadLetters",
            self.dead_letter_queue.metric_approximate_number_of_messages_visible(period=_MINUTE, statistic=_MAXIMUM),
            f"{step} could not handle messages. The function's log says why: 'Message refused' where one could not be "
            "read, 'Task not started' where the tracker could not be asked; where it says neither, the function "
            f"crashed or was throttled. Mend the cause, then redrive the dead letter queue to its source: {DAYS_KEPT} "
            "days after they were sent, messages are deleted.",
        )
        self._alarm(
            "OldestMessage",
            self.queue.metric_approximate_age_of_oldest_message(period=_MINUTE, statistic=_MAXIMUM),
            f"Messages have waited for {step} for over {pace.alarm_age_minutes} minutes. See whether its event source "
            "is enabled, and whether the function runs, fails or is throttled, or more comes in than it can do: "
            f"{DAYS_KEPT} days after they were sent, messages are deleted, and those never begun are no tasks.",
            over=pace.alarm_age_minutes * 60,
        )
        self._lasting_alarm(
            "Errors",
            self.function.metric_errors(period=_redelivery(pace), statistic=_SUM),
            f"The function of {step} fails again and again: it crashes, runs out of time or memory, or cannot be "
            "loaded. Read its log.",
        )
        self._lasting_alarm(
            "Throttled",
            self.function.metric_throttles(period=_redelivery(pace), statistic=_SUM),
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
        cloudwatch.Alarm(
            self,
            name,
            metric=metric,
            threshold=over,
            comparison_operator=cloudwatch.ComparisonOperator.GREATER_THAN_THRESHOLD,
            evaluation_periods=periods,
            datapoints_to_alarm=breaching,
            treat_missing_data=cloudwatch.TreatMissingData.NOT_BREACHING,
            alarm_description=what_to_do,
        ).add_alarm_action(actions.SnsAction(self._topic))


def _redelivery(pace: WorkerPace) -> Duration:
    """A period so long that a message which keeps coming back is delivered in one of any two."""
    return Duration.minutes(max(5, math.ceil(pace.visibility_seconds / 60)))


def receives_within_retention(max_attempts: int, pace: WorkerPace) -> int:
    """`receives_to_outlast` for a pace, if they fit into the time for which SQS keeps a message.

    Raises:
        ValueError: a queue cannot have so many, or a message whose function always crashes comes too late to the dead
            letter queue.
    """
    receives = receives_to_outlast(max_attempts, pace.batch_size)
    days, most = receives * pace.visibility_seconds / _DAY_SECONDS, DAYS_KEPT - _DAYS_TO_MEND
    if days > most:
        raise ValueError(
            f"A message whose function always crashes is received {receives} times, every {pace.visibility_seconds} s: "
            f"{days:.1f} days, and it must be in the dead letter queue within {most} of the {DAYS_KEPT} days that SQS "
            "keeps it: lower timeout_seconds, the batch_size or max_attempts."
        )
    return receives


def receives_to_outlast(max_attempts: int, batch_size: int) -> int:
    """How often a message may be received before the queue gives it up, so that the tracker always gives up first.

    A message is received, at most, for each attempt at its task, by itself or, while the task is locked, by another;
    for each that asked to wait; for each attempt at the tasks of the messages it shares its batches with, which may
    kill the function; while its task is postponed or its step is paused, `SPARE_RECEIVES` times; and once more, to hear
    how it ended.

    Raises:
        ValueError: a queue cannot have so many.
    """
    receives = max_attempts * (2 + batch_size - 1) + SPARE_RECEIVES + 1
    if receives > _MOST_RECEIVES:
        raise ValueError(
            f"{max_attempts} attempts in batches of {batch_size} may take {receives} receives of a message, and SQS "
            f"allows {_MOST_RECEIVES}: lower the batch_size or max_attempts."
        )
    return receives
