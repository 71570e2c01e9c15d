"""Starting the workflow of a task, once a run."""

from __future__ import annotations

import hashlib
import json
from itertools import takewhile
from typing import TYPE_CHECKING

from status_tracker import RunState

if TYPE_CHECKING:
    from collections.abc import Callable

    from mypy_boto3_stepfunctions import SFNClient


def execution_name(task_id: str, run: int) -> str:
    """
    The hash of the task id, and the run number.

    Step Functions takes a name once. The run number grows when a task is deliberately run again, and only
    then, so that a repeated message starts nothing and a rerun is an execution of its own.
    """
    return f"{hashlib.sha256(task_id.encode()).hexdigest()}-{run}"


def execution_input(task_id: str, run: int) -> str:
    """The input, always the same text for a run: Step Functions compares it while an execution is running."""
    return json.dumps({"run": run, "task_id": task_id}, sort_keys=True)


def start_workflow(step_functions: SFNClient, workflow_arn: str, task_id: str, run: int) -> bool:
    """Start the execution of this run; False where it had ended already. A running one is left to run."""
    try:
        step_functions.start_execution(
            stateMachineArn=workflow_arn,
            name=execution_name(task_id, run),
            input=execution_input(task_id, run),
        )
    except step_functions.exceptions.ExecutionAlreadyExists:
        return False
    return True


def run_state(step_functions: SFNClient, workflow_arn: str, task_id: str, run: int) -> RunState:
    """What has become of the execution of this run. Step Functions forgets one 90 days after its end."""
    machine = workflow_arn.replace(":stateMachine:", ":execution:")
    try:
        execution = step_functions.describe_execution(executionArn=f"{machine}:{execution_name(task_id, run)}")
    except step_functions.exceptions.ExecutionDoesNotExist:
        return RunState.NEVER_STARTED
    return RunState.RUNNING if execution["status"] in {"RUNNING", "PENDING_REDRIVE"} else RunState.ENDED


def running_executions(step_functions: SFNClient, workflow_arn: str, stop: Callable[[], bool]) -> set[str]:
    """
    The names of the executions that are running, a thousand in a request; not all of them when `stop` says so.

    One that has begun or ended a moment ago may be missing, or be there still.
    """
    pages = step_functions.get_paginator("list_executions").paginate(
        stateMachineArn=workflow_arn, statusFilter="RUNNING", PaginationConfig={"PageSize": 1000}
    )
    return {execution["name"] for page in takewhile(lambda _: not stop(), pages) for execution in page["executions"]}
