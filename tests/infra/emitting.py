"""Which metrics the functions really send: their handlers are run, with all that a task can meet, and their lines read.

A function is known by its handler here, such as ``extract.handler``: so `series.py` translates the templates' names.
"""

from __future__ import annotations

import contextlib
import importlib
import io
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3
import pytest
from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics.provider.cold_start import reset_cold_start_flag
from moto import mock_aws

import status_tracker as st
from samples import make_samples
from status_tracker.operations.counts import recount
from status_tracker.sqs import TaskMessage, process_sqs_batch
from status_tracker_ops.clients import s3_client
from status_tracker_ops.handlers import measured
from tests.handlers.broom import Broom
from tests.handlers.bulk import Machine
from tests.handlers.support import Application, FakeContext, application, sqs_event
from tests.handlers.test_outages import S3, answered, raised
from tests.infra.expected import STEPS
from tests.infra.series import Series

INVOICE = (Path(make_samples.__file__).with_name("documents") / "invoice-1001.pdf").read_bytes()
REFUSAL = answered(403, "AccessDenied")
OUTAGE = raised(st.Postponed("an outage", retry_after=1))


def series_of(lines: str) -> set[Series]:
    """The metrics in what functions have printed (EMF), with each set of their dimensions."""
    found = set()
    for line in lines.splitlines():
        if not line.startswith("{") or '"_aws"' not in line:
            continue
        record = json.loads(line)
        for told in record["_aws"]["CloudWatchMetrics"]:
            for names in told["Dimensions"]:
                dimensions = frozenset((name, record[name]) for name in names)
                found |= {Series(told["Namespace"], metric["Name"], dimensions) for metric in told["Metrics"]}
    return found


@contextlib.contextmanager
def metrics_collected() -> Iterator[set[Series]]:
    """What is printed within the block, as series; they are there after it."""
    found: set[Series] = set()
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        yield found
    found |= series_of(printed.getvalue())


def of_the_application() -> set[Series]:
    """What the functions of the documents application send."""
    with pytest.MonkeyPatch.context() as patch, application(patch) as app, metrics_collected() as found:
        app.create_workflow()
        patch.setattr("botocore.endpoint.time.sleep", lambda _: None)
        s3 = S3()
        s3_client().meta.events.register_first("before-send.s3.*", s3)
        functions = Functions(app, s3)
        functions.take_in()
        for step in STEPS:
            functions.work_through(step)
        functions.begin_an_analysis(patch)
        functions.run_bulk_machines()
        functions.look_at_the_widget(patch)
        functions.read_the_stream(patch)
        functions.sweep(patch)
        s3_client().meta.events.unregister("before-send.s3.*", s3)
    return found


@dataclass
class Functions:
    """The functions, each of which has a process of its own on Lambda."""

    app: Application
    s3: S3
    started: set[str] = field(default_factory=set)

    def function(self, handler: str) -> Callable[..., Any]:
        """The function with that handler; its first invocation is a cold start."""
        module, _, name = handler.rpartition(".")
        context = FakeContext(function_name=handler, remaining_milliseconds=900_000)

        def invoke(event: Any, _context: object = None) -> Any:
            if handler not in self.started:
                self.started.add(handler)
                reset_cold_start_flag()
            Metrics().clear_metrics()
            return getattr(importlib.import_module(module), name)(event, context)

        return invoke

    def take_in(self) -> None:
        """An upload, the same again, and a message that is none."""
        upload = json.dumps(self.app.upload("new.pdf", INVOICE))
        for body in (upload, upload, "no message of ours"):
            self.function("status_tracker_ops.deployed.intake.handler")(sqs_event(body))

    def work_through(self, step: str) -> None:
        """All that an attempt at a step can come to."""
        pipeline = self.app.tasks.PIPELINE
        task_class = pipeline.step(step).task_class
        self._attempt(step, done := self._ready(step, "done"))
        self._attempt(step, done, st.TaskAlreadySucceedError)
        failing = self._ready(step, "failing")
        for _ in range(task_class.config.max_retry):
            self._attempt(step, failing, Exception, s3=REFUSAL)
        self._attempt(step, failing, st.NoMoreRetryError)
        self._attempt(step, self._ready(step, "outage"), st.Postponed, s3=OUTAGE)
        vanished = self._ready(step, "vanished")
        task_class.start(vanished, lock_expire_seconds=0.001).__enter__()
        self._attempt(step, vanished)
        cancelled = self._ready(step, "cancelled")

        def cancel() -> None:
            self.s3.meets = None
            task_class.cancel(cancelled, reason="not wanted", by="operator")

        self._attempt(step, cancelled, st.TaskLockLostError, s3=cancel)
        paused = self._ready(step, "paused")
        pipeline.pause(step, reason="a bad deployment")
        self._attempt(step, paused, st.TaskPausedError)
        pipeline.resume()

    def _ready(self, step: str, key: str) -> str:
        """A document that waits for that step."""
        task_id = self.app.register(f"{step}-{key}.pdf", INVOICE)
        for before in list(STEPS)[: list(STEPS).index(step)]:
            self._attempt(before, task_id)
        return task_id

    def _attempt(
        self,
        step: str,
        task_id: str,
        ends_with: type[BaseException] | None = None,
        *,
        s3: Callable[[], Any] | None = None,
    ) -> None:
        """An attempt; `s3` is what its requests to S3 meet."""
        self.s3.meets = s3
        with pytest.raises(ends_with) if ends_with else contextlib.nullcontext():
            self.function(STEPS[step].handler)({"task_id": task_id, "run": 0})
        self.s3.meets = None

    def begin_an_analysis(self, patch: pytest.MonkeyPatch) -> None:
        """Of a task that is not there any more: it comes to Textract in no other way."""
        patch.setenv("READER", "textract")
        assert self.function("start_analysis.handler")({"task_id": "gone.pdf#1", "run": 0}) == {"job_id": None}

    def run_bulk_machines(self) -> None:
        """A backfill and bulk actions, over what was uploaded and done before."""
        report = self.function("status_tracker_ops.deployed.bulk_report.handler")
        for name, work, given in (
            ("backfill", "register", {"prefix": ""}),
            ("bulk_rerun", "rerun", {"filter": {"statuses": ["ignored"]}, "reason": "again"}),
            ("bulk_cancel", "cancel", {"filter": {"statuses": ["pending"]}, "reason": "not wanted"}),
        ):
            plan, worker = (self.function(f"status_tracker_ops.deployed.{name}.{each}") for each in ("plan", work))
            Machine(self.app.s3, plan, worker, report, started="2099-01-01T00:00:00.000Z").run(given)

    def look_at_the_widget(self, patch: pytest.MonkeyPatch) -> None:
        for name in ("WIDGET_VIEWER_ARN", "WIDGET_ACTOR_ARN", "WIDGET_ADMIN_ARN", "LOG_GROUPS"):
            patch.setenv(name, "arn:aws:lambda:us-east-1:123456789012:function:example")
        asked = {"action": "ignore", "act_on": "Extract", "task_id": "no.pdf#1"}
        deed = {**asked, "request_id": "0" * 32, "drawn": "0" * 32, "widgetContext": {}}
        self.function("status_tracker_ops.deployed.widget.viewer")({"widgetContext": {}})
        self.function("status_tracker_ops.deployed.widget.actor")(deed)

    def read_the_stream(self, patch: pytest.MonkeyPatch) -> None:
        """A task that was created, by which counts are begun; they are corrected then, so that sweeps compare them."""
        patch.setattr("status_tracker.operations.counts.SETTLING_SECONDS", 0)
        board = "status_tracker.dynamodb.counts.DynamoCountBoard"
        patch.setattr(f"{board}.mark", lambda _: "read at once")
        patch.setattr(f"{board}.probe", lambda _: None)
        patch.setattr(f"{board}.is_reached", lambda *_: True)
        task_class = self.app.tasks.PIPELINE.first.task_class
        table = boto3.client("dynamodb", region_name="us-east-1")
        item = next(each for each in table.scan(TableName=task_class.Meta.table_name)["Items"] if "value" in each)
        written = {
            "NewImage": item,
            "Keys": {"key": item["key"]},
            "SequenceNumber": "1",
            "ApproximateCreationDateTime": 1,
        }
        event = {"Records": [{"eventID": "1", "eventName": "INSERT", "dynamodb": written}], "shardId": "1", "state": {}}
        self.function("status_tracker_ops.deployed.events.handler")(event)
        recount(self.app.tasks.PIPELINE)

    def sweep(self, patch: pytest.MonkeyPatch) -> None:
        """Two sweeps, so that the second knows what has ended since the first."""
        broom = Broom.of(self.app, patch)
        for _ in range(2):
            broom.wait(minutes=10)
            self.function("status_tracker_ops.deployed.sweep.handler")({})


class NotifyTask(st.BaseTask):
    """The tasks of a worker on a queue."""

    class Meta:
        table_name = "example-tasks"
        region = "us-east-1"
        billing_mode = "PAY_PER_REQUEST"

    status_and_update_time_index = st.StatusAndUpdateTimeIndex()
    config = st.TrackerConfig.make("example", 10, 20, 30, 40, 50, max_retry=1)


class InvoiceTask(NotifyTask):
    """What another worker does with them afterwards."""

    config = NotifyTask.config.next_step()


def of_a_worker(service: str, step: str) -> set[Series]:
    """What a worker on a queue sends: of a message that is none, and of tasks that end in every way."""
    with pytest.MonkeyPatch.context() as patch, mock_aws(), metrics_collected() as found:
        for name, value in {"AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing"}.items():
            patch.setenv(name, value)
        logger, metrics = Logger(), Metrics(namespace="StatusTracker", service=service)
        NotifyTask.create_table(wait=True)
        InvoiceTask.make_and_save("beyond", _status=InvoiceTask.config.failed_status)

        def work(execution: st.ExecutionContext[NotifyTask]) -> None:
            if execution.task.task_id == "failing":
                raise ValueError("the work fails")

        @measured(logger, metrics)
        def handler(event: dict[str, Any], context: FakeContext) -> Any:
            return process_sqs_batch(
                event,
                context,
                NotifyTask,
                work,
                parse=lambda body: TaskMessage(json.loads(body)["task_id"]),
                step=step,
                metrics=metrics,
                logger=logger,
                seconds_per_record=1,
                retry_seconds=1,
            )

        reset_cold_start_flag()
        for task_id in ("", "done", "failing", "beyond"):
            handler(sqs_event(json.dumps({"task_id": task_id})), FakeContext(function_name="notify.handler"))
        Metrics().clear_metrics()
    return found
