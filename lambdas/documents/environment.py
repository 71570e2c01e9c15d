"""
The variables with which `status-tracker` and the modules of this package work on a deployed stack:
``eval "$(python -m documents.environment STACK)"``, or ``make env``.
"""

from __future__ import annotations

import argparse
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import boto3
from botocore.exceptions import BotoCoreError, ClientError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from mypy_boto3_cloudformation import CloudFormationClient
    from mypy_boto3_lambda import LambdaClient

_CHECKOUT = Path(__file__).resolve().parents[2]
_VARIABLES = ("TASK_TABLE_NAME", "USE_CASE_ID", "MAX_ATTEMPTS", "WORKFLOW_ARN", "DOCUMENT_BUCKET", "RESULT_BUCKET")
_TASK = "documents.tasks:PIPELINE"


def main() -> int:
    """Print the lines for the stack of the arguments; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m documents.environment", description="Variables of a stack.")
    parser.add_argument("stack", help="the stack's name, such as status-tracker-prod")
    stack = parser.parse_args().stack
    try:
        lines = list(exports(stack, boto3.client("cloudformation"), boto3.client("lambda")))
    except (BotoCoreError, ClientError, ValueError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.writelines(f"{line}\n" for line in lines)
    return 0


def exports(stack: str, cloudformation: CloudFormationClient, functions: LambdaClient) -> Iterator[str]:
    """The lines for a shell.

    Raises:
        ValueError: the stack is not one of this application.
    """
    paths = ":".join(str(_CHECKOUT / name) for name in ("layer", "lambdas"))
    ours = {"STATUS_TRACKER_TASK": _TASK, "STATUS_TRACKER_STACK": stack, "PYTHONPATH": paths}
    variables = {**_settings(stack, cloudformation, functions), **ours}
    for name, value in variables.items():
        yield f"export {name}={shlex.quote(value)}"
    yield f'export PATH={shlex.quote(str(_CHECKOUT / "bin"))}:"$PATH"'


def _settings(stack: str, cloudformation: CloudFormationClient, functions: LambdaClient) -> Mapping[str, str]:
    """The variables of the stack's own functions, so that there is no second place where they could be wrong."""
    pages = cloudformation.get_paginator("list_stack_resources").paginate(StackName=stack)
    for resource in (each for page in pages for each in page["StackResourceSummaries"]):
        if resource["ResourceType"] == "AWS::Lambda::Function":
            told = functions.get_function_configuration(FunctionName=resource["PhysicalResourceId"])
            variables = told.get("Environment", {}).get("Variables", {})
            if all(name in variables for name in _VARIABLES):
                return {name: variables[name] for name in _VARIABLES}
    raise ValueError(
        f"The stack {stack} has no function with the variables {', '.join(_VARIABLES)}: "
        "is it a stack of this application?"
    )


if __name__ == "__main__":
    sys.exit(main())
