"""The buckets for documents, results and access logs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import cast

from aws_cdk import Duration
from aws_cdk import aws_iam as iam
from aws_cdk import aws_s3 as s3
from constructs import Construct, IConstruct

from documents.settings import COPIES
from infra.status_tracker_cdk.access import acknowledge, allow, objects_finding
from infra.status_tracker_cdk.retention import DataProps

_ACCESS_LOG_DAYS = 90
# Copies that are left behind, for example by a failed job, expire long after the workflow stopped waiting.
_COPIES_DAYS = 2


def of_every_task(name: str) -> str:
    """The keys of the results of that name: each task has a folder of its own."""
    return f"*/{name}"


@dataclass(frozen=True, kw_only=True)
class ResultRights:
    """What a function may do in the result bucket, by the keys of the objects, such as ``folder/*``."""

    reads: Sequence[str] = ()
    writes: Sequence[str] = ()
    deletes: Sequence[str] = ()


NO_RESULTS = ResultRights()


class DocumentBuckets(Construct):
    """The document bucket, which sends an event to EventBridge for each new object, and the result bucket.

    Attributes:
        documents: the bucket that documents are uploaded to.
        results: the bucket that results are written to.
    """

    def __init__(self, scope: Construct, construct_id: str, *, props: DataProps) -> None:
        super().__init__(scope, construct_id)
        self._removal_policy = props.removal_policy
        self._access_logs = self._bucket(
            "AccessLogs", lifecycle_rules=[s3.LifecycleRule(expiration=Duration.days(_ACCESS_LOG_DAYS))]
        )
        self.documents = self._logged_bucket("Documents")
        # In every stage: copies may be left from before another reader was chosen.
        self.results = self._logged_bucket(
            "Results", s3.LifecycleRule(prefix=COPIES, expiration=Duration.days(_COPIES_DAYS))
        )
        # Bucket(event_bridge_enabled=True) would add a custom resource and its function to the stack.
        resource = cast("s3.CfnBucket", self.documents.node.default_child)
        resource.notification_configuration = s3.CfnBucket.NotificationConfigurationProperty(
            event_bridge_configuration=s3.CfnBucket.EventBridgeConfigurationProperty(event_bridge_enabled=True)
        )

    def allow_reading_documents(self) -> list[iam.PolicyStatement]:
        """The rights to read every document, and to be told that one is gone."""
        return list(_reading(self.documents, ["*"]))

    def accept_reading_documents(self, scope: IConstruct) -> None:
        """Accept cdk-nag's finding about these rights on `scope` and below."""
        acknowledge(scope, objects_finding(self.documents), "Documents are uploaded under keys of the users' choosing.")

    def allow_results(self, rights: ResultRights) -> list[iam.PolicyStatement]:
        """The statements of these rights. Whoever may read is told that something is missing, too."""
        actions = {"s3:PutObject": rights.writes, "s3:DeleteObject": rights.deletes}
        changing = [
            allow([action], *map(self.results.arn_for_objects, keys)) for action, keys in actions.items() if keys
        ]
        return [*_reading(self.results, rights.reads), *changing]

    def accept_results(self, scope: IConstruct, rights: ResultRights) -> None:
        """Accept cdk-nag's findings about these rights on `scope` and below."""
        for keys in dict.fromkeys([*rights.reads, *rights.writes, *rights.deletes]):
            acknowledge(
                scope, objects_finding(self.results, keys), "Each task has objects of its own under these keys."
            )

    def _logged_bucket(self, name: str, *rules: s3.LifecycleRule) -> s3.Bucket:
        return self._bucket(
            name,
            server_access_logs_bucket=self._access_logs,
            server_access_logs_prefix=f"{name.lower()}/",
            lifecycle_rules=[s3.LifecycleRule(abort_incomplete_multipart_upload_after=Duration.days(7)), *rules],
        )

    def _bucket(
        self,
        name: str,
        *,
        lifecycle_rules: list[s3.LifecycleRule],
        server_access_logs_bucket: s3.IBucket | None = None,
        server_access_logs_prefix: str | None = None,
    ) -> s3.Bucket:
        return s3.Bucket(
            self,
            name,
            encryption=s3.BucketEncryption.S3_MANAGED,
            block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
            object_ownership=s3.ObjectOwnership.BUCKET_OWNER_ENFORCED,
            enforce_ssl=True,
            minimum_tls_version=1.2,
            removal_policy=self._removal_policy,
            lifecycle_rules=lifecycle_rules,
            server_access_logs_bucket=server_access_logs_bucket,
            server_access_logs_prefix=server_access_logs_prefix,
        )


def _reading(bucket: s3.IBucket, keys: Sequence[str]) -> Iterator[iam.PolicyStatement]:
    if keys:
        yield allow(["s3:GetObject"], *map(bucket.arn_for_objects, keys))
        # Without it S3 answers 403, not 404, for an object that is missing.
        yield allow(["s3:ListBucket"], bucket.bucket_arn)
