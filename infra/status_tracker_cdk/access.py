"""Roles with exactly the rights that are listed, and accepted findings of cdk-nag."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from aws_cdk import Acknowledgment, Aws, CfnElement, Stack, Validations
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from constructs import Construct, IConstruct

# Spelled out, where the CDK's own grants have ReEncrypt* and GenerateDataKey*.
_KEY_ACTIONS = (
    "Decrypt",
    "DescribeKey",
    "Encrypt",
    "GenerateDataKey",
    "GenerateDataKeyWithoutPlaintext",
    "ReEncryptFrom",
    "ReEncryptTo",
)


def allow(actions: Sequence[str], *resources: str) -> iam.PolicyStatement:
    """A statement that allows `actions` on `resources`."""
    return iam.PolicyStatement(actions=list(actions), resources=list(resources))


def allow_key(key: kms.IKey | None) -> list[iam.PolicyStatement]:
    """The rights to read and write what is encrypted with `key`; empty where a resource has no key of its own."""
    return [] if key is None else [allow([f"kms:{action}" for action in _KEY_ACTIONS], key.key_arn)]


def own_account() -> dict[str, object]:
    """The condition that a service acts for this account: no other account can have it use what is ours."""
    return {"StringEquals": {"aws:SourceAccount": Aws.ACCOUNT_ID}}


def service_role(
    scope: Construct,
    service: str,
    statements: Sequence[iam.PolicyStatement],
    *,
    conditions: Mapping[str, object] | None = None,
    document: iam.PolicyDocument | None = None,
) -> iam.Role:
    """The role of one AWS `service` principal in `scope`, with `statements` and nothing else.

    `conditions` say when the service may take it; by default always. `document` gets the statements, and may get more
    until the app is synthesized; by default a new one.

    The rights are inline in the role, so that they exist as soon as the role does. Pass it on as
    ``role.without_policy_updates()``, or CDK adds rights of its own.
    """
    document = document or iam.PolicyDocument()
    document.add_statements(*statements)
    return iam.Role(
        scope,
        "Role",
        assumed_by=iam.ServicePrincipal(service, conditions=conditions),
        inline_policies={"Rights": document},
    )


def acknowledge(scope: IConstruct, finding: str, reason: str) -> None:
    """Accept the cdk-nag `finding` (its id, as synth prints it) on `scope` and below, for `reason`."""
    Validations.of(scope).acknowledge(Acknowledgment(id=f"AwsSolutions-{finding}", reason=reason))


def objects_finding(bucket: s3.IBucket, keys: str = "*") -> str:
    """The id of cdk-nag's finding about rights on the objects of `bucket` with those keys, such as ``folder/*``."""
    resource = bucket.node.default_child
    if not isinstance(resource, CfnElement):
        return f"IAM5[Resource::arn:<AWS::Partition>:s3:::{bucket.bucket_name}/{keys}]"
    return f"IAM5[Resource::<{Stack.of(bucket).resolve(resource.logical_id)}.Arn>/{keys}]"
