"""The buckets for documents, results and access logs."""

from __future__ import annotations

from typing import cast

from aws_cdk import Duration
from aws_cdk import aws_s3 as s3
from constructs import Construct

from infra.status_tracker_cdk.retention import DataProps

_ACCESS_LOG_DAYS = 90
# `lambdas/documents/textract/jobs.py` copies each document here for Textract, and deletes the copy when it has been
# read. Copies that are left behind, for example by a failed job, expire long after the workflow stopped waiting.
COPIES = "analyses/"
COPIES_REASON = "Each job of Textract has a copy of its document under a key of its own."
_COPIES_DAYS = 2


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
