"""Backfill: the objects that are in the document bucket already become tasks, as if they had just been uploaded."""

from __future__ import annotations

from aws_cdk import aws_s3 as s3
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from infra.status_tracker_cdk.access import acknowledge, allow, objects_finding
from infra.status_tracker_cdk.bulk_machine import BulkMachine, Duty
from infra.status_tracker_cdk.functions import FunctionCommons
from infra.status_tracker_cdk.table import TaskTable

FOLDER = "backfills/"
MANIFESTS = "manifests/"


class Backfill(BulkMachine):
    """Registers every object under a prefix of `documents`, or of a manifest in `results`; see ``docs/backfill.md``."""

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
        own, manifests = (results.arn_for_objects(f"{folder}*") for folder in (FOLDER, MANIFESTS))
        super().__init__(
            scope,
            construct_id,
            commons=commons,
            name="backfill",
            folder=FOLDER,
            documents=documents,
            results=results,
            plan=Duty(
                handler="backfill.plan",
                statements=[
                    # On the results, S3 would without it answer 403, not 404, for a manifest that is not there.
                    allow(["s3:ListBucket"], documents.bucket_arn, results.bucket_arn),
                    allow(["s3:GetObject"], own, manifests),
                    allow(["s3:PutObject"], own),
                ],
            ),
            work=Duty(
                handler="backfill.register",
                environment={"WORKFLOW_ARN": workflow.state_machine_arn},
                statements=[
                    table.allow_items("PutItem"),
                    allow(["states:StartExecution"], workflow.state_machine_arn),
                    allow(["s3:GetObject"], documents.arn_for_objects("*")),
                    allow(["s3:ListBucket"], documents.bucket_arn),
                    allow(["s3:PutObject"], own),
                ],
            ),
        )
        acknowledge(self, objects_finding(documents), "Documents are uploaded under keys of the users' choosing.")
        acknowledge(
            self, objects_finding(results, MANIFESTS), "Manifests are uploaded under names of the users' choosing."
        )
