"""One Step Functions execution for each run of a task: starting, knowing and stopping it."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

from status_tracker import RunState
from status_tracker_ops.clients import step_functions_client
from status_tracker_ops.settings import WorkflowSettings

if TYPE_CHECKING:
    from collections.abc import Callable, MutableMapping

    from mypy_boto3_stepfunctions import SFNClient


def execution_name(task_id: str, run: int) -> str:
    """The hash of the task id, and the run number.

    Step Functions takes a name once. Only a deliberate rerun raises the run number: a repeated message starts nothing,
    and a rerun is an execution of its own.
    """
    return f"{hashlib.sha256(task_id.encode()).hexdigest()}-{run}"


def execution_input(task_id: str, run: int) -> str:
    """The input, always the same text for a run: Step Functions compares it while an execution is running."""
    return json.dumps({"run": run, "task_id": task_id}, sort_keys=True)


def execution_arn(workflow_arn: str, task_id: str, run: int) -> str:
    """The ARN of the execution of this run, whether or not it exists."""
    machine = workflow_arn.replace(":stateMachine:", ":execution:", 1)
    return f"{machine}:{execution_name(task_id, run)}"


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
    try:
        execution = step_functions.describe_execution(executionArn=execution_arn(workflow_arn, task_id, run))
    except step_functions.exceptions.ExecutionDoesNotExist:
        return RunState.NEVER_STARTED
    return RunState.RUNNING if execution["status"] in {"RUNNING", "PENDING_REDRIVE"} else RunState.ENDED


def stop_workflow(step_functions: SFNClient, workflow_arn: str, task_id: str, run: int) -> None:
    """Stop the execution of this run. One that is over, or that there is none of, is left as it is."""
    try:
        step_functions.stop_execution(
            executionArn=execution_arn(workflow_arn, task_id, run),
            error="Recalled",
            cause="The task's run was recalled.",
        )
    except step_functions.exceptions.ExecutionDoesNotExist:
        return


def running_executions(
    step_functions: SFNClient, workflow_arn: str, stop: Callable[[], bool]
) -> tuple[frozenset[str], bool]:
    """The names of the running executions, read a thousand at a time until `stop` returns True; and whether all.

    One that began a moment ago may be missing; one that ended a moment ago may still be listed.
    """
    pages = step_functions.get_paginator("list_executions").paginate(
        stateMachineArn=workflow_arn, statusFilter="RUNNING", PaginationConfig={"PageSize": 1000}
    )
    names: set[str] = set()
    for page in pages:
        names.update(execution["name"] for execution in page["executions"])
        if stop():
            return frozenset(names), "nextToken" not in page
    return frozenset(names), True


class WorkflowRuns:
    """Mixin of a task class: each run of a task is one execution of the state machine ``WORKFLOW_ARN``.

    Put it before `BaseTask` in the bases of the class.
    """

    @classmethod
    def dispatch(cls, task: Any) -> bool:
        """Start the execution of the task's run, unless it was started; False where it is over already."""
        return start_workflow(step_functions_client(), _workflow_arn(), task.task_id, task.run or 0)

    @classmethod
    def run_state(cls, task: Any) -> RunState:
        """What has become of the execution of the task's run."""
        return run_state(step_functions_client(), _workflow_arn(), task.task_id, task.run or 0)

    @classmethod
    def run_states(cls, known: MutableMapping[str, Any], stop: Callable[[], bool]) -> Callable[[Any], RunState]:
        """`run_state`, for which one listing of the running executions is asked for.

        An execution that is not in the whole listing is taken for one that was never started: `dispatch` starts it, or
        says that it has ended, with a quota that is twenty times as large as that of asking.
        """
        arn = _workflow_arn()
        if arn not in known:
            known[arn] = running_executions(step_functions_client(), arn, stop)
        running, all_known = known[arn]

        def state(task: Any) -> RunState:
            if execution_name(task.task_id, task.run or 0) in running:
                return RunState.RUNNING
            return RunState.NEVER_STARTED if all_known else cls.run_state(task)

        return state

    @classmethod
    def recall(cls, task: Any) -> None:
        """Stop the execution of the task's run, so that nothing drives the task any more."""
        stop_workflow(step_functions_client(), _workflow_arn(), task.task_id, task.run or 0)


def _workflow_arn() -> str:
    return WorkflowSettings.from_environment().workflow_arn
