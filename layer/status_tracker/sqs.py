"""Lambda: batches of SQS messages, each of them a task, without a workflow.

Needs the extra ``powertools`` (on Lambda, the layer brings it). Powertools' own batch processors are not used: they go
on until the function is killed, know one kind of failure, and raise when a whole batch has failed.
"""

from __future__ import annotations

from ._extras import missing_extra

try:
    import aws_lambda_powertools  # noqa: F401
    import botocore  # noqa: F401
except ModuleNotFoundError as error:
    raise missing_extra("powertools", error) from error

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING, Any, Generic, NamedTuple, TypedDict, TypeVar, cast

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from botocore.session import get_session

from .core.errors import (
    NoMoreRetryError,
    TaskAlreadySucceedError,
    TaskLockedError,
    TaskNotDueError,
    TaskPausedError,
)
from .core.execution import ExecutionContext
from .dynamodb import BaseTask
from .powertools import LambdaContext, Pausable, forget_task, start_in_lambda, unfailing

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_sqs.type_defs import ChangeMessageVisibilityBatchRequestEntryTypeDef

TaskT = TypeVar("TaskT", bound=BaseTask)

LOGGED_BODY_CHARACTERS = 500

_REQUEST_SECONDS = 2
_MESSAGES_PER_REQUEST = 10
_FIRST_PAUSE = timedelta(minutes=1)
_FIRST_POSTPONEMENT = timedelta(seconds=1)
# 12 hours from the receiving on, of which a function may have used up a quarter.
_LONGEST_VISIBILITY_SECONDS = 12 * 3600 - 900


class TaskMessage(NamedTuple):
    """The task that a message asks for.

    Attributes:
        task_id: the task; the same work asked for twice has the same id.
        data: the data of the task, if this message creates it.
    """

    task_id: str
    data: dict[str, Any] | None = None


class ItemFailure(TypedDict):
    """A message that SQS keeps."""

    itemIdentifier: str


class BatchResponse(TypedDict):
    """What Lambda expects of a function with ``ReportBatchItemFailures``: all other messages are deleted."""

    batchItemFailures: list[ItemFailure]


def process_sqs_batch(
    event: Mapping[str, Any],
    context: LambdaContext,
    task_class: type[TaskT],
    work: Callable[[ExecutionContext[TaskT]], object],
    *,
    parse: Callable[[str], TaskMessage],
    step: str,
    metrics: Metrics,
    logger: Logger,
    seconds_per_record: float,
    margin_seconds: float = 3,
    retry_seconds: float = 10,
    pipeline: Pausable | None = None,
    create: bool = True,
    then: Callable[[str], object] | None = None,
    obsolete: Callable[[Exception], bool] = lambda _: False,
) -> BatchResponse:
    """Do `work` on the task of each message, one after the other, as long as there is time; the handler's answer.

    Each is done inside `start_in_lambda`. What then becomes of its message:

    - *deleted*: the task has succeeded, now or before; or it was set aside, now or before, which is on record.
    - *kept, and seen again* ``retry_seconds`` after a failure, or when it is due where the failure asked to wait
      (`retry_after`); when it is due, after a postponement, and at its nth receive not before 2ⁿ⁻¹ seconds have
      passed; while the step is paused, a minute later, then 4 minutes, 16 and so on, or when the pause ends by itself,
      since each receive counts for the queue; when the other worker's lease ends, where the task is locked; at once,
      where there was no time to begin it; after the queue's visibility timeout in all other cases: a store that does
      not answer, a setting that cannot work, a task of another step (the log says which, and ``TaskNotStarted`` counts
      them).
    - *kept, and seen again at once, until the queue sets it aside*: `parse` cannot read it, or no task can have that id
      or data. The log says why (``BadMessage`` counts them).

    Copies of a kept message in the same batch are kept with it, without being begun, until their task is due.

    On a FIFO queue the messages that follow a kept one in its group are kept too, without being begun. One that cannot
    be read holds nobody up: it will never be done.

    Args:
        event, context: what Lambda gives the handler.
        work: works on the task of a context, as the block of a `with ….start(…) as ctx` does.
        parse: reads the body of a message; what it raises says why it cannot.
        step: the name of the step, for metrics and log.
        seconds_per_record: the longest duration of `work`. A record is started only if that and the margin are left.
        margin_seconds: the part of the function's time reserved for reporting to the queue.
        retry_seconds: how long a task waits after a failure.
        pipeline: is asked whether `step` is paused, at most every few seconds.
        create: make the task of a message if there is none.
        then: is called with the id of a task that has succeeded, now or before, and its message is deleted afterwards;
            if it raises, the message is kept, and the call is repeated with the next receive.
        obsolete: is asked about a refused start, of which nothing above says what becomes of the message: True deletes
            it, since there is nothing to do any more.

    Raises:
        ValueError: the function has no time for even one record; nothing was started.
    """
    metrics, logger = unfailing(metrics), unfailing(logger)
    retry_after = timedelta(seconds=retry_seconds)
    batch = _Batch(
        context, task_class, work, parse, step, metrics, logger, retry_after, pipeline, create, then, obsolete
    )
    needed = seconds_per_record + margin_seconds
    if batch.seconds_left() < needed:
        raise ValueError(
            f"The function has {batch.seconds_left():g} s left, and one record of {step} needs {needed:g} s "
            f"(seconds_per_record {seconds_per_record:g} + margin_seconds {margin_seconds:g}): raise its timeout."
        )
    for record in event["Records"]:
        batch.take(record, has_time=batch.seconds_left() >= needed)
    batch.tell_the_queue()
    return {"batchItemFailures": [{"itemIdentifier": kept.message_id} for kept in batch.kept]}


class _Verdict(NamedTuple):
    """What becomes of a message.

    Attributes:
        done: it may be deleted.
        seen_again: when, if it is kept; None for when the queue's visibility timeout is over.
        holds_group: what follows it in its group of a FIFO queue has to wait for it.
        task_id: its task, if that was asked for.
    """

    done: bool
    seen_again: datetime | None = None
    holds_group: bool = True
    task_id: str | None = None


_DELETE = _Verdict(done=True)


def _keep_until(moment: datetime | None) -> _Verdict:
    return _Verdict(done=False, seen_again=moment)


class _Kept(NamedTuple):
    """A message to keep."""

    message_id: str
    receipt: str
    verdict: _Verdict


@dataclass
class _Batch(Generic[TaskT]):
    context: LambdaContext
    task_class: type[TaskT]
    work: Callable[[ExecutionContext[TaskT]], object]
    parse: Callable[[str], TaskMessage]
    step: str
    metrics: Metrics
    logger: Logger
    retry_after: timedelta
    pipeline: Pausable | None
    create: bool
    then: Callable[[str], object] | None
    obsolete: Callable[[Exception], bool]
    kept: list[_Kept] = field(default_factory=list)
    _waiting: dict[str, _Verdict] = field(default_factory=dict)
    _stopped_groups: set[str] = field(default_factory=set)
    _queue: str = ""
    _receives: int = 1

    def seconds_left(self) -> float:
        return self.context.get_remaining_time_in_millis() / 1000

    def take(self, record: Mapping[str, Any], *, has_time: bool) -> None:
        """Work on the task of one message, or keep the message for later."""
        forget_task(self.logger)
        self.logger.append_keys(message_id=record["messageId"])
        self._queue = record["eventSourceARN"]
        self._receives = int(record["attributes"].get("ApproximateReceiveCount", 1))
        group = _fifo_group(record)
        if has_time and group not in self._stopped_groups:
            verdict = self._verdict(record)
        else:
            self.logger.info("Not begun: %s", "an earlier one of its group was kept" if has_time else "no time is left")
            verdict = _keep_until(self._now())
        if not verdict.done:
            self.kept.append(_Kept(record["messageId"], record["receiptHandle"], verdict))
            if verdict.holds_group and group is not None:
                self._stopped_groups.add(group)
        self.logger.remove_keys(["message_id"])

    def _verdict(self, record: Mapping[str, Any]) -> _Verdict:
        try:
            task_id, data = self._read(record["body"])
        except Exception as error:  # noqa: BLE001 - whatever it is, the message is what cannot be read
            return self._bad(record, error)
        earlier = self._waiting.pop(task_id, None)
        if earlier is not None and (earlier.seen_again is None or self._now() < earlier.seen_again):
            self.logger.info("Not begun: an earlier one of its task was kept", extra={"task_id": task_id})
            verdict = earlier
        else:
            verdict = self._attempt(task_id, data)._replace(task_id=task_id)
        if not verdict.done:
            self._waiting[task_id] = verdict
        return verdict

    def _read(self, body: str) -> TaskMessage:
        """The task that a message asks for; raises if no task can be made from it."""
        task_id, data = self.parse(body)
        self.task_class.config.make_key(task_id)
        if data is not None:
            self.task_class.check_data(task_id, data)
        return TaskMessage(task_id, data)

    def _attempt(self, task_id: str, data: dict[str, Any] | None) -> _Verdict:
        ctx: ExecutionContext[TaskT] | None = None
        try:
            with start_in_lambda(
                self.task_class,
                task_id,
                self.context,
                step=self.step,
                metrics=self.metrics,
                logger=self.logger,
                create=self.create,
                data=data,
                pipeline=self.pipeline,
            ) as ctx:
                self.work(ctx)
        except Exception as error:  # noqa: BLE001 - logged where they are judged
            return self._refused(task_id, error) if ctx is None else self._failed(ctx, error)
        self.logger.info("Task succeeded")
        return self._succeeded(task_id)

    def _succeeded(self, task_id: str) -> _Verdict:
        try:
            if self.then is not None:
                self.then(task_id)
        except Exception:
            self.logger.exception("What follows the task was not begun; the next receive tries again")
            return _keep_until(None)
        return _DELETE

    def _bad(self, record: Mapping[str, Any], error: Exception) -> _Verdict:
        self.metrics.add_dimension(name="step", value=self.step)
        self.metrics.add_metric("BadMessage", MetricUnit.Count, 1)
        body = record["body"][:LOGGED_BODY_CHARACTERS]
        self.logger.warning("Message refused: %r", error, extra={"body": body})
        return _keep_until(self._now())._replace(holds_group=False)

    def _refused(self, task_id: str, error: Exception) -> _Verdict:
        """What becomes of the message of a task that was not started."""
        if isinstance(error, TaskAlreadySucceedError):
            self.logger.info("Task has succeeded before: %s", error)
            return self._succeeded(task_id)
        if isinstance(error, NoMoreRetryError) or self.obsolete(error):
            self.logger.info("Message deleted: %s", error)
            return _DELETE
        if isinstance(error, TaskLockedError | TaskNotDueError):
            self.logger.info("Message kept: %s", error)
            return _keep_until(error.until if isinstance(error, TaskLockedError) else error.not_before)
        if isinstance(error, TaskPausedError):
            return _keep_until(error.until or self._now() + self._growing(_FIRST_PAUSE, 4))
        self.metrics.add_metric("TaskNotStarted", MetricUnit.Count, 1)
        self.logger.error("Task not started", exc_info=error)
        return _keep_until(None)

    def _growing(self, first: timedelta, factor: int) -> timedelta:
        """A wait that is `factor` times as long with each receive of the message, up to the longest of SQS."""
        longest = timedelta(seconds=_LONGEST_VISIBILITY_SECONDS)
        return min(first * int(factor ** min(self._receives - 1, 16)), longest)

    def _failed(self, ctx: ExecutionContext[TaskT], error: Exception) -> _Verdict:
        """What becomes of the message of a task whose attempt failed, by what was stored of that."""
        task, due = ctx.task, ctx.postponed_until
        if due is not None:
            return _keep_until(max(due, self._now() + self._growing(_FIRST_POSTPONEMENT, 2)))
        if task.status in (task.config.ignored_status, task.config.exhausted_status):
            self.logger.error("Task set aside", exc_info=error)
            return _DELETE
        self.logger.error("Attempt failed", exc_info=error)
        if task.status == task.config.in_progress_status:  # that was not stored: the lease has to run out
            return _keep_until(None)
        return _keep_until(task.not_before or self._now() + self.retry_after)

    def tell_the_queue(self) -> None:
        """Have the kept messages seen again when they shall; a request that fails leaves them as they are."""
        timed = [(kept, moment) for kept in self.kept if (moment := self._seen_again(kept)) is not None]
        for first in range(0, len(timed), _MESSAGES_PER_REQUEST):
            if self.seconds_left() < _REQUEST_SECONDS:
                break
            entries = [self._entry(*each) for each in timed[first : first + _MESSAGES_PER_REQUEST]]
            try:
                _change_visibility(self._queue, entries)
            except (BotoCoreError, ClientError) as error:
                self.logger.warning("Messages come back after the queue's visibility timeout only: %s", error)

    def _entry(self, kept: _Kept, seen_again: datetime) -> ChangeMessageVisibilityBatchRequestEntryTypeDef:
        wait = math.ceil((seen_again - self._now()).total_seconds())
        return {
            "Id": kept.message_id,
            "ReceiptHandle": kept.receipt,
            "VisibilityTimeout": min(max(wait, 0), _LONGEST_VISIBILITY_SECONDS),
        }

    def _seen_again(self, kept: _Kept) -> datetime | None:
        """When a message shall be seen again, by what has become of its task since."""
        return self._waiting.get(kept.verdict.task_id or "", kept.verdict).seen_again

    def _now(self) -> datetime:
        return self.task_class.config.now()


def _fifo_group(record: Mapping[str, Any]) -> str | None:
    """The message group whose order has to be kept; on other queues a group is about fairness only."""
    group: str | None = record["attributes"].get("MessageGroupId")
    return group if record["eventSourceARN"].endswith(".fifo") else None


def _change_visibility(queue: str, entries: list[ChangeMessageVisibilityBatchRequestEntryTypeDef]) -> None:
    region, account, name = queue.split(":")[3:]
    sqs = _sqs_client(region)
    sqs.change_message_visibility_batch(QueueUrl=f"{sqs.meta.endpoint_url}/{account}/{name}", Entries=entries)


@cache
def _sqs_client(region: str) -> SQSClient:
    half = _REQUEST_SECONDS / 2
    config = Config(connect_timeout=half, read_timeout=half, retries={"total_max_attempts": 1})
    return cast("SQSClient", get_session().create_client("sqs", region_name=region, config=config))
