"""The steps of an order."""

import status_tracker as st
from status_tracker.operations.pipeline import Pipeline
from status_tracker_ops.executions import WorkflowRuns
from status_tracker_ops.queues import QueueRuns
from status_tracker_ops.settings import TrackerSettings

settings = TrackerSettings.from_environment()


class OrderTask(st.BaseTask):
    class Meta:
        table_name = settings.task_table_name

    status_and_update_time_index = st.StatusAndUpdateTimeIndex()


class InvoiceTask(WorkflowRuns, OrderTask):
    config = st.TrackerConfig.make(settings.use_case_id, 10, 20, 30, 40, 50, max_retry=settings.max_attempts)


class MailTask(QueueRuns, OrderTask):
    config = InvoiceTask.config.next_step()


PIPELINE = Pipeline({"Invoice": InvoiceTask, "Mail": MailTask})
