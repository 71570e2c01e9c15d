"""An application of somebody else, outside of the checkout: orders are invoiced by a workflow and mailed by a queue."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from aws_cdk import App, Duration, Stack, Validations, assertions
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_sns as sns
from aws_cdk import aws_stepfunctions as sfn
from cdk_nag import AwsSolutionsChecks
from constructs import Construct

from status_tracker_cdk import (
    AlarmProps,
    Backfill,
    BulkCommons,
    DataProps,
    Dispatch,
    ExistingTable,
    FunctionCommons,
    Intake,
    LogProps,
    Monitoring,
    RetryProps,
    Sweep,
    TrackedStep,
    Tracker,
    TrackerLayer,
    Watched,
    Widget,
)
from status_tracker_cdk.access import acknowledge
from status_tracker_cdk.code import CodeFolder
from tests.infra.synthesis import Synthesized, prod_settings

PIPELINE = "orders.tasks:PIPELINE"
INVOICES, LETTERS, THREE = (f"orders.tasks:{name}" for name in ("INVOICES", "LETTERS", "THREE"))
FILES: Mapping[str, str] = {
    "orders/__init__.py": "",
    "orders/tasks.py": """
import status_tracker as st
from status_tracker.operations.pipeline import Pipeline
from status_tracker_ops.executions import WorkflowRuns
from status_tracker_ops.queues import QueueRuns
from status_tracker_ops.settings import TrackerSettings

settings = TrackerSettings.from_environment()


class Order(st.BaseTask):
    class Meta:
        table_name = settings.task_table_name

    status_and_update_time_index = st.StatusAndUpdateTimeIndex()


class InvoiceTask(WorkflowRuns, Order):
    config = st.TrackerConfig.make(settings.use_case_id, 10, 20, 30, 40, 50, max_retry=settings.max_attempts)


class MailTask(QueueRuns, Order):
    config = InvoiceTask.config.next_step()


class ShipTask(WorkflowRuns, Order):
    config = MailTask.config.next_step()


PIPELINE = Pipeline({"Invoice": InvoiceTask, "Mail": MailTask})
INVOICES = Pipeline({"Invoice": InvoiceTask})
LETTERS = Pipeline({"Mail": MailTask})
THREE = Pipeline({"Invoice": InvoiceTask, "Mail": MailTask, "Ship": ShipTask})
""",
    "invoice.py": """
from orders.tasks import PIPELINE, InvoiceTask, MailTask
from status_tracker_ops.steps import step_handler

handler = step_handler(PIPELINE, InvoiceTask, lambda execution, event: None, then=MailTask)
""",
    "mail.py": """
from orders.tasks import PIPELINE, MailTask
from status_tracker_ops.steps import queue_handler

handler = queue_handler(PIPELINE, MailTask, lambda execution, event: None)
""",
}
STACKS = ("Shop-prod", "Shop-test", "Bare", "Parts")


def write_code(folder: Path) -> Path:
    """The code of the application in `folder`."""
    for name, text in FILES.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


@cache
def code() -> Path:
    """The code, outside of the checkout."""
    _kept.append(folder := tempfile.TemporaryDirectory(prefix="own-app-"))
    return write_code(Path(folder.name))


_kept: list[tempfile.TemporaryDirectory[str]] = []


def app_without_context() -> App:
    """An app without the feature flags of this checkout, whose assets are not bundled."""
    return App(context={"aws:cdk:bundling-stacks": []})


def tracker_in(scope: Construct, construct_id: str = "Orders", **options: Any) -> Tracker:
    """A tracker without steps."""
    return Tracker(scope, construct_id, **{"pipeline": PIPELINE, "code": code(), **options})


def with_steps(tracker: Tracker) -> Tracker:
    """The same with both steps: one in a workflow, one on a queue."""
    invoice = tracker.step("Invoice", handler="invoice.handler", timeout=Duration.minutes(2))
    mail = tracker.step("Mail", handler="mail.handler")
    tracker.workflow(invoice)
    tracker.queue_worker(mail)
    return tracker


@cache
def own_stacks() -> Mapping[str, Synthesized]:
    """The stacks of an app with all that a tracker can be, synthesized at once, with cdk-nag on."""
    app = app_without_context()
    Validations.of(app).add_plugins(AwsSolutionsChecks())
    stacks = [_shop(app, "Shop-prod"), _shop(app, "Shop-test"), _bare(app), _parts(app)]
    templates = [assertions.Template.from_stack(stack) for stack in stacks]
    return {
        stack.stack_name: Synthesized(stack, prod_settings(), template.to_json())
        for stack, template in zip(stacks, templates, strict=True)
    }


def _shop(app: App, name: str) -> Stack:
    """Two trackers on one table; the second takes in uploads."""
    stack = Stack(app, name)
    orders = with_steps(tracker_in(stack))
    returns = with_steps(tracker_in(stack, "Returns", table=orders.table, layer=orders.layer))
    returns.on_upload(_bucket(stack))
    return stack


def _bare(app: App) -> Stack:
    """Nothing that is optional."""
    stack = Stack(app, "Bare")
    off = dict.fromkeys(("sweep", "widget", "monitoring", "bulk_rerun", "events"), False)
    options = {"pipeline": INVOICES, "use_case_id": "orders", "data": DataProps(retain_data=False), **off}
    tracker = tracker_in(stack, "Default", **options)
    invoice = tracker.step("Invoice", handler="invoice.handler")
    tracker.queue_worker(invoice)
    return stack


def _parts(app: App) -> Stack:
    """Parts that stand alone, on a table, a state machine, a bucket and a topic that are there already."""
    stack = Stack(app, "Parts")
    table = ExistingTable(dynamodb.Table.from_table_name(stack, "Table", "tasks"))
    arn = "arn:aws:states:us-east-1:123456789012:stateMachine:mine"
    machine = sfn.StateMachine.from_state_machine_arn(stack, "Machine", arn)
    dispatch, bucket = Dispatch(state_machine=machine), s3.Bucket.from_bucket_name(stack, "Uploads", "uploads")
    folder = CodeFolder(code())
    commons = FunctionCommons(
        name="parts",
        code=folder.asset,
        layer=TrackerLayer(stack, "Layer", functions=folder.path),
        pipeline=PIPELINE,
        use_case_id="orders",
        table_name="tasks",
        retries=RetryProps(),
        logs=LogProps(),
    )
    step = TrackedStep(
        stack, "Invoice", commons=commons, handler="invoice.handler", statements=[table.allow_items("UpdateItem")]
    )
    sweep = Sweep(stack, "Sweep", commons=commons, table=table, dispatch=dispatch)
    widget = Widget(stack, "Widget", commons=commons, table=table, dispatch=dispatch, logged_by=[step.function])
    intake = Intake(stack, "Intake", commons=commons, table=table, dispatch=dispatch, bucket=bucket)
    files = BulkCommons(
        functions=commons, results=_bucket(stack), table=table, dispatch=dispatch, bucket=bucket, work_memory_mb=256
    )
    watched = Watched(
        name="parts",
        task_table=table,
        tracked_steps=[step],
        alarms=AlarmProps(alarm_email="operations@example.com"),
        state_machine=machine,
        intake=intake,
        sweep=sweep,
        bulk_machines={"Backfill": Backfill(stack, "Backfill", commons=files)},
    )
    topic = sns.Topic.from_topic_arn(stack, "Topic", "arn:aws:sns:us-east-1:123456789012:mine")
    Monitoring(stack, "Monitoring", watched=watched, topic=topic, extra_widgets=[widget.widget])
    return stack


def _bucket(stack: Stack) -> s3.Bucket:
    bucket = s3.Bucket(stack, "Bucket", enforce_ssl=True, block_public_access=s3.BlockPublicAccess.BLOCK_ALL)
    acknowledge(bucket, "S1", "Who reads what is not looked at in these tests.")
    return bucket
