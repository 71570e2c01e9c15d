"""Lambda's event source mapping for SQS: polls a queue and invokes a function with batches of its messages.

https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html. What is not handled is left in the queue and comes
back after the visibility timeout, until the queue's redrive policy moves it to the dead-letter queue.
"""

import json
import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from status_tracker_local.runtime_api import Outcome

# What one ReceiveMessage brings at most.
MESSAGES_PER_RECEIVE = 10
# How many batches Lambda works on at once at first, when the mapping sets no maximum concurrency.
DEFAULT_CONCURRENCY = 5
# How long one wait for messages lasts before the poller looks whether it shall stop.
WAIT_SECONDS = 1.0

_log = logging.getLogger(__name__)

Invoke = Callable[[str, bytes], Outcome]
May = Callable[[str, str, str], bool]


class EventSource(threading.Thread):
    """The poller of one mapping: one thread receives, as many as the maximum concurrency invoke.

    Args:
        mapping: moto's event source mapping.
        sqs: moto's SQS backend.
        invoke: runs a function, given by ARN, on an event.
        may: whether the function's role, given by the function's ARN, may do an action on a queue, given by ARN.
    """

    def __init__(self, mapping: Any, sqs: Any, invoke: Invoke, may: May) -> None:
        super().__init__(name=f"poll-{mapping.uuid}", daemon=True)
        self._mapping = mapping
        self._sqs = sqs
        self._invoke = invoke
        self._may = may
        self._queue = mapping.event_source_arn.rsplit(":", 1)[1]
        concurrency = (mapping.scaling_config or {}).get("MaximumConcurrency", DEFAULT_CONCURRENCY)
        self._slots = threading.BoundedSemaphore(int(concurrency))
        self._workers = ThreadPoolExecutor(int(concurrency), thread_name_prefix=self.name)
        self._stopping = threading.Event()

    def stop(self) -> None:
        """Stop polling; batches under way are finished."""
        self._stopping.set()

    def run(self) -> None:
        """Poll until stopped. Nothing is received that could not be worked on at once."""
        while not self._stopping.is_set():
            self._slots.acquire()
            try:
                batch = self._collect()
            except Exception:  # noqa: BLE001 - the queue may be gone, while its stack is deleted
                _log.exception("Receiving from %s failed; trying again in %g s.", self._queue, WAIT_SECONDS)
                self._stopping.wait(WAIT_SECONDS)
                batch = []
            if batch:
                self._workers.submit(self._work, batch)
            else:
                self._slots.release()

    def _collect(self) -> list[Any]:
        """The next batch: full, or what came within the batching window of its first message."""
        if not (self._is_allowed("sqs:ReceiveMessage") and self._is_allowed("sqs:GetQueueAttributes")):
            self._stopping.wait(WAIT_SECONDS)
            return []
        size = int(self._mapping.batch_size)
        batch = self._receive(size, WAIT_SECONDS)
        deadline = time.monotonic() + float(self._mapping.max_batch_window or 0)
        while batch and len(batch) < size and (remaining := deadline - time.monotonic()) > 0:
            batch += self._receive(size - len(batch), remaining)
        return batch

    def _receive(self, count: int, seconds: float) -> list[Any]:
        queue = self._sqs.get_queue(self._queue)
        queue.wait_for_messages(min(seconds, WAIT_SECONDS))
        messages: list[Any] = self._sqs.receive_message(
            self._queue, min(count, MESSAGES_PER_RECEIVE), 0, queue.visibility_timeout
        )
        return messages

    def _work(self, batch: list[Any]) -> None:
        try:
            records = [self._record(message) for message in batch]
            event = json.dumps({"Records": records}).encode()
            outcome = self._invoke(self._mapping.function_arn, event)
            failed = failed_messages(outcome, {message.id for message in batch}, self._reports_failures)
            may_delete = self._is_allowed("sqs:DeleteMessage")
            for message in batch:
                if may_delete and message.id not in failed:
                    self._sqs.delete_message(self._queue, message.receipt_handle)
        except Exception:  # noqa: BLE001 - whatever it is, the poller goes on and the messages come back
            _log.exception("A batch of %s was not worked on; its messages come back.", self._queue)
        finally:
            self._slots.release()

    def _is_allowed(self, action: str) -> bool:
        return self._may(self._mapping.function_arn, action, self._mapping.event_source_arn)

    @property
    def _reports_failures(self) -> bool:
        return "ReportBatchItemFailures" in (self._mapping.function_response_types or [])

    def _record(self, message: Any) -> dict[str, Any]:
        return {
            "messageId": message.id,
            "receiptHandle": message.receipt_handle,
            "body": message.body,
            "attributes": {
                "ApproximateReceiveCount": str(message.approximate_receive_count),
                "SentTimestamp": str(message.sent_timestamp),
                "SenderId": message.sender_id,
                "ApproximateFirstReceiveTimestamp": str(message.approximate_first_receive_timestamp),
            },
            "messageAttributes": {},
            "md5OfBody": message.body_md5,
            "eventSource": "aws:sqs",
            "eventSourceARN": self._mapping.event_source_arn,
            "awsRegion": self._mapping.region,
        }


def failed_messages(outcome: Outcome, batch: set[str], reports_failures: bool) -> set[str]:
    """The ids of the messages of a batch that were not handled, by what the function answered.

    An error, or a report that Lambda would not understand, is a failure of the whole batch.
    """
    if outcome.is_error:
        return batch
    if not reports_failures:
        return set()
    try:
        failures = (json.loads(outcome.payload) or {}).get("batchItemFailures") or []
        failed = {failure["itemIdentifier"] for failure in failures}
    except (ValueError, AttributeError, KeyError, TypeError):
        return batch
    return batch if failed - batch else failed
