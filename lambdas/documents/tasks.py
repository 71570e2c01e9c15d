"""The tracked steps of a document, as models of the task table, and the pipeline that they make.

A model belongs to a table: importing this module reads the table's name and the use case from the environment. See
`TrackerSettings`, and docs/decisions/0005 for the reason.
"""

from contextlib import suppress
from typing import TYPE_CHECKING

import status_tracker as st
from documents.settings import AnswerSettings, ExtractSettings
from status_tracker.operations.pipeline import Pipeline
from status_tracker_ops.clients import CONNECT_TIMEOUT_SECONDS, READ_TIMEOUT_SECONDS, TRIES, s3_client
from status_tracker_ops.executions import WorkflowRuns
from status_tracker_ops.settings import TrackerSettings

if TYPE_CHECKING:
    from typing import Self

    from status_tracker.operations.samples import Verification

_settings = TrackerSettings.from_environment()


class _DocumentTask(WorkflowRuns, st.BaseTask):
    class Meta:
        table_name = _settings.task_table_name
        connect_timeout_seconds = CONNECT_TIMEOUT_SECONDS
        read_timeout_seconds = READ_TIMEOUT_SECONDS
        max_retry_attempts = TRIES - 1

    status_and_update_time_index = st.StatusAndUpdateTimeIndex()

    @classmethod
    def discard(cls, task: "Self") -> None:
        """Delete the document, so that no late event, sweep or backfill makes the task again."""
        from documents.storage import delete_document  # noqa: PLC0415  # most functions never need it
        from status_tracker_ops.intake.uploads import BadMessageError, Upload  # noqa: PLC0415

        with suppress(BadMessageError):  # made by hand, of nothing that was uploaded
            delete_document(s3_client(), Upload.from_task_data(task.data or {}))


class ExtractTask(_DocumentTask):
    """Step 1: text and key-values of the document."""

    config = st.TrackerConfig.make(
        use_case_id=_settings.use_case_id,
        pending_status=10,
        in_progress_status=20,
        failed_status=30,
        succeeded_status=40,
        ignored_status=50,
        n_pending_shard=5,
        n_in_progress_shard=5,
        n_failed_shard=5,
        n_succeeded_shard=10,
        n_ignored_shard=5,
        max_retry=_settings.max_attempts,
    )


class AnswerTask(_DocumentTask):
    """Step 2: answers to the business questions."""

    config = ExtractTask.config.next_step()


def _delete_results(task_id: str) -> None:
    from documents.storage import delete_results  # noqa: PLC0415  # most functions never need it

    delete_results(s3_client(), AnswerSettings.from_environment().result_bucket, task_id)


def _verification() -> "Verification":
    from documents.verification import verification  # noqa: PLC0415  # no function needs it

    return verification()


PIPELINE = Pipeline(
    {ExtractSettings.STEP: ExtractTask, AnswerSettings.STEP: AnswerTask},
    delete_results=_delete_results,
    verification=_verification,
)
"""What a document goes through. The names of the steps are those in the workflow, the log and the metrics."""
