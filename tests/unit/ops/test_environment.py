"""The variables that a deployed stack is worked on with."""

from __future__ import annotations

import shlex
import subprocess
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber

from documents.environment import exports

SETTINGS = {
    "TASK_TABLE_NAME": "tasks",
    "USE_CASE_ID": "it's $HOME",
    "MAX_ATTEMPTS": "3",
    "DOCUMENT_BUCKET": "documents",
    "RESULT_BUCKET": "results",
    "WORKFLOW_ARN": "arn:aws:states:eu-west-1:123456789012:stateMachine:documents",
}


def client(service: str) -> Any:
    return boto3.client(service, region_name="eu-west-1", aws_access_key_id="x", aws_secret_access_key="x")


def lines(functions: dict[str, dict[str, str]]) -> list[str]:
    """What a stack of these functions, with their variables, gives."""
    cloudformation, lambda_ = client("cloudformation"), client("lambda")
    kinds = [("table", "AWS::DynamoDB::Table"), *((name, "AWS::Lambda::Function") for name in functions)]
    resources = [
        {
            "LogicalResourceId": name,
            "PhysicalResourceId": name,
            "ResourceType": kind,
            "LastUpdatedTimestamp": "2026-01-01T00:00:00Z",
            "ResourceStatus": "CREATE_COMPLETE",
        }
        for name, kind in kinds
    ]
    with Stubber(cloudformation) as stack, Stubber(lambda_) as code:
        stack.add_response("list_stack_resources", {"StackResourceSummaries": resources}, {"StackName": "s"})
        for name, variables in functions.items():
            answer = {"Environment": {"Variables": variables}} if variables else {}
            code.add_response("get_function_configuration", answer, {"FunctionName": name})
        return list(exports("s", cloudformation, lambda_))


def test_a_shell_takes_them_as_they_are() -> None:
    functions = {"other": {}, "partial": {"WORKFLOW_ARN": "x"}, "intake": {**SETTINGS, "MORE": "1"}}
    script = "\n".join([*lines(functions), "env"])
    printed = subprocess.check_output(["/bin/sh", "-c", script], env={"PATH": "/usr/bin:/bin"}, text=True)  # noqa: S603
    told = dict(line.split("=", 1) for line in printed.splitlines())
    assert {name: told[name] for name in SETTINGS} == SETTINGS
    assert told["STATUS_TRACKER_STACK"] == "s"
    assert told["STATUS_TRACKER_TASK"] == "documents.tasks:PIPELINE"
    assert all((Path(path)).is_dir() for path in told["PYTHONPATH"].split(":"))
    assert Path(told["PATH"].split(":")[0], "status-tracker").exists()
    assert "MORE" not in told
    assert shlex.quote(SETTINGS["USE_CASE_ID"]) in script


def test_stack_of_something_else_is_told() -> None:
    with pytest.raises(ValueError, match="The stack s has no function with the variables TASK_TABLE_NAME"):
        lines({"other": {}, "partial": {"WORKFLOW_ARN": "x"}})
