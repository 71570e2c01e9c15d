"""Bulk rerun: the tasks that a filter admits run again."""

from __future__ import annotations

from aws_cdk import aws_s3 as s3
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from infra.status_tracker_cdk.access import allow
from infra.status_tracker_cdk.bulk_machine import BulkMachine, Duty
from infra.status_tracker_cdk.functions import FunctionCommons
from infra.status_tracker_cdk.table import INDEX_NAME, TaskTable

FOLDER = "reruns/"


class BulkRerun(BulkMachine):
    """Reruns every task that a filter admits, once for a run id; see ``docs/backfill.md``."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        commons: FunctionCommons,
        documents: s3.IBucket,
        results: s3.IBucket,
        table: TaskTable,
        workflow: sfn.IStateMachine,
    ) -> None:
        own = results.arn_for_objects(f"{FOLDER}*")
        super().__init__(
            scope,
            construct_id,
            commons=commons,
            name="bulk-rerun",
            folder=FOLDER,
            documents=documents,
            results=results,
            plan=Duty(
                handler="bulk_rerun.plan",
                statements=[
                    allow(["dynamodb:Query"], f"{table.table.table_arn}/index/{INDEX_NAME}"),
                    table.allow_items("BatchGetItem"),
                    allow(["s3:PutObject"], own),
                ],
            ),
            work=Duty(
                handler="bulk_rerun.rerun",
                environment={"WORKFLOW_ARN": workflow.state_machine_arn},
                statements=[
                    table.allow_items("GetItem", "UpdateItem"),
                    allow(["states:StartExecution"], workflow.state_machine_arn),
                    allow(["s3:PutObject"], own),
                ],
            ),
        )
