"""
Runs a document again, deliberately: `python -m documents.rerun STACK TASK_ID REASON`, or `make rerun`.

The task is made pending from its first step, which is recorded on it, and a new execution is started.
"""

from __future__ import annotations

import argparse
import os
import sys
from typing import TYPE_CHECKING

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from documents.workflow import execution_name
from status_tracker import TaskExecutionError, TaskIsNotInitializedError

if TYPE_CHECKING:
    from collections.abc import Mapping


def main() -> int:
    """Run the document of the arguments again; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m documents.rerun", description="Run a document again.")
    parser.add_argument("stack", help="the stack's name, such as status-tracker-prod")
    parser.add_argument("task_id", help="the document's key, '#' and its ETag, or the `key` of the table's item")
    parser.add_argument("reason", help="why; it is recorded on the task")
    arguments = parser.parse_args()
    try:
        task_id, execution = _rerun(arguments.stack, arguments.task_id, arguments.reason)
    except TaskIsNotInitializedError:
        sys.stderr.write(
            f"{arguments.task_id}: no such document in {arguments.stack}; "
            "the id is the object's key, # and its etag, such as 'invoice.pdf#9b2cf535f27731c974343645a3985328'\n"
        )
        return 1
    except (TaskExecutionError, BotoCoreError, ClientError, ValueError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.write(f"{task_id} runs again, as execution {execution}\n")
    return 0


def _rerun(stack: str, task_id: str, reason: str) -> tuple[str, str]:
    settings = _intake_settings(stack)
    os.environ.update(settings)
    from documents.tasks import ExtractTask  # noqa: PLC0415 - importing it reads the table's name from the environment

    task_id = task_id.removeprefix(f"{ExtractTask.config.use_case_id}{ExtractTask.config.sep}")
    caller = boto3.client("sts").get_caller_identity()["Arn"]
    task = ExtractTask.rerun(task_id, reason=reason, by=caller)
    ExtractTask.dispatch(task)
    return task_id, execution_name(task_id, task.run or 0)


def _intake_settings(stack: str) -> Mapping[str, str]:
    """What the intake function of the stack is told: there is no second place where this could be wrong."""
    functions = boto3.client("lambda")
    pages = boto3.client("cloudformation").get_paginator("list_stack_resources").paginate(StackName=stack)
    for resource in (each for page in pages for each in page["StackResourceSummaries"]):
        if resource["ResourceType"] == "AWS::Lambda::Function":
            name = resource["PhysicalResourceId"]
            variables = functions.get_function_configuration(FunctionName=name)["Environment"]["Variables"]
            if "WORKFLOW_ARN" in variables:
                return variables
    raise ValueError(f"The stack {stack} has no intake function: is it a stack of this application?")


if __name__ == "__main__":
    sys.exit(main())
