"""A use case without a workflow: a queue whose messages are tasks, and the function that works on them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_cloudwatch_actions as actions
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda_event_sources as event_sources
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from infra.access import allow
from infra.handler_function import METRICS_NAMESPACE, FunctionCommons, HandlerFunction
from infra.task_table import TaskTable

MARGIN_SECONDS = 3
"""What `status_tracker.sqs.process_sqs_batch` keeps of the function's time for telling the queue."""

_RANGES = {
    "seconds_per_record": (1, 900),
    "timeout_seconds": (1, 900),
    "batch_size": (1, 10),
    "max_concurrency": (2, 1000),
    "memory_mb": (128, 10240),
}
_MOST_RECEIVES = 1000
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

    Raises:
        ValueError: a batch does not fit into the function's time, or a value is out of its range.
    """

    seconds_per_record: int
    timeout_seconds: int
    batch_size: int = 10
    max_concurrency: int = 10
    memory_mb: int = 512

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


class SqsWorker(Construct):
    """A queue, and a function that calls `status_tracker.sqs.process_sqs_batch` with its messages.

    The function is told ``SECONDS_PER_RECORD`` and ``RETRY_SECONDS``. It may update the tasks of `table`, and what its
    `statements` say.

    Attributes:
        queue: where messages are sent to.
        dead_letter_queue: where those end that cannot be read.
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
        self.dead_letter_queue = sqs.Queue(
            self,
            "DeadLetterQueue",
            encryption=sqs.QueueEncryption.SQS_MANAGED,
            enforce_ssl=True,
            retention_period=Duration.days(14),
        )
        self.queue = self._queue(pace, commons.settings.max_attempts)
        self.function = HandlerFunction(
            self,
            "Handler",
            commons=commons,
            handler=handler,
            environment={
                "SECONDS_PER_RECORD": str(pace.seconds_per_record),
                "RETRY_SECONDS": str(commons.settings.retry_interval_seconds),
                **environment,
            },
            statements=[table.allow_items("UpdateItem"), self._may_poll(), *statements],
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
        self._add_alarms(commons.use_case_id, step, alarm_topic)

    def _queue(self, pace: WorkerPace, max_attempts: int) -> sqs.Queue:
        return sqs.Queue(
            self,
            "Queue",
            encryption=sqs.QueueEncryption.SQS_MANAGED,
            enforce_ssl=True,
            # Less than the dead letter queue's: a message's age counts from its first queue on.
            retention_period=Duration.days(7),
            # Beyond every lease, and room for Lambda to be throttled and try again.
            visibility_timeout=Duration.seconds(6 * pace.timeout_seconds),
            dead_letter_queue=sqs.DeadLetterQueue(
                queue=self.dead_letter_queue,
                max_receive_count=receives_to_outlast(max_attempts, pace.batch_size),
            ),
        )

    def _may_poll(self) -> iam.PolicyStatement:
        actions_of_poller = ("ReceiveMessage", "DeleteMessage", "ChangeMessageVisibility", "GetQueueAttributes")
        return allow([f"sqs:{action}" for action in actions_of_poller], self.queue.queue_arn)

    def _add_alarms(self, use_case_id: str, step: str, topic: sns.ITopic) -> None:
        # Visible messages, since "sent" does not count those that a queue moves there itself.
        self._alarm(
            "Unreadable",
            self.dead_letter_queue.metric_approximate_number_of_messages_visible(
                period=_MINUTE, statistic=cloudwatch.Stats.MAXIMUM
            ),
            f"{step} could not make a task of messages. The function's log says why of each ('Message refused'); when "
            "the cause is mended, redrive the dead letter queue to its source.",
            topic,
        )
        ignored = cloudwatch.Metric(
            namespace=METRICS_NAMESPACE,
            metric_name="TaskIgnored",
            dimensions_map={"service": use_case_id, "step": step},
            statistic=cloudwatch.Stats.SUM,
            period=_MINUTE,
        )
        self._alarm(
            "SetAside",
            ignored,
            f"{step} has set tasks aside; their messages are deleted. Query the tasks with the ignored status, read "
            "the last entry of their errors, mend the cause, rerun them and send their messages again.",
            topic,
        )

    def _alarm(self, name: str, metric: cloudwatch.IMetric, what_to_do: str, topic: sns.ITopic) -> None:
        """An alarm as soon as `metric` is over zero for a minute."""
        cloudwatch.Alarm(
            self,
            name,
            metric=metric,
            threshold=0,
            comparison_operator=cloudwatch.ComparisonOperator.GREATER_THAN_THRESHOLD,
            evaluation_periods=1,
            treat_missing_data=cloudwatch.TreatMissingData.NOT_BREACHING,
            alarm_description=what_to_do,
        ).add_alarm_action(actions.SnsAction(topic))


def receives_to_outlast(max_attempts: int, batch_size: int) -> int:
    """How often a message may be received until the queue gives it up, so that the tracker always does so before.

    A message is received, at most, for each attempt at its task, by itself or, while the task is locked, by another;
    for each that asked to wait; for each attempt at the tasks of the messages it shares its batches with, which may
    kill the function; and once more, to hear how it ended.

    Raises:
        ValueError: a queue cannot have so many.
    """
    receives = max_attempts * (2 + batch_size - 1) + 1
    if receives > _MOST_RECEIVES:
        raise ValueError(
            f"{max_attempts} attempts in batches of {batch_size} may take {receives} receives of a message, and SQS "
            f"allows {_MOST_RECEIVES}: lower the batch_size or max_attempts."
        )
    return receives
