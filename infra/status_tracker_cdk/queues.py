"""What every queue of tasks has: a dead letter queue, and the rights of the function that polls it."""

from __future__ import annotations

from aws_cdk import Duration
from aws_cdk import aws_iam as iam
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from status_tracker_cdk.access import allow

DAYS_KEPT = 14
"""The longest that SQS keeps a message. Its age counts on in the dead letter queue, which keeps it for what is left."""


def dead_letter_queue(scope: Construct) -> sqs.Queue:
    """An encrypted queue that keeps what nothing could handle for as long as SQS allows."""
    return sqs.Queue(
        scope,
        "DeadLetterQueue",
        encryption=sqs.QueueEncryption.SQS_MANAGED,
        enforce_ssl=True,
        retention_period=Duration.days(DAYS_KEPT),
    )


def task_queue(
    scope: Construct, *, days_kept: int, visibility_seconds: int, dead_letters: sqs.IQueue, max_receives: int
) -> sqs.Queue:
    """An encrypted queue, which gives a message up to `dead_letters` after so many receives."""
    return sqs.Queue(
        scope,
        "Queue",
        encryption=sqs.QueueEncryption.SQS_MANAGED,
        enforce_ssl=True,
        retention_period=Duration.days(days_kept),
        visibility_timeout=Duration.seconds(visibility_seconds),
        dead_letter_queue=sqs.DeadLetterQueue(queue=dead_letters, max_receive_count=max_receives),
    )


def allow_polling(queue: sqs.IQueue, *more: str) -> iam.PolicyStatement:
    """A statement that allows a function to have `queue` as its event source, and `more` actions on it."""
    actions = ("ReceiveMessage", "DeleteMessage", "GetQueueAttributes", *more)
    return allow([f"sqs:{action}" for action in actions], queue.queue_arn)
