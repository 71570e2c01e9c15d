"""Steps on queues: nothing is lost, nothing is done twice, and whatever operates a pipeline operates these too."""

from __future__ import annotations

import importlib
from contextlib import suppress
from itertools import count
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.exceptions import ClientError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st_

import status_tracker as st
from status_tracker.operations.actions import Action
from status_tracker_ops.bulk.acting import act_handler, plan_handler
from status_tracker_ops.bulk.report import report_handler
from status_tracker_ops.executions import WorkflowRuns, execution_name
from status_tracker_ops.intake import backfill_handlers
from status_tracker_ops.queues import QueueRuns, run_message
from status_tracker_ops.steps import queue_handler, step_handler
from tests.handlers.bulk import Machine
from tests.handlers.orders import ARN, RETENTION, Orders, orders_of
from tests.handlers.support import FakeContext
from tests.unit.widget.page import Page

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.handlers.support import MetricsReader

REFUSED = ClientError({"Error": {"Code": "AccessDenied", "Message": "no"}}, "SendMessage")
VIEWER = "arn:aws:lambda:us-east-1:123456789012:function:viewer"
ACTOR = "arn:aws:lambda:us-east-1:123456789012:function:actor"


@pytest.fixture
def orders(monkeypatch: pytest.MonkeyPatch) -> Iterator[Orders]:
    """Both steps are on queues."""
    with orders_of(QueueRuns, monkeypatch) as app:
        yield app


@pytest.fixture
def mixed(monkeypatch: pytest.MonkeyPatch) -> Iterator[Orders]:
    """The first step is in a workflow, the second on a queue."""
    with orders_of(WorkflowRuns, monkeypatch) as app:
        monkeypatch.setenv("WORKFLOW_ARN", ARN)
        boto3.client("stepfunctions").create_state_machine(
            name=ARN.rsplit(":", 1)[1],
            definition='{"StartAt": "Done", "States": {"Done": {"Type": "Succeed"}}}',
            roleArn="arn:aws:iam::123456789012:role/example",
        )
        yield app


def test_from_queue_to_queue(orders: Orders) -> None:
    orders.submit("o-1")
    assert (orders.invoices.poll(), len(orders.mails)) == (1, 1)
    assert orders.mails.poll() == 1
    assert orders.done == ["Invoice o-1", "Mail o-1"]
    assert orders.task("o-1").status == orders.mail.config.succeeded_status
    assert (len(orders.invoices), len(orders.mails)) == (0, 0)


def test_a_repeated_message_is_harmless(orders: Orders, metrics: MetricsReader) -> None:
    for _ in range(3):
        orders.submit("o-1")
    assert orders.invoices.poll() == 3
    assert metrics.counts("Invoice")["TaskSucceeded"] == 1
    while len(orders.mails):  # each of the three has dispatched the next step, in case it was lost
        assert orders.mails.poll()
    assert orders.done == ["Invoice o-1", "Mail o-1"]
    assert "TaskNotStarted" not in metrics.counts("Mail")


@pytest.mark.parametrize("later", ["pending", "in progress", "failed", "succeeded", "ignored"])
def test_a_message_that_comes_when_the_task_is_in_the_next_step_is_deleted(
    orders: Orders, metrics: MetricsReader, later: str
) -> None:
    orders.submit("o-1")
    orders.invoices.poll()
    if later == "in progress":
        orders.mail.start("o-1").__enter__()
    elif later == "ignored":
        orders.mail.ignore("o-1", reason="not wanted")
    elif later != "pending":
        orders.failing = {"o-1": RuntimeError("no server")} if later == "failed" else {}
        orders.mails.poll()
    before = orders.task("o-1").attribute_values
    metrics.records()
    orders.invoices.send(run_message("o-1", 0))
    assert orders.invoices.poll() == 1
    assert orders.task("o-1").attribute_values == before
    assert "TaskNotStarted" not in metrics.counts("Invoice")


def test_a_message_for_a_later_step_than_the_task_is_in_is_deleted(orders: Orders) -> None:
    """One of before a rerun from the first step, which will dispatch the later step again."""
    orders.submit("o-1")
    orders.mails.send(run_message("o-1", 0))
    assert orders.mails.poll() == 1
    orders.invoices.poll()
    orders.mails.poll()
    assert orders.done == ["Invoice o-1", "Mail o-1"]


def test_the_message_of_a_task_that_was_deleted_makes_no_task(orders: Orders) -> None:
    orders.submit("o-1")
    orders.invoice.delete_all()
    assert orders.invoices.poll() == 1
    assert orders.task("o-1") is None


def test_a_failed_attempt_is_made_again_by_the_same_message(orders: Orders) -> None:
    orders.failing = {"o-1": RuntimeError("no printer")}
    orders.submit("o-1")
    assert (orders.invoices.poll(), len(orders.invoices)) == (0, 1)
    task = orders.task("o-1")
    assert (task.status, task.retry, task.run) == (30, 1, None)


def test_a_dispatch_of_the_next_step_that_fails_is_made_again_and_the_work_is_not(orders: Orders) -> None:
    orders.submit("o-1")
    with orders.monkeypatch.context() as patch:

        def refuse(_: object) -> None:
            raise REFUSED

        patch.setattr(orders.mail, "dispatch", refuse)
        assert orders.invoices.poll() == 0
    assert (orders.done, len(orders.mails)) == (["Invoice o-1"], 0)
    assert (orders.invoices.poll(), len(orders.mails)) == (1, 1)
    assert orders.done == ["Invoice o-1"]


@pytest.mark.parametrize(
    "body", ["no json", "[]", '{"run": 0}', '{"task_id": 7}', '{"task_id": "a", "run": "0"}', '{"task_id": ""}']
)
def test_a_message_that_asks_for_no_task_is_left_to_the_queue(
    orders: Orders, metrics: MetricsReader, body: str
) -> None:
    orders.invoices.send(body)
    assert (orders.invoices.poll(), len(orders.invoices)) == (0, 1)
    assert metrics.counts("Invoice") == {"BadMessage": 1}


def test_a_run_that_was_never_sent_is_sent_by_the_sweep(orders: Orders) -> None:
    orders.invoice.get_or_create("o-1")
    orders.sweep()
    assert len(orders.invoices) == 0
    orders.wait(minutes=5)
    orders.sweep()
    assert len(orders.invoices) == 1
    assert orders.task("o-1").run is None  # the run is the same: it was never started


def test_the_sweep_sends_again_only_when_the_queue_is_empty(orders: Orders) -> None:
    for number in range(3):
        orders.invoice.get_or_create(f"lost-{number}")
    orders.submit("other")
    orders.wait(minutes=10)
    orders.sweep()
    assert len(orders.invoices) == 1
    orders.invoices.poll()
    orders.sweep()
    assert len(orders.invoices) == 3  # what the sweep itself has sent hides none
    orders.sweep()
    assert len(orders.invoices) == 3
    orders.invoices.poll()
    assert sorted(orders.done) == ["Invoice lost-0", "Invoice lost-1", "Invoice lost-2", "Invoice other"]


def test_what_waits_for_longer_than_a_queue_that_is_never_empty_keeps_a_message_is_sent_again(orders: Orders) -> None:
    orders.invoice.get_or_create("lost")
    orders.wait(seconds=RETENTION.total_seconds() - 60)
    orders.submit("new")
    orders.sweep()
    assert len(orders.invoices) == 1
    orders.wait(minutes=2)
    orders.sweep()
    assert len(orders.invoices) == 2


def test_a_lost_message_of_a_task_that_was_begun_is_followed_by_a_new_run(orders: Orders) -> None:
    orders.failing = {"failed": RuntimeError("no printer")}
    orders.submit("failed")
    orders.invoices.poll()
    orders.invoice.get_or_create("stuck")
    orders.invoice.start("stuck", lock_expire_seconds=60).__enter__()
    orders.invoices.lose_all()
    orders.wait(minutes=10)
    orders.sweep()
    for task_id in ("failed", "stuck"):
        [action] = orders.task(task_id).errors["actions"]
        assert (action["action"], action["by"], orders.task(task_id).run) == ("restart", "sweep", 1)
    assert orders.invoices.poll() == 2
    assert sorted(orders.done) == ["Invoice failed", "Invoice stuck"]


def test_a_lost_dispatch_of_the_next_step_is_found_by_the_sweep(orders: Orders) -> None:
    orders.submit("o-1")
    orders.invoices.poll()
    orders.mails.lose_all()
    orders.wait(minutes=5)
    orders.sweep()
    orders.mails.poll()
    assert orders.done == ["Invoice o-1", "Mail o-1"]


def test_what_has_ended_is_no_run_that_goes_on(orders: Orders) -> None:
    orders.submit("o-1")
    orders.invoices.poll()
    orders.mails.poll()
    orders.mails.send(run_message("other", 0))
    assert orders.mail.run_state(orders.task("o-1")) is st.RunState.ENDED


def test_a_queue_is_asked_every_few_seconds_at_most(orders: Orders) -> None:
    orders.monkeypatch.setattr("status_tracker_ops.queues.ASKED_AGAIN_SECONDS", 3600)
    orders.submit("o-1")
    task, _ = orders.invoice.get_or_create("o-2")
    assert orders.invoice.run_state(task) is st.RunState.RUNNING
    orders.invoices.poll()
    assert orders.invoice.run_state(task) is st.RunState.RUNNING
    orders.monkeypatch.setattr("status_tracker_ops.queues.ASKED_AGAIN_SECONDS", 0)
    assert orders.invoice.run_state(task) is st.RunState.NEVER_STARTED


@pytest.mark.parametrize("step", [None, "Invoice"])
def test_a_paused_step_begins_nothing_and_loses_nothing(orders: Orders, step: str | None) -> None:
    """R20."""
    orders.submit("o-1")
    orders.pipeline.pause(step, reason="a bad deployment", by="operator")
    assert (orders.invoices.poll(), len(orders.invoices), orders.done) == (0, 1, [])
    orders.invoices.lose_all()  # as after too many receives
    orders.wait(minutes=10)
    orders.sweep()
    assert len(orders.invoices) == 0
    orders.pipeline.resume(step)
    orders.sweep()
    orders.invoices.poll()
    assert (orders.done, orders.task("o-1").retry) == (["Invoice o-1"], 0)


def test_a_next_step_that_is_paused_is_dispatched_by_the_sweep_after_the_pause(orders: Orders) -> None:
    """R20."""
    orders.submit("o-1")
    orders.pipeline.pause("Mail", reason="the server is away")
    assert (orders.invoices.poll(), len(orders.mails)) == (1, 0)
    orders.pipeline.resume("Mail")
    orders.wait(minutes=5)
    orders.sweep()
    orders.mails.poll()
    assert orders.done == ["Invoice o-1", "Mail o-1"]


def test_a_cancelled_task_refuses_its_message(orders: Orders) -> None:
    """R18."""
    task = orders.submit("o-1")
    orders.invoice.cancel("o-1", reason="not wanted", by="operator")
    orders.invoice.recall(task)
    assert orders.invoices.poll() == 1
    assert (orders.done, orders.task("o-1").status) == ([], 50)
    orders.wait(minutes=10)
    orders.sweep()
    assert len(orders.invoices) == 0


def test_a_sweep_of_a_pipeline_without_bucket_registers_and_counts_no_objects(
    orders: Orders, metrics: MetricsReader
) -> None:
    orders.submit("o-1")
    orders.sweep()
    steps = {record["step"] for record in metrics.records() if "step" in record}
    assert steps == {"Invoice", "Mail", "Sweep"}


def test_the_widget_of_a_pipeline_without_workflow_shows_and_reruns(orders: Orders) -> None:
    orders.monkeypatch.setenv("WIDGET_VIEWER_ARN", VIEWER)
    orders.monkeypatch.setenv("WIDGET_ACTOR_ARN", ACTOR)
    orders.monkeypatch.setenv("WIDGET_ADMIN_ARN", "admin")
    orders.monkeypatch.setenv("LOG_GROUPS", "invoice,mail")
    orders.submit("o-1")
    orders.invoices.poll()
    orders.mails.lose_all()
    orders.mail.ignore("o-1", reason="not wanted")
    handlers = importlib.import_module("status_tracker_ops.widget.handler")
    viewer, actor = handlers.viewer_handler(orders.pipeline), handlers.actor_handler(orders.pipeline)
    event = {"view": "task", "task_id": "o-1", "widgetContext": {}}
    page = Page(viewer(event, FakeContext()))
    assert "Log lines" in page.text
    assert "Execution" not in page.text
    for step, queue in (("Invoice", orders.invoices), ("Mail", orders.mails)):
        button = Page(viewer(event, FakeContext())).call(f"Rerun from {step}")
        done = Page(actor({**button.values, "widgetContext": {}}, FakeContext()))
        assert f"is now pending in {step}" in done.text
        assert queue.poll() == 1
        if step == "Invoice":
            orders.mails.lose_all()
            orders.mail.ignore("o-1", reason="not wanted")
    assert orders.done == ["Invoice o-1", "Invoice o-1", "Mail o-1"]


def test_a_bulk_rerun_sends_each_task_once(orders: Orders) -> None:
    for number in range(3):
        orders.submit(f"o-{number}")
    orders.invoices.lose_all()
    for number in range(3):
        orders.invoice.ignore(f"o-{number}", reason="not wanted")
    rerun = Action.RERUN
    functions = plan_handler(orders.pipeline, rerun), act_handler(orders.pipeline, rerun), report_handler()
    machine = Machine(boto3.client("s3"), *functions, started="2099-01-01T00:00:00.000Z", results="reports")
    given = {"filter": {"statuses": ["ignored"]}, "reason": "wanted after all"}
    assert machine.run(given)["counts"] == {"planned": 3, "done": 3, "failed": 0}
    assert len(orders.invoices) == 3
    orders.invoices.poll()
    assert sorted(orders.done) == ["Invoice o-0", "Invoice o-1", "Invoice o-2"]


def test_a_backfill_without_a_bucket_says_what_is_missing(orders: Orders) -> None:
    plan = backfill_handlers.plan_handler(orders.pipeline)
    event = {"input": {"prefix": ""}, "execution": "e", "started": "2026-03-02T09:00:00.000Z", "progress": {}}
    with pytest.raises(ValueError, match="BUCKET is missing or empty"):
        plan(event, FakeContext(remaining_milliseconds=900_000))


def test_a_missing_queue_is_named(orders: Orders) -> None:
    orders.monkeypatch.delenv("QUEUE_URL_INVOICE")
    with pytest.raises(ValueError, match="QUEUE_URL_INVOICE is missing or empty: set it to the URL of the queue"):
        orders.submit("o-1")


def test_a_queue_that_cannot_be_asked_keeps_no_other_step_from_its_turn(orders: Orders) -> None:
    orders.submit("o-1")
    orders.invoices.poll()
    orders.mails.lose_all()
    orders.invoice.get_or_create("lost")
    orders.wait(minutes=5)
    with orders.monkeypatch.context() as patch:
        patch.delenv("QUEUE_URL_INVOICE")
        with pytest.raises(ExceptionGroup):
            orders.sweep()
    assert (len(orders.invoices), len(orders.mails)) == (0, 1)


@pytest.mark.parametrize("kind", [step_handler, queue_handler])
def test_then_is_the_next_step(orders: Orders, kind: Any) -> None:
    with pytest.raises(ValueError, match="then is Invoice, which does not follow Mail: the steps are Invoice, Mail"):
        kind(orders.pipeline, orders.mail, print, then=orders.invoice)


EVENTS = (
    "submit",
    "make",
    "send again",
    "fail",
    "crash",
    "lose",
    "poll invoices",
    "poll mails",
    "sweep",
    "refuse to send",
)
_numbers = count()


def happen(orders: Orders, event: str, task_id: str) -> None:
    """What may happen to an application, and to one of its tasks."""
    if event == "submit":
        orders.submit(task_id)
    elif event == "make":  # and whatever made it has died
        orders.invoice.get_or_create(task_id)
    elif event == "send again":
        orders.invoices.send(run_message(task_id, 0))
        orders.mails.send(run_message(task_id, 0))
    elif event == "fail":
        orders.failing[task_id] = RuntimeError("no printer")
    elif event == "crash":
        with suppress(st.TaskExecutionError):
            orders.invoice.start(task_id, lock_expire_seconds=60).__enter__()
    elif event == "lose":
        orders.invoices.lose_all()
        orders.mails.lose_all()
    elif event == "poll invoices":
        orders.invoices.poll()
    elif event == "poll mails":
        orders.mails.poll()
    elif event == "refuse to send":
        with orders.monkeypatch.context() as patch:
            patch.setenv("QUEUE_URL_MAIL", "")
            orders.invoices.poll()
    else:
        orders.sweep()


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st_.lists(st_.tuples(st_.sampled_from(EVENTS), st_.sampled_from("ab")), max_size=14, unique=True))
def test_whatever_happens_each_step_of_each_task_is_done_once(orders: Orders, events: list[tuple[str, str]]) -> None:
    orders.done.clear()
    tasks = {name: f"{name}-{next(_numbers)}" for name in "ab"}
    for event, name in events:
        with suppress(ExceptionGroup):  # of a sweep; the next one goes on
            happen(orders, event, tasks[name])
    orders.failing.clear()
    made = sorted(task_id for task_id in tasks.values() if orders.task(task_id) is not None)
    for _ in range(4):
        orders.invoices.lose_all()  # so that no message is waited for
        orders.mails.lose_all()
        orders.wait(minutes=10)
        orders.sweep()
        while orders.invoices.poll() + orders.mails.poll():
            pass
    assert sorted(orders.done) == sorted(f"{step} {task_id}" for step in ("Invoice", "Mail") for task_id in made)
    assert {orders.task(task_id).status for task_id in made} <= {orders.mail.config.succeeded_status}


def invoke(orders: Orders, task_id: str) -> None:
    orders.invoice_handler({"task_id": task_id, "run": 0}, FakeContext())


def test_from_a_workflow_to_a_queue(mixed: Orders) -> None:
    mixed.submit("o-1")
    assert mixed.executions() == [("o-1", 0)]
    invoke(mixed, "o-1")
    assert mixed.mails.poll() == 1
    assert mixed.done == ["Invoice o-1", "Mail o-1"]


def test_a_workflow_that_finds_its_step_succeeded_dispatches_the_next_one_again(mixed: Orders) -> None:
    mixed.submit("o-1")
    invoke(mixed, "o-1")
    mixed.mails.lose_all()
    with pytest.raises(st.TaskAlreadySucceedError):
        invoke(mixed, "o-1")
    assert mixed.mails.poll() == 1
    with pytest.raises(st.TaskIsNotReadyToStartError):
        invoke(mixed, "o-1")
    assert len(mixed.mails) == 0
    assert mixed.done == ["Invoice o-1", "Mail o-1"]


def test_a_sweep_asks_for_each_step_what_drives_it(mixed: Orders) -> None:
    for task_id in ("running", "stopped", "mailed"):
        mixed.submit(task_id)
    invoke(mixed, "mailed")
    mixed.mails.lose_all()
    machine = ARN.replace(":stateMachine:", ":execution:")
    boto3.client("stepfunctions").stop_execution(executionArn=f"{machine}:{execution_name('stopped', 0)}")
    mixed.wait(minutes=5)
    mixed.sweep()
    assert mixed.executions() == [("mailed", 0), ("running", 0), ("stopped", 0), ("stopped", 1)]
    assert mixed.mails.poll() == 1
    assert mixed.task("mailed").status == mixed.mail.config.succeeded_status
