"""A worker without a workflow: a queue whose messages are tasks, and the function that works on them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from aws_cdk import aws_iam as iam
from aws_cdk import aws_sns as sns
from constructs import Construct

from status_tracker_cdk.functions import FunctionCommons, HandlerFunction
from status_tracker_cdk.table import TableRights
from status_tracker_cdk.worker_alarms import WorkerAlarms
from status_tracker_cdk.worker_pace import WorkerPace
from status_tracker_cdk.worker_queue import WorkerQueue


class SqsWorker(Construct):
    """A queue, and a function that calls `status_tracker.sqs.process_sqs_batch` with its messages.

    The function reads `QueueWorkerSettings` from its environment. It may update the tasks of `table`, ask what is
    paused, and do what its `statements` say.

    Args:
        alarm_topic: where the alarms about it are sent; by default it has none.

    Attributes:
        queue: where messages are sent to.
        dead_letter_queue: for messages that cannot be read, or whose tasks could not be started.
        function: the function. Rights that it is granted are without effect: grant them to `role`.
        role: the function's role.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        commons: FunctionCommons,
        table: TableRights,
        handler: str,
        step: str,
        pace: WorkerPace,
        alarm_topic: sns.ITopic | None = None,
        environment: Mapping[str, str] = MappingProxyType({}),
        statements: Sequence[iam.PolicyStatement] = (),
    ) -> None:
        super().__init__(scope, construct_id)
        function = HandlerFunction(
            self,
            "Handler",
            commons=commons,
            handler=handler,
            environment=environment,
            statements=[table.allow_items("GetItem", "UpdateItem"), *table.allow_key(), *statements],
            timeout_seconds=pace.timeout_seconds,
            memory_mb=pace.memory_mb,
        )
        worker = WorkerQueue(self, commons=commons, handler=function, step=step, pace=pace)
        self.queue, self.dead_letter_queue = worker.queue, worker.dead_letter_queue
        self.function, self.role = function.function, function.role
        if alarm_topic is not None:
            WorkerAlarms(worker, topic=alarm_topic)
