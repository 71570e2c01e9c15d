"""`env`: the variables that a deployed stack is worked on with."""

from __future__ import annotations

import json
import shlex
import subprocess
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from moto import mock_aws

if TYPE_CHECKING:
    from collections.abc import Iterator

SETTINGS = {
    "TASK_TABLE_NAME": "tasks",
    "USE_CASE_ID": "it's $HOME",
    "MAX_ATTEMPTS": "3",
    "STATUS_TRACKER_TASK": "orders.tasks:PIPELINE",
}
QUEUES = {"QUEUE_URL": "https://sqs/mail", "QUEUE_URL_INVOICE": "https://sqs/invoices", "SHIP_QUEUE_URL": "https://s"}
OPERATING = "status_tracker_ops.deployed.sweep.handler"


@pytest.fixture(autouse=True)
def _aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in ("AWS_PROFILE", "AWS_REGION", "AWS_ENDPOINT_URL"):
        monkeypatch.delenv(name, raising=False)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    with mock_aws():
        yield


def deploy(functions: dict[str, dict[str, str]], region: str = "eu-west-1", **handlers: str) -> None:
    """Deploy the stack ``s`` of these functions, with their variables."""
    role = {"Type": "AWS::IAM::Role", "Properties": {"AssumeRolePolicyDocument": {"Statement": []}}}
    resources: dict[str, Any] = {"Role": role}
    for name, variables in functions.items():
        properties: dict[str, Any] = {
            "Code": {"ZipFile": "def handler(event, context): ..."},
            "Handler": handlers.get(name, "index.handler"),
            "Role": {"Fn::GetAtt": ["Role", "Arn"]},
            "Runtime": "python3.12",
        }
        if variables:
            properties["Environment"] = {"Variables": variables}
        resources[name] = {"Type": "AWS::Lambda::Function", "Properties": properties}
    body = json.dumps({"Resources": resources})
    boto3.client("cloudformation", region_name=region).create_stack(StackName="s", TemplateBody=body)


def evaluated(printed: str) -> dict[str, str]:
    """The variables of a shell that has evaluated the lines."""
    script = f"eval {shlex.quote(printed)}\nenv"
    environment = subprocess.check_output(["/bin/sh", "-c", script], env={"PATH": "/usr/bin:/bin"}, text=True)  # noqa: S603
    return dict(line.split("=", 1) for line in environment.splitlines())


def test_a_shell_takes_them_as_they_are(run: Any) -> None:
    deploy({"Other": {}, "Partial": {"WORKFLOW_ARN": "x"}, "Worker": {**SETTINGS, **QUEUES, "SECRET": "hush"}})
    answer = run("env", "s")
    assert answer.code == 0
    told = evaluated(answer.out)
    assert {name: told[name] for name in SETTINGS | QUEUES} == SETTINGS | QUEUES
    assert told["STATUS_TRACKER_STACK"] == "s"
    assert not {"SECRET", "WORKFLOW_ARN", "BUCKET"} & set(told)
    assert answer.out.splitlines()[-1].startswith("# The command imports orders.tasks: have its code")


def test_they_are_gathered_from_all_functions_of_the_tracker_the_operating_ones_first(run: Any) -> None:
    deploy(
        {
            "Archive": {**SETTINGS, "RESULT_BUCKET": "archive"},
            "Sweep": {**SETTINGS, "WORKFLOW_ARN": "flow", "BUCKET": "uploads", "RESULT_BUCKET": "reports"},
            "Worker": {**SETTINGS, **QUEUES},
        },
        Sweep=OPERATING,
    )
    told = evaluated(run("env", "s").out)
    assert {told[name] for name in ("WORKFLOW_ARN", "BUCKET", "RESULT_BUCKET")} == {"flow", "uploads", "reports"}
    assert told["QUEUE_URL"] == QUEUES["QUEUE_URL"]


def test_of_several_trackers_one_is_chosen(run: Any) -> None:
    others = {**SETTINGS, "USE_CASE_ID": "returns", "TASK_TABLE_NAME": "returned"}
    deploy({"Orders": {**SETTINGS, "USE_CASE_ID": "orders"}, "Returns": others})
    answer = run("env", "s")
    assert (answer.code, answer.out) == (2, "")
    assert "The stack s has several trackers: choose one with --use-case, of orders, returns." in answer.err
    assert evaluated(run("env", "s", "--use-case", "returns").out)["TASK_TABLE_NAME"] == "returned"
    wrong = run("env", "s", "--use-case", "return")
    assert wrong.code == 2
    assert "has no tracker of the use case 'return', only of orders, returns" in wrong.err


def test_trackers_of_one_use_case_on_two_tables_are_two(run: Any) -> None:
    tables = ("sold", "returned")
    deploy({name.title(): {**SETTINGS, "USE_CASE_ID": "orders", "TASK_TABLE_NAME": name} for name in tables})
    answer = run("env", "s", "--use-case", "orders")
    assert answer.code == 2
    assert "only of orders@returned, orders@sold" in answer.err
    assert evaluated(run("env", "s", "--use-case", "orders@sold").out)["TASK_TABLE_NAME"] == "sold"


def test_a_stack_of_something_else_is_told(run: Any) -> None:
    deploy({"Other": {}, "Partial": {"USE_CASE_ID": "x"}})
    answer = run("env", "s")
    assert (answer.code, answer.out) == (2, "")
    assert "The stack s has no function with the variables STATUS_TRACKER_TASK and USE_CASE_ID" in answer.err


def test_a_stack_that_is_not_there_is_told(run: Any) -> None:
    answer = run("env", "nowhere")
    assert (answer.code, answer.out) == (3, "")
    assert "nowhere does not exist" in answer.err


def test_the_stack_of_another_region(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    deploy({"Worker": SETTINGS}, region="eu-central-1")
    assert run("env", "s").code == 3
    assert run("env", "s", "--region", "eu-central-1").code == 0
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    monkeypatch.setenv("AWS_REGION", "eu-central-1")
    assert run("env", "s").code == 0
