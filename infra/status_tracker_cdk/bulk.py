"""The state machines for very many tasks: a backfill of objects; rerun, cancel and delete. See ``docs/backfill.md``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from aws_cdk import aws_iam as iam
from constructs import Construct

from status_tracker_cdk.access import acknowledge, allow, objects_finding
from status_tracker_cdk.bulk_machine import BulkCommons, BulkMachine, Duty
from status_tracker_cdk.props import PropsError

BACKFILLS = "backfills/"
MANIFESTS = "manifests/"
RERUNS = "reruns/"
CANCELLATIONS = "cancellations/"
DELETIONS = "deletions/"


class Backfill(BulkMachine):
    """Registers every object under a prefix of `bucket`, or of a manifest in `results`, as if it were just uploaded.

    The `dispatch` of its commons starts the runs of the first step.

    Raises:
        PropsError: the commons have no bucket.
    """

    def __init__(self, scope: Construct, construct_id: str, *, commons: BulkCommons) -> None:
        bucket, results = commons.bucket, commons.results
        if bucket is None:
            raise PropsError(["a Backfill needs the bucket whose objects are tasks: give its BulkCommons a bucket"])
        own, manifests = (results.arn_for_objects(f"{folder}*") for folder in (BACKFILLS, MANIFESTS))
        super().__init__(
            scope,
            construct_id,
            commons=commons,
            name="backfill",
            folder=BACKFILLS,
            plan=Duty(
                handler="status_tracker_ops.deployed.backfill.plan",
                statements=[
                    # On the results: without it S3 answers 403, not 404, for a missing manifest.
                    allow(["s3:ListBucket"], bucket.bucket_arn, results.bucket_arn),
                    allow(["s3:GetObject"], own, manifests),
                    allow(["s3:PutObject"], own),
                ],
            ),
            work=Duty(
                handler="status_tracker_ops.deployed.backfill.register",
                environment=commons.dispatch.environment,
                statements=[
                    commons.table.allow_items("GetItem", "PutItem", "UpdateItem"),
                    *commons.table.allow_key(),
                    *commons.dispatch.allow_starting(),
                    allow(["s3:GetObject"], bucket.arn_for_objects("*")),
                    allow(["s3:ListBucket"], bucket.bucket_arn),
                    allow(["s3:PutObject"], own),
                ],
            ),
        )
        acknowledge(self, objects_finding(bucket), "Objects are uploaded under keys of the users' choosing.")
        acknowledge(
            self,
            objects_finding(results, f"{MANIFESTS}*"),
            "Manifests are uploaded under names of the users' choosing.",
        )


class BulkActing(BulkMachine):
    """Does one action to every task that matches a filter, once for a run id.

    Args:
        action: what its handlers are named by.
        folder: of the files of its executions.
        work: what the action needs beside changing tasks.
        environment: the variables of the function that acts.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        commons: BulkCommons,
        action: str,
        folder: str,
        work: Sequence[iam.PolicyStatement],
        environment: Mapping[str, str],
    ) -> None:
        handlers = f"status_tracker_ops.deployed.bulk_{action}"
        writing = allow(["s3:PutObject"], commons.results.arn_for_objects(f"{folder}*"))
        super().__init__(
            scope,
            construct_id,
            commons=commons,
            name=f"bulk-{action}",
            folder=folder,
            plan=Duty(
                handler=f"{handlers}.plan",
                statements=[
                    commons.table.allow_listing(),
                    commons.table.allow_items("BatchGetItem"),
                    *commons.table.allow_key(),
                    writing,
                ],
            ),
            work=Duty(
                handler=f"{handlers}.{action}",
                environment=environment,
                statements=[
                    commons.table.allow_items("GetItem", "UpdateItem"),
                    *commons.table.allow_key(),
                    *work,
                    writing,
                ],
            ),
        )


class BulkRerun(BulkActing):
    """Reruns every task that matches a filter, once for a run id."""

    def __init__(self, scope: Construct, construct_id: str, *, commons: BulkCommons) -> None:
        super().__init__(
            scope,
            construct_id,
            commons=commons,
            action="rerun",
            folder=RERUNS,
            work=commons.dispatch.allow_starting(),
            environment=commons.dispatch.environment,
        )


class BulkCancel(BulkActing):
    """Cancels every task that matches a filter, whatever it is doing, and stops its run.

    The `dispatch` of its commons says what drives the runs.
    """

    def __init__(self, scope: Construct, construct_id: str, *, commons: BulkCommons) -> None:
        super().__init__(
            scope,
            construct_id,
            commons=commons,
            action="cancel",
            folder=CANCELLATIONS,
            work=commons.dispatch.allow_stopping(),
            environment=commons.dispatch.environment,
        )
        commons.dispatch.accept_executions(self.node.find_child("Work"))


class BulkDelete(BulkActing):
    """Deletes every task that matches a filter, with what it was made from and its results. Nothing brings them back.

    Raises:
        PropsError: the commons have no deletion.
    """

    def __init__(self, scope: Construct, construct_id: str, *, commons: BulkCommons) -> None:
        deletion = commons.deletion
        if deletion is None:
            raise PropsError(["a BulkDelete needs the rights to delete a task: give its BulkCommons a deletion"])
        super().__init__(
            scope,
            construct_id,
            commons=commons,
            action="delete",
            folder=DELETIONS,
            work=[
                commons.table.allow_items("DeleteItem"),
                *commons.dispatch.allow_stopping(),
                *deletion.statements,
            ],
            environment={**deletion.environment, **commons.dispatch.environment},
        )
        commons.dispatch.accept_executions(self.node.find_child("Work"))
