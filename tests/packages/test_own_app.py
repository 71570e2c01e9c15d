"""`examples/own_app`: an app that has nothing of the checkout but the wheels, on this machine from end to end."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator
from typing import Any

import pytest

from release.distributions import ROOT
from tests.packages.installing import Environment
from tests.packages.terminal import Terminal, copied, eventually, local_cloud
from tests.support.projects import refused
from tests.unit.widget.page import Page

APP = ROOT / "examples" / "own_app"
MOST_LINES_OF_STACK = 40
MOST_LINES_OF_TASKS_AND_HANDLERS = 30
MAIL = "--task orders.tasks:MailTask"
SWEEP = "status_tracker_ops.deployed.sweep.handler"
VIEWER, ACTOR = "status_tracker_ops.deployed.widget.viewer", "status_tracker_ops.deployed.widget.actor"
CONTEXT: dict[str, Any] = {"widgetContext": {}}

WITH_NAG = """
import aws_cdk as cdk
from cdk_nag import AwsSolutionsChecks
from stack import OrdersStack

app = cdk.App(context={"aws:cdk:bundling-stacks": []})
cdk.Validations.of(app).add_plugins(AwsSolutionsChecks())
OrdersStack(app, "orders")
app.synth()
"""

CORRECTED = """
from orders.tasks import MailTask
task = MailTask.get_one_or_none("{order}")
task.update(actions=[MailTask.data.set({{**task.data, "customer": "ada@example.com"}})])
"""

LOST = """
from datetime import timedelta
from orders.tasks import {task_class} as Task
order = {{"customer": "ada@example.com", "lines": [{{"quantity": 1, "cents": 100}}], "total_cents": 100}}
Task.make_and_save("{order}", order, update_time=Task.config.now() - timedelta(hours=1))
"""

SUBSCRIBED = """
import json, os, boto3
from pathlib import Path
outputs = json.loads(Path(os.environ["STATUS_TRACKER_OUTPUTS"]).read_text())["orders"]
boto3.client("sqs").create_queue(QueueName="told")
arn = "arn:aws:sqs:us-east-1:123456789012:told"
topic, raw = outputs["SetAsideTopicArn"], {"RawMessageDelivery": "true"}
boto3.client("sns").subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn, Attributes=raw)
"""

RECEIVED = """
import json, boto3
sqs = boto3.client("sqs")
url = sqs.get_queue_url(QueueName="told")["QueueUrl"]
messages = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, VisibilityTimeout=0).get("Messages", [])
print(json.dumps([json.loads(each["Body"]) for each in messages]))
"""

INVOKED = """
import json, sys, boto3
name, event = sys.argv[1:]
functions = boto3.client("lambda")
(found,) = [each["FunctionName"] for each in functions.list_functions()["Functions"] if each["Handler"] == name]
answer = functions.invoke(FunctionName=found, Payload=event)
assert "FunctionError" not in answer, answer["Payload"].read()
print(answer["Payload"].read().decode())
"""


@pytest.fixture(scope="module")
def terminal(installed: Environment, tmp_path_factory: pytest.TempPathFactory) -> Terminal:
    return Terminal(copied(APP, tmp_path_factory.mktemp("own") / "app"), installed)


@pytest.fixture(scope="module")
def orders(terminal: Terminal) -> Iterator[Terminal]:
    """A terminal in which the variables of the deployed app are set."""
    with local_cloud(terminal) as beside:
        yield beside


def show(orders: Terminal, order: str, task_class: str = "") -> dict[str, Any]:
    found: dict[str, Any] = json.loads(orders.run(f"status-tracker show {order} {task_class} --json"))
    return found


def ended(orders: Terminal, order: str, status: str, task_class: str = MAIL) -> dict[str, Any]:
    """The order, as soon as it has that status of that step."""

    def look() -> dict[str, Any] | None:
        found = show(orders, order, task_class)
        return found if found["status"] == status else None

    return eventually(look)


def python(orders: Terminal, program: str, *arguments: str) -> str:
    (orders.folder.parent / "typed.py").write_text(program)  # a new file in the app would have it deployed again
    return orders.run(shlex.join(["python", "../typed.py", *arguments]))


def invoke(orders: Terminal, handler: str, event: dict[str, Any]) -> Any:
    return json.loads(python(orders, INVOKED, handler, json.dumps(event)))


# Without a cloud


def lines_of(*files: str) -> int:
    """The lines of all files together that hold code: neither empty ones nor the docstring at the top."""
    texts = [(APP / file).read_text() for file in files]
    return sum(1 for text in texts for line in text.splitlines() if line.strip() and not line.startswith(('"', "#")))


def test_the_stack_and_the_steps_are_short() -> None:
    assert lines_of("stack.py") <= MOST_LINES_OF_STACK
    assert lines_of("src/orders/tasks.py", "src/invoice.py", "src/mail.py") <= MOST_LINES_OF_TASKS_AND_HANDLERS


def test_it_names_no_document_and_nothing_of_the_checkout() -> None:
    texts = {path: path.read_text() for path in APP.rglob("*") if path.suffix in {".py", ".json", ".txt", ".ini"}}
    assert [path.name for path, text in texts.items() if "document" in text.lower() or ".." in text] == []


@pytest.mark.parametrize("arguments", [(), ("order-1",), ("order-1", "ada@example.com", "2x250")])
def test_the_way_in_says_how_it_is_called(arguments: tuple[str, ...]) -> None:
    told = refused(APP, "orders.submit", *arguments)
    assert told.startswith("usage: python -m orders.submit [-h] ORDER CUSTOMER [QUANTITY:CENTS ...]\n")


def test_its_own_tests_pass(terminal: Terminal) -> None:
    assert "4 passed" in terminal.run("python -m pytest")


def test_cdk_nag_finds_nothing(terminal: Terminal) -> None:
    (terminal.folder / "with_nag.py").write_text(WITH_NAG)
    terminal.run("python with_nag.py")


# In the local cloud


def test_a_good_order_is_invoiced_by_the_workflow_and_mailed_by_the_queue(orders: Terminal) -> None:
    assert orders.run("python -m orders.submit good ada@example.com 2:250 1:99") == "good: submitted\n"
    done = ended(orders, "good", "succeeded")
    assert (done["data"]["total_cents"], done["data"]["mailed_to"]) == (599, "ada@example.com")
    assert orders.run("python -m orders.submit good ada@example.com 9:9") == "good: known already\n"
    assert show(orders, "good", MAIL) == done


def test_a_hopeless_order_is_set_aside_at_once(orders: Terminal) -> None:
    orders.run("python -m orders.submit hopeless ada@example.com")
    ignored = ended(orders, "hopeless", "ignored", "")
    assert ignored["retry"] == 1
    assert "there is nothing to pay" in ignored["errors"]["history"][0]["error"]
    assert "hopeless" in orders.run("status-tracker ls --status ignored")


def test_whoever_has_subscribed_is_told_of_an_order_that_is_set_aside(orders: Terminal) -> None:
    python(orders, SUBSCRIBED)
    orders.run("python -m orders.submit told ada@example.com")

    def told() -> list[dict[str, Any]]:
        events: list[dict[str, Any]] = json.loads(python(orders, RECEIVED))
        return [event for event in events if event["detail"]["task_id"] == "told"]

    event = eventually(told)[0]
    assert (event["detail-type"], event["detail"]["step"], event["detail"]["run"]) == ("Task Ignored", "Invoice", 0)
    assert "there is nothing to pay" in event["detail"]["reason"]


def test_a_failing_order_is_tried_three_times_and_run_again_when_it_is_corrected(orders: Terminal) -> None:
    orders.run("python -m orders.submit failing ada 1:100")
    ignored = ended(orders, "failing", "ignored")
    assert len(ignored["errors"]["history"]) == 3
    python(orders, CORRECTED.format(order="failing"))
    orders.run(f"status-tracker rerun failing {MAIL} --reason 'the address is corrected' --yes")
    done = ended(orders, "failing", "succeeded")
    assert (done["data"]["mailed_to"], done["run"]) == ("ada@example.com", 1)


@pytest.mark.parametrize(("order", "task_class"), [("lost-start", "InvoiceTask"), ("lost-message", "MailTask")])
def test_the_sweep_finds_what_was_lost(orders: Terminal, order: str, task_class: str) -> None:
    python(orders, LOST.format(order=order, task_class=task_class))

    def swept() -> bool:
        invoke(orders, SWEEP, {})
        return bool(show(orders, order, MAIL)["status"] == "succeeded")

    assert eventually(swept)


def test_the_widget_shows_an_order_and_runs_it_again(orders: Terminal) -> None:
    orders.run("python -m orders.submit shown ada@example.com")
    ended(orders, "shown", "ignored", "")
    assert {"Invoice", "Mail"} <= set(Page(invoke(orders, VIEWER, CONTEXT)).text.split())
    page = Page(invoke(orders, VIEWER, {"view": "task", "task_id": "shown", **CONTEXT}))
    assert "there is nothing to pay" in page.text
    done = Page(invoke(orders, ACTOR, {**page.call("Rerun from Invoice").values, **CONTEXT}))
    assert "is now pending in Invoice" in done.text
    again = eventually(lambda: (found := ended(orders, "shown", "ignored", ""))["run"] and found)
    assert len(again["errors"]["history"]) == 2


def test_the_command_counts_them(orders: Terminal) -> None:
    orders.run("python -m orders.submit counted ada@example.com 1:1")
    ended(orders, "counted", "succeeded")
    counts = json.loads(orders.run(f"status-tracker stats {MAIL} --json"))
    assert {each["status"]: each["tasks"] for each in counts["statuses"]}["succeeded"] >= 1


def test_the_variables_are_those_of_the_deployed_functions(orders: Terminal) -> None:
    told = orders.run('unset STATUS_TRACKER_TASK TASK_TABLE_NAME\neval "$(status-tracker env orders)"\nenv')
    assert "STATUS_TRACKER_TASK=orders.tasks:PIPELINE" in told.splitlines()
    assert "TASK_TABLE_NAME=orders-" in told
