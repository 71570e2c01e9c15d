"""Where documents come in, where results go, and the log of who read them."""

from __future__ import annotations

from typing import cast

from aws_cdk import Duration
from aws_cdk import aws_s3 as s3
from constructs import Construct

from infra.status_tracker_cdk.retention import DataProps

_ACCESS_LOG_DAYS = 90
# What Textract reads, as `lambdas/documents/textract/jobs.py` has it, is deleted when it has been read. What is left,
# as by a job that failed, goes by itself, long after the workflow has stopped waiting for the job.
COPIES = "analyses/"
COPIES_REASON = "Each job of Textract has a copy of its document under a key of its own."
_COPIES_DAYS = 2


class DocumentBuckets(Construct):
    """The document bucket, which tells EventBridge of each new object, and the result bucket.

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
        # Of every stage: its copies may be of the time before another reader was chosen.
        self.results = self._logged_bucket(
            "Results", s3.LifecycleRule(prefix=COPIES, expiration=Duration.days(_COPIES_DAYS))
        )
        # Bucket(event_bridge_enabled=True) would put a custom resource and its function in the stack for this.
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
