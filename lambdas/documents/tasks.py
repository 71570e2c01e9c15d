"""
The tracked steps of a document, as models of the task table.

A model belongs to a table, so the table's name and the use case are read from the environment when this
module is imported; see `TrackerSettings`, and docs/decisions/0005 for why.
"""

from typing import Self

import status_tracker as st
from documents.aws import CONNECT_TIMEOUT_SECONDS, READ_TIMEOUT_SECONDS, TRIES, step_functions_client
from status_tracker_ops.executions import run_state, start_workflow
from status_tracker_ops.settings import TrackerSettings, WorkflowSettings

_settings = TrackerSettings.from_environment()


class ExtractStatus(st.BaseStatusEnum):
    """Step 1; its `succeeded` is the `pending` of step 2."""

    pending = 10
    in_progress = 20
    failed = 30
    succeeded = 40
    ignored = 50


class AnswerStatus(st.BaseStatusEnum):
    """Step 2."""

    pending = 40
    in_progress = 70
    failed = 80
    succeeded = 90
    ignored = 100


def _config(statuses: type[st.BaseStatusEnum]) -> st.TrackerConfig:
    return st.TrackerConfig.make(
        use_case_id=_settings.use_case_id,
        pending_status=statuses["pending"].value,
        in_progress_status=statuses["in_progress"].value,
        failed_status=statuses["failed"].value,
        succeeded_status=statuses["succeeded"].value,
        ignored_status=statuses["ignored"].value,
        n_pending_shard=5,
        n_in_progress_shard=5,
        n_failed_shard=5,
        n_succeeded_shard=10,
        n_ignored_shard=5,
        max_retry=_settings.max_attempts,
    )


class _DocumentTask(st.BaseTask):
    class Meta:
        table_name = _settings.task_table_name
        connect_timeout_seconds = CONNECT_TIMEOUT_SECONDS
        read_timeout_seconds = READ_TIMEOUT_SECONDS
        max_retry_attempts = TRIES - 1

    @classmethod
    def dispatch(cls, task: Self) -> None:
        """Start the execution of the task's run, unless it was started. Needs the variable ``WORKFLOW_ARN``."""
        arn = WorkflowSettings.from_environment().workflow_arn
        start_workflow(step_functions_client(), arn, task.task_id, task.run or 0)

    @classmethod
    def run_state(cls, task: Self) -> st.RunState:
        """What has become of the execution of the task's run. Needs the variable ``WORKFLOW_ARN``."""
        arn = WorkflowSettings.from_environment().workflow_arn
        return run_state(step_functions_client(), arn, task.task_id, task.run or 0)


class ExtractTask(_DocumentTask):
    """Step 1: text and key-values of the document."""

    status_and_update_time_index = st.StatusAndUpdateTimeIndex()
    config = _config(ExtractStatus)


class AnswerTask(_DocumentTask):
    """Step 2: answers to the business questions."""

    status_and_update_time_index = st.StatusAndUpdateTimeIndex()
    config = _config(AnswerStatus)


STEPS: tuple[tuple[str, type[st.BaseTask]], ...] = (
    ("Extract", ExtractTask),
    ("Answer", AnswerTask),
)
"""The steps of a document in their order, by the names that they have in the workflow and in the metrics."""

ENDED_STATUSES = frozenset(
    {
        STEPS[-1][1].config.succeeded_status,
        *(code for _, step in STEPS for code in (step.config.ignored_status, step.config.exhausted_status)),
    }
)
"""The statuses in which nothing works on a document any more, unless somebody asks for it."""
