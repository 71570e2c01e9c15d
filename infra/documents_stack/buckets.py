"""The buckets for documents, results and access logs."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from aws_cdk import Duration
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from constructs import Construct, IConstruct

from documents.settings import COPIES, AnswerSettings
from status_tracker_cdk.access import acknowledge, allow, objects_finding
from status_tracker_cdk.deletion import Deletion
from status_tracker_cdk.props import Props
from status_tracker_cdk.retention import DataProps

_ACCESS_LOG_DAYS = 90
# Copies that are left behind, for example by a failed job, expire long after the workflow stopped waiting.
_COPIES_DAYS = 2
_KEY_ARN = re.compile(r"arn:aws[a-z-]*:kms:[a-z0-9-]+:\d{12}:key/[A-Za-z0-9-]+")
_KEY_OF_UPLOAD = "s3:x-amz-server-side-encryption-aws-kms-key-id"
_KEY_OF_UPLOADER = "s3:x-amz-server-side-encryption-customer-algorithm"
_IS_THERE = "false"  # of the operator Null


@dataclass(frozen=True, kw_only=True)
class EncryptionProps(Props):
    """How uploaded documents are encrypted.

    Attributes:
        document_key_arn: the KMS key that the document bucket encrypts with, and the only one that an upload may name;
            None for S3's own keys. With it each upload has an etag of its own, so the same bytes, uploaded twice, are
            two tasks.
    """

    document_key_arn: str | None = None

    def conflicts(self) -> Iterator[str]:
        """What is no key's ARN."""
        if self.document_key_arn is not None and not _KEY_ARN.fullmatch(self.document_key_arn):
            yield (
                f"document_key_arn {self.document_key_arn!r} must be the ARN of a KMS key, "
                "arn:aws:kms:REGION:ACCOUNT:key/ID: rights cannot be given by an alias"
            )


@dataclass(frozen=True, kw_only=True)
class DeletionProps(Props):
    """Whether tasks can be deleted on AWS, with their documents and results.

    Attributes:
        widget_deletes: let the administrators of the widget delete tasks for good.
        bulk_deletes: let whoever may start the state machine ``BulkDelete`` delete all that match a filter, too.
    """

    widget_deletes: bool = False
    bulk_deletes: bool = False

    def conflicts(self) -> Iterator[str]:
        """Many at once, and not one."""
        if self.bulk_deletes and not self.widget_deletes:
            yield "bulk_deletes needs widget_deletes: who may delete many tasks may delete one"


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
    """The document bucket and the result bucket.

    An upload that the functions could not decrypt is refused at once: with a key that only its uploader has (SSE-C), or
    with a KMS key that is not the bucket's. The KMS key that S3 itself has in the account may be used by every role.

    Attributes:
        documents: the bucket that documents are uploaded to.
        results: the bucket that results are written to.
    """

    def __init__(self, scope: Construct, construct_id: str, *, props: DataProps, encryption: EncryptionProps) -> None:
        super().__init__(scope, construct_id)
        self._removal_policy = props.removal_policy
        self._key_arn = encryption.document_key_arn
        self._access_logs = self._bucket(
            "AccessLogs", lifecycle_rules=[s3.LifecycleRule(expiration=Duration.days(_ACCESS_LOG_DAYS))]
        )
        self.documents = self._logged_bucket("Documents", key_arn=self._key_arn)
        self._refuse_other_keys()
        # In every stage: copies may be left from before another reader was chosen.
        self.results = self._logged_bucket(
            "Results", s3.LifecycleRule(prefix=COPIES, expiration=Duration.days(_COPIES_DAYS))
        )

    def allow_reading_documents(self) -> list[iam.PolicyStatement]:
        """The rights to read every document, and to be told that one is gone."""
        reading = list(_reading(self.documents, ["*"]))
        return reading if self._key_arn is None else [*reading, self._allow_decrypting(self._key_arn)]

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

    def deletion(self) -> Deletion:
        """What deleting a task needs: its document, and its folder of results."""
        of_documents = allow(["s3:DeleteObject"], self.documents.arn_for_objects("*"))
        of_results = [
            allow(["s3:DeleteObject"], self.results.arn_for_objects("*/*")),
            allow(["s3:ListBucket"], self.results.bucket_arn),
        ]
        return Deletion(
            statements=[*self.allow_reading_documents(), of_documents, *of_results],
            environment=AnswerSettings(result_bucket=self.results.bucket_name).to_environment(),
        )

    def accept_deleting(self, scope: IConstruct) -> None:
        """Accept cdk-nag's findings about these rights on `scope` and below."""
        self.accept_reading_documents(scope)
        acknowledge(scope, objects_finding(self.results, "*/*"), "Each task has a folder of results of its own.")

    def _allow_decrypting(self, key_arn: str) -> iam.PolicyStatement:
        # The bucket's ARN where S3 derives a key for the bucket, as it does here; the object's where an upload says no.
        encrypted = {
            "kms:EncryptionContext:aws:s3:arn": [self.documents.bucket_arn, self.documents.arn_for_objects("*")]
        }
        return iam.PolicyStatement(actions=["kms:Decrypt"], resources=[key_arn], conditions={"StringLike": encrypted})

    def _refuse_other_keys(self) -> None:
        own = {} if self._key_arn is None else {"StringNotEquals": {_KEY_OF_UPLOAD: self._key_arn}}
        self._refuse_uploads({"Null": {_KEY_OF_UPLOAD: _IS_THERE}, **own})
        self._refuse_uploads({"Null": {_KEY_OF_UPLOADER: _IS_THERE}})

    def _refuse_uploads(self, conditions: Mapping[str, object]) -> None:
        self.documents.add_to_resource_policy(
            iam.PolicyStatement(
                effect=iam.Effect.DENY,
                principals=[iam.AnyPrincipal()],
                actions=["s3:PutObject"],
                resources=[self.documents.arn_for_objects("*")],
                conditions=conditions,
            )
        )

    def _logged_bucket(self, name: str, *rules: s3.LifecycleRule, key_arn: str | None = None) -> s3.Bucket:
        return self._bucket(
            name,
            key_arn=key_arn,
            server_access_logs_bucket=self._access_logs,
            server_access_logs_prefix=f"{name.lower()}/",
            lifecycle_rules=[s3.LifecycleRule(abort_incomplete_multipart_upload_after=Duration.days(7)), *rules],
        )

    def _bucket(
        self,
        name: str,
        *,
        lifecycle_rules: list[s3.LifecycleRule],
        key_arn: str | None = None,
        server_access_logs_bucket: s3.IBucket | None = None,
        server_access_logs_prefix: str | None = None,
    ) -> s3.Bucket:
        key = None if key_arn is None else kms.Key.from_key_arn(self, f"{name}Key", key_arn)
        return s3.Bucket(
            self,
            name,
            encryption=s3.BucketEncryption.S3_MANAGED if key is None else s3.BucketEncryption.KMS,
            encryption_key=key,
            bucket_key_enabled=None if key is None else True,
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
