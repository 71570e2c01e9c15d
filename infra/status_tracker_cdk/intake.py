"""From an uploaded document to a started execution: EventBridge, SQS with a dead letter queue, the intake function."""

from __future__ import annotations

from aws_cdk import Duration
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_lambda_event_sources as event_sources
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_sqs as sqs
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from infra.documents.settings import Settings
from infra.status_tracker_cdk.access import allow
from infra.status_tracker_cdk.functions import FunctionCommons, HandlerFunction
from infra.status_tracker_cdk.table import TaskTable


class DocumentIntake(Construct):
    """Every new object in `documents` becomes a task and an execution of `state_machine`.

    Attributes:
        queue: where the events wait.
        dead_letter_queue: where the events end that cannot be delivered or handled.
        function: the intake function.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        commons: FunctionCommons,
        documents: s3.IBucket,
        table: TaskTable,
        state_machine: sfn.IStateMachine,
    ) -> None:
        super().__init__(scope, construct_id)
        self.dead_letter_queue = sqs.Queue(
            self,
            "DeadLetterQueue",
            encryption=sqs.QueueEncryption.SQS_MANAGED,
            enforce_ssl=True,
            retention_period=Duration.days(14),
        )
        self.queue = self._queue(commons.settings)
        self._rule(documents)
        self.function = self._function(commons, table, state_machine).function

    def _queue(self, settings: Settings) -> sqs.Queue:
        return sqs.Queue(
            self,
            "Queue",
            encryption=sqs.QueueEncryption.SQS_MANAGED,
            enforce_ssl=True,
            # Less than the dead letter queue's: a message's age counts from its first queue on.
            retention_period=Duration.days(4),
            visibility_timeout=Duration.seconds(settings.intake_visibility_seconds),
            dead_letter_queue=sqs.DeadLetterQueue(
                queue=self.dead_letter_queue, max_receive_count=settings.intake_max_receives
            ),
        )

    def _rule(self, documents: s3.IBucket) -> None:
        # EventBridge tries for a day to put an event on the queue; without a dead letter queue it then drops it.
        target = targets.SqsQueue(self.queue, dead_letter_queue=self.dead_letter_queue)
        events.Rule(
            self,
            "ObjectCreated",
            description="New documents to the intake queue",
            event_pattern=events.EventPattern(
                source=["aws.s3"],
                detail_type=["Object Created"],
                detail={"bucket": {"name": [documents.bucket_name]}},
            ),
            targets=[target],
        )

    def _function(
        self, commons: FunctionCommons, table: TaskTable, state_machine: sfn.IStateMachine
    ) -> HandlerFunction:
        settings = commons.settings
        intake = HandlerFunction(
            self,
            "Intake",
            commons=commons,
            handler="intake.handler",
            environment={"WORKFLOW_ARN": state_machine.state_machine_arn},
            statements=[
                table.allow_items("PutItem"),
                allow(["states:StartExecution"], state_machine.state_machine_arn),
                allow(
                    [
                        "sqs:ReceiveMessage",
                        "sqs:DeleteMessage",
                        "sqs:ChangeMessageVisibility",
                        "sqs:GetQueueAttributes",
                    ],
                    self.queue.queue_arn,
                ),
            ],
            timeout_seconds=settings.intake_timeout_seconds,
            memory_mb=settings.intake_memory_mb,
        )
        intake.function.add_event_source(
            event_sources.SqsEventSource(
                self.queue,
                batch_size=settings.intake_batch_size,
                max_batching_window=Duration.seconds(settings.intake_batching_window_seconds),
                max_concurrency=settings.intake_max_concurrency,
                report_batch_item_failures=True,
            )
        )
        return intake
