"""The queue of a worker: its dead letters, and the function that it is the event source of."""

from __future__ import annotations

from aws_cdk import aws_lambda_event_sources as event_sources
from constructs import Construct

from status_tracker_cdk.functions import FunctionCommons, HandlerFunction
from status_tracker_cdk.queues import DAYS_KEPT, allow_polling, dead_letter_queue, task_queue
from status_tracker_cdk.worker_pace import WorkerPace, receives_within_retention
from status_tracker_ops.settings import QueueWorkerSettings


class WorkerQueue:
    """A queue and its dead letter queue, put into `scope`, and given to the function of `handler` to work on.

    Attributes:
        scope: where they are.
        service: the dimension of the metrics that the function sends.
        step: the name of the step that the function works on.
        pace: how fast.
        queue: where messages are sent to.
        dead_letter_queue: for messages that cannot be read, or whose tasks could not be started.
        function: the function.
    """

    def __init__(
        self, scope: Construct, *, commons: FunctionCommons, handler: HandlerFunction, step: str, pace: WorkerPace
    ) -> None:
        max_receives = receives_within_retention(commons.retries.max_attempts, pace)
        self.scope, self.service = scope, commons.name
        self.step, self.pace, self.function = step, pace, handler.function
        self.dead_letter_queue = dead_letter_queue(scope)
        self.queue = task_queue(
            scope,
            days_kept=DAYS_KEPT,
            visibility_seconds=pace.visibility_seconds,
            dead_letters=self.dead_letter_queue,
            max_receives=max_receives,
        )
        settings = QueueWorkerSettings(
            seconds_per_record=pace.seconds_per_record, retry_seconds=commons.retries.retry_interval_seconds
        )
        handler.tell(settings.to_environment())
        # It says itself when a message that comes back shall do so.
        handler.allow(allow_polling(self.queue, "ChangeMessageVisibility"))
        self.function.add_event_source(
            event_sources.SqsEventSource(
                self.queue,
                batch_size=pace.batch_size,
                # And no reserved concurrency: what Lambda throttles has been received, and that is counted.
                max_concurrency=pace.max_concurrency,
                report_batch_item_failures=True,
            )
        )
