"""One SQS message for each run of a task: sending it, and knowing whether it may still be in the queue."""

from __future__ import annotations

import json
import os
import time
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, ClassVar

from status_tracker import RunState
from status_tracker_ops.clients import sqs_client

if TYPE_CHECKING:
    from collections.abc import Callable, MutableMapping

    from mypy_boto3_sqs import SQSClient

ASKED_AGAIN_SECONDS = 5.0


def run_message(task_id: str, run: int) -> str:
    """The body of the message that asks for this run."""
    return json.dumps({"run": run, "task_id": task_id}, sort_keys=True)


@dataclass(frozen=True)
class QueueState:
    """A queue, as SQS describes it, which may be a minute late.

    Attributes:
        holds_messages: it has messages that wait, are delayed, or are being worked on.
        kept_for: how long it keeps a message.
    """

    holds_messages: bool
    kept_for: timedelta

    @classmethod
    def of(cls, sqs: SQSClient, queue_url: str) -> QueueState:
        """Ask for the state of that queue."""
        found = sqs.get_queue_attributes(
            QueueUrl=queue_url,
            AttributeNames=[
                "ApproximateNumberOfMessages",
                "ApproximateNumberOfMessagesDelayed",
                "ApproximateNumberOfMessagesNotVisible",
                "MessageRetentionPeriod",
            ],
        )["Attributes"]
        kept_for = timedelta(seconds=int(found.pop("MessageRetentionPeriod")))
        return cls(any(map(int, found.values())), kept_for)

    def run_state(self, task: Any) -> RunState:
        """What has become of the message of the task's run.

        Which messages a queue holds cannot be asked: as long as there are any, the run counts as running, unless the
        task has waited for longer than the queue keeps a message. A run that no attempt was made of has never started.
        """
        config = task.config
        began = task.status in {config.in_progress_status, config.failed_status}
        if not began and task.status not in {config.pending_status, *config.more_pending_status}:
            return RunState.ENDED
        if self.holds_messages and config.now() - task.update_time <= self.kept_for:
            return RunState.RUNNING
        return RunState.ENDED if began else RunState.NEVER_STARTED


class QueueRuns:
    """Mixin of a task class: each run of a task is one message ``{"task_id": …, "run": …}`` to a standard queue.

    Put it before `BaseTask` in the bases of the class, and let a function with
    `status_tracker_ops.steps.queue_handler` read the queue.

    A repeated message is harmless: the task refuses a second start. A lost one is found by the sweep, which sends it
    again when the queue is empty.

    Attributes:
        queue_variable: the environment variable with the queue's URL. A pipeline with several queues gives each step a
            name of its own.
    """

    queue_variable: ClassVar[str] = "QUEUE_URL"

    @classmethod
    def dispatch(cls, task: Any) -> bool:
        """Send the message of the task's run."""
        sqs_client().send_message(QueueUrl=cls._queue_url(), MessageBody=run_message(task.task_id, task.run or 0))
        return True

    @classmethod
    def run_state(cls, task: Any) -> RunState:
        """What has become of the message of the task's run; the queue is asked every few seconds a process at most."""
        return _lately_asked(cls._queue_url()).run_state(task)

    @classmethod
    def run_states(cls, known: MutableMapping[str, Any], stop: Callable[[], bool]) -> Callable[[Any], RunState]:  # noqa: ARG003
        """`run_state` by what the queue held before the sweep sent anything."""
        url = cls._queue_url()
        if url not in known:
            known[url] = QueueState.of(sqs_client(), url)
        state: QueueState = known[url]
        return state.run_state

    @classmethod
    def recall(cls, task: Any) -> None:
        """Do nothing: the task that the message asks for refuses it, once it is cancelled."""

    @classmethod
    def _queue_url(cls) -> str:
        url = os.environ.get(cls.queue_variable, "").strip()
        if not url:
            raise ValueError(
                f"The environment variable {cls.queue_variable} is missing or empty: set it to the URL of the queue on "
                f"each function that starts a run of {cls.__name__}."
            )
        return url


_asked: dict[str, tuple[float, QueueState]] = {}


def _lately_asked(queue_url: str) -> QueueState:
    # By the clock of the day, which goes on while Lambda has frozen the process.
    now = time.time()
    if queue_url not in _asked or abs(now - _asked[queue_url][0]) >= ASKED_AGAIN_SECONDS:
        _asked[queue_url] = now, QueueState.of(sqs_client(), queue_url)
    return _asked[queue_url][1]
