"""An application without a workflow of its own, and without a bucket: orders that are invoiced, then mailed."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import boto3
from aws_lambda_powertools import Metrics
from moto import mock_aws

import status_tracker as st
from status_tracker.operations.pipeline import Pipeline
from status_tracker_ops.executions import WorkflowRuns
from status_tracker_ops.queues import QueueRuns
from status_tracker_ops.steps import queue_handler, step_handler
from status_tracker_ops.sweep.handler import sweep_handler
from status_tracker_ops.sweep.state import sweep_task
from tests.handlers.support import ENVIRONMENT, SWEEP_SETTINGS, FakeContext, Time

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pytest

ARN = ENVIRONMENT["WORKFLOW_ARN"]
SETTINGS = {
    **{name: value for name, value in ENVIRONMENT.items() if not name.endswith("BUCKET") and name != "WORKFLOW_ARN"},
    "RESULT_BUCKET": "reports",
    "SECONDS_PER_RECORD": "5",
    "RETRY_SECONDS": "1",
    **SWEEP_SETTINGS,
}
RETENTION = timedelta(days=4)
Handler = Callable[[Any, Any], Any]


class _Order(st.BaseTask):
    class Meta:
        table_name = "orders"
        region = "us-east-1"

    status_and_update_time_index = st.StatusAndUpdateTimeIndex()


def _config(time: Time) -> st.TrackerConfig:
    return st.TrackerConfig.make("pdf_processing", 10, 20, 30, 40, 50, max_retry=3, clock=time)


@dataclass
class Queue:
    """A queue of moto's, and the function on it, which a test invokes as Lambda's poller does.

    Attributes:
        variable: the environment variable with its URL.
    """

    variable: str
    handler: Handler
    monkeypatch: pytest.MonkeyPatch

    def __post_init__(self) -> None:
        self.sqs = boto3.client("sqs")
        self.lose_all()

    def lose_all(self) -> None:
        """Go on with an empty queue: a message that is not visible cannot be deleted."""
        attributes = {"MessageRetentionPeriod": str(int(RETENTION.total_seconds())), "VisibilityTimeout": "0"}
        self.url = self.sqs.create_queue(QueueName=f"q-{uuid.uuid4().hex}", Attributes=attributes)["QueueUrl"]
        self.monkeypatch.setenv(self.variable, self.url)

    def __len__(self) -> int:
        """How many messages it holds, those that wait for another receive too."""
        names = ("ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible")
        found = self.sqs.get_queue_attributes(QueueUrl=self.url, AttributeNames=["All"])["Attributes"]
        return sum(int(found[name]) for name in names)

    def send(self, body: str) -> None:
        self.sqs.send_message(QueueUrl=self.url, MessageBody=body)

    def poll(self) -> int:
        """Receive once, and have the function work on what came; how many messages it did away with."""
        messages = self.sqs.receive_message(
            QueueUrl=self.url, MaxNumberOfMessages=10, MessageSystemAttributeNames=["All"]
        ).get("Messages", [])
        records = [
            {
                "messageId": each["MessageId"],
                "receiptHandle": each["ReceiptHandle"],
                "body": each["Body"],
                "attributes": each["Attributes"],
                "eventSourceARN": f"arn:aws:sqs:us-east-1:123456789012:{self.url.rsplit('/', 1)[1]}",
            }
            for each in messages
        ]
        if not records:
            return 0
        answer = self.handler({"Records": records}, FakeContext())
        kept = {each["itemIdentifier"] for each in answer["batchItemFailures"]}
        for each in messages:
            if each["MessageId"] not in kept:
                self.sqs.delete_message(QueueUrl=self.url, ReceiptHandle=each["ReceiptHandle"])
        return len(messages) - len(kept)


@dataclass
class Orders:
    """The application: its classes and pipeline, the handlers of its steps, and what they have done.

    Attributes:
        invoice_runs: how the first step is run, `QueueRuns` or `WorkflowRuns`; the second is on a queue.
        done: the work that was done, as ``step task_id``.
        failing: raised by the next work on a task, by its id.
    """

    invoice_runs: type
    monkeypatch: pytest.MonkeyPatch
    time: Time = field(default_factory=Time)
    done: list[str] = field(default_factory=list)
    failing: dict[str, Exception] = field(default_factory=dict)

    def __post_init__(self) -> None:
        runs: Any = self.invoice_runs

        class InvoiceTask(runs, _Order):  # type: ignore[misc]
            config = _config(self.time)
            queue_variable = "QUEUE_URL_INVOICE"

        class MailTask(QueueRuns, _Order):
            config = InvoiceTask.config.next_step()
            queue_variable = "QUEUE_URL_MAIL"

        self.invoice: Any = InvoiceTask
        self.mail: Any = MailTask
        self.pipeline = Pipeline({"Invoice": InvoiceTask, "Mail": MailTask})
        kind: Any = step_handler if self.invoice_runs is WorkflowRuns else queue_handler
        self.invoice_handler: Handler = kind(self.pipeline, InvoiceTask, self._works("Invoice"), then=MailTask)
        mail_handler = queue_handler(self.pipeline, MailTask, self._works("Mail"))
        self.invoices = Queue("QUEUE_URL_INVOICE", self.invoice_handler, self.monkeypatch)
        self.mails = Queue("QUEUE_URL_MAIL", mail_handler, self.monkeypatch)
        sweep_class = sweep_task(self.pipeline)
        self.monkeypatch.setitem(sweep_class.config.__dict__, "clock", self.time)
        self.monkeypatch.setattr("status_tracker_ops.sweep.run.get_utc_now", self.time)
        self.monkeypatch.setattr("status_tracker_ops.queues.ASKED_AGAIN_SECONDS", 0)
        self.sweep_handler = sweep_handler(self.pipeline)

    def _works(self, step: str) -> Callable[[st.ExecutionContext[Any], Mapping[str, Any]], None]:
        def work(execution: st.ExecutionContext[Any], event: Mapping[str, Any]) -> None:
            assert set(event) == {"task_id", "run"}
            if error := self.failing.pop(event["task_id"], None):
                raise error
            self.done.append(f"{step} {execution.task.task_id}")

        return work

    def submit(self, task_id: str) -> Any:
        """Make the task, and have it worked on."""
        task, _ = self.invoice.get_or_create(task_id)
        self.invoice.dispatch(task)
        return task

    def task(self, task_id: str) -> Any:
        """The task as it is stored."""
        return self.mail.get_one_or_none(task_id, consistent_read=True)

    def wait(self, **duration: float) -> None:
        self.time.later += timedelta(**duration)

    def sweep(self) -> None:
        self.sweep_handler({}, FakeContext())

    def executions(self) -> list[tuple[str, int]]:
        client = boto3.client("stepfunctions")
        found = client.list_executions(stateMachineArn=ARN)["executions"]
        inputs = [json.loads(client.describe_execution(executionArn=each["executionArn"])["input"]) for each in found]
        return sorted((each["task_id"], each["run"]) for each in inputs)


@contextmanager
def orders_of(runs: type, monkeypatch: pytest.MonkeyPatch) -> Iterator[Orders]:
    """The application on moto's account, without a bucket of objects."""
    for name in ENVIRONMENT:
        monkeypatch.delenv(name, raising=False)
    for name, value in SETTINGS.items():
        monkeypatch.setenv(name, value)
    for name in ("AWS_ENDPOINT_URL", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    with mock_aws():
        boto3.client("s3").create_bucket(Bucket="reports")
        app = Orders(runs, monkeypatch)
        app.invoice.create_table(wait=True, billing_mode="PAY_PER_REQUEST")
        yield app
        app.pipeline.resume()
        Metrics().clear_metrics()
