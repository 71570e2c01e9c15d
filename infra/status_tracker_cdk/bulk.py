"""The state machines for very many tasks: a backfill of objects, and a rerun of tasks. See ``docs/backfill.md``."""

from __future__ import annotations

from constructs import Construct

from status_tracker_cdk.access import acknowledge, allow, objects_finding
from status_tracker_cdk.bulk_machine import BulkCommons, BulkMachine, Duty
from status_tracker_cdk.props import PropsError

BACKFILLS = "backfills/"
MANIFESTS = "manifests/"
RERUNS = "reruns/"


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


class BulkRerun(BulkMachine):
    """Reruns every task that matches a filter, once for a run id."""

    def __init__(self, scope: Construct, construct_id: str, *, commons: BulkCommons) -> None:
        own = commons.results.arn_for_objects(f"{RERUNS}*")
        super().__init__(
            scope,
            construct_id,
            commons=commons,
            name="bulk-rerun",
            folder=RERUNS,
            plan=Duty(
                handler="status_tracker_ops.deployed.bulk_rerun.plan",
                statements=[
                    commons.table.allow_listing(),
                    commons.table.allow_items("BatchGetItem"),
                    *commons.table.allow_key(),
                    allow(["s3:PutObject"], own),
                ],
            ),
            work=Duty(
                handler="status_tracker_ops.deployed.bulk_rerun.rerun",
                environment=commons.dispatch.environment,
                statements=[
                    commons.table.allow_items("GetItem", "UpdateItem"),
                    *commons.table.allow_key(),
                    *commons.dispatch.allow_starting(),
                    allow(["s3:PutObject"], own),
                ],
            ),
        )
