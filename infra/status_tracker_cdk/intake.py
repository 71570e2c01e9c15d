"""From a new object to a started run: EventBridge, SQS with a dead letter queue, the intake function."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from aws_cdk import Duration
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_lambda_event_sources as event_sources
from aws_cdk import aws_s3 as s3
from constructs import Construct

from status_tracker_cdk.access import allow
from status_tracker_cdk.dispatch import Dispatch
from status_tracker_cdk.functions import FunctionCommons, HandlerFunction
from status_tracker_cdk.props import Props, between
from status_tracker_cdk.queues import allow_polling, dead_letter_queue, task_queue
from status_tracker_cdk.table import TableRights

# One poll of SQS brings no more; a larger batch has to be gathered.
_UNGATHERED_BATCH = 10
# Less than the dead letter queue's: a message's age counts from its first queue on.
_DAYS_KEPT = 4


@dataclass(frozen=True, kw_only=True)
class IntakeProps(Props):
    """How fast new objects are taken in.

    Attributes:
        intake_batch_size: SQS messages handed to one invocation of the intake function.
        intake_batching_window_seconds: how long Lambda gathers messages for a batch, which every upload
            waits for; 0 hands over at once what there is, up to ten messages.
        intake_max_concurrency: intake functions that run at the same time, at most. Some 15 of them start as many
            executions a second as Step Functions admits by default (300): ask for a larger quota before going beyond.
        intake_max_receives: deliveries of a message before it goes to the dead letter queue. One that is not begun for
            want of time costs one, too: allow for some where batches are large or services slow.
        intake_timeout_seconds: timeout of the intake function.
        intake_memory_mb: memory of the intake function.
    """

    intake_batch_size: int = between(1, 1000, default=10)
    intake_batching_window_seconds: int = between(0, 300, default=0)
    intake_max_concurrency: int = between(2, 1000, default=10)
    intake_max_receives: int = between(1, 1000, default=6)
    intake_timeout_seconds: int = between(1, 900, default=45)
    intake_memory_mb: int = between(128, 10240, default=512)

    def conflicts(self) -> Iterator[str]:
        """A large batch without a window to gather it in."""
        if self.intake_batch_size > _UNGATHERED_BATCH and self.intake_batching_window_seconds < 1:
            yield (
                f"intake_batch_size over {_UNGATHERED_BATCH} ({self.intake_batch_size}) needs "
                "intake_batching_window_seconds of at least 1"
            )

    @property
    def visibility_seconds(self) -> int:
        """When a message that was not handled is delivered again; leaves Lambda time to retry when it is throttled."""
        return 6 * self.intake_timeout_seconds + self.intake_batching_window_seconds


class Intake(Construct):
    """Every new object in `bucket` becomes a task, and a run of its first step.

    Args:
        commons: what its function shares with all others.
        bucket: sends an event to EventBridge for each new object.
        table: the task table.
        dispatch: what starts the runs of the first step.
        props: how fast new objects are taken in; by default as `IntakeProps` says.

    Attributes:
        queue: the events that wait for the function.
        dead_letter_queue: the events that could not be delivered or handled.
        function: the intake function.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        commons: FunctionCommons,
        bucket: s3.IBucket,
        table: TableRights,
        dispatch: Dispatch,
        props: IntakeProps | None = None,
    ) -> None:
        super().__init__(scope, construct_id)
        props = props or IntakeProps()
        self.dead_letter_queue = dead_letter_queue(self)
        self.queue = task_queue(
            self,
            days_kept=_DAYS_KEPT,
            visibility_seconds=props.visibility_seconds,
            dead_letters=self.dead_letter_queue,
            max_receives=props.intake_max_receives,
        )
        self._rule(bucket)
        self.function = self._function(commons, props, table, dispatch, bucket).function

    def _rule(self, bucket: s3.IBucket) -> None:
        # EventBridge tries for a day to put an event on the queue; without a dead letter queue it then drops it.
        target = targets.SqsQueue(self.queue, dead_letter_queue=self.dead_letter_queue)
        events.Rule(
            self,
            "ObjectCreated",
            description="New objects to the intake queue",
            event_pattern=events.EventPattern(
                source=["aws.s3"],
                detail_type=["Object Created"],
                detail={"bucket": {"name": [bucket.bucket_name]}},
            ),
            targets=[target],
        )

    def _function(
        self,
        commons: FunctionCommons,
        props: IntakeProps,
        table: TableRights,
        dispatch: Dispatch,
        bucket: s3.IBucket,
    ) -> HandlerFunction:
        intake = HandlerFunction(
            self,
            "Intake",
            commons=commons,
            handler="status_tracker_ops.deployed.intake.handler",
            environment=dispatch.environment,
            statements=[
                table.allow_items("GetItem", "PutItem", "UpdateItem"),
                *table.allow_key(),
                *dispatch.allow_starting(),
                # To see whether an object that was missing is there again, and one of a late event still there.
                allow(["s3:ListBucket"], bucket.bucket_arn),
                allow_polling(self.queue),
            ],
            timeout_seconds=props.intake_timeout_seconds,
            memory_mb=props.intake_memory_mb,
        )
        intake.function.add_event_source(
            event_sources.SqsEventSource(
                self.queue,
                batch_size=props.intake_batch_size,
                max_batching_window=Duration.seconds(props.intake_batching_window_seconds),
                max_concurrency=props.intake_max_concurrency,
                report_batch_item_failures=True,
            )
        )
        return intake


def send_events(bucket: s3.IBucket) -> None:
    """Have a bucket of this app send an event to EventBridge for each new object.

    Nothing is done with one of elsewhere, or one whose own resource says what it notifies of. What
    `add_event_notification` makes replaces what the bucket's own resource says, so it is told instead; call this again
    when no more of those are added.
    """
    resource, handlers = bucket.node.default_child, bucket.node.try_find_child("Notifications")
    if not isinstance(resource, s3.CfnBucket):
        return
    if handlers is not None and handlers.node.try_find_child("Resource") is not None:
        bucket.enable_event_bridge_notification()
    elif resource.notification_configuration is None:
        # Bucket(event_bridge_enabled=True) would add a custom resource and its function to the stack.
        resource.notification_configuration = s3.CfnBucket.NotificationConfigurationProperty(
            event_bridge_configuration=s3.CfnBucket.EventBridgeConfigurationProperty(event_bridge_enabled=True)
        )
