"""Policies as resources of CloudFormation: those that moto does not have, and the rights of roles, which it forgets."""

import functools
import json
from collections.abc import Mapping
from typing import Any, NamedTuple, Self

from moto.cloudformation.exceptions import ValidationError
from moto.core.common_models import CloudFormationModel
from moto.iam.aws_managed_policies import aws_managed_policies_data
from moto.iam.models import AWSManagedPolicy, ManagedPolicy, Role, iam_backends
from moto.s3.models import s3_backends
from moto.sns.models import sns_backends
from moto.sqs.models import Queue, sqs_backends

from status_tracker_local.permissions.errors import UnknownStatementError
from status_tracker_local.permissions.policies import parse_policy
from status_tracker_local.permissions.sessions import is_of_the_operator

Properties = Mapping[str, Any]


class _ResourcePolicy:
    """The policy of resources that moto holds; a subclass says of which.

    Each subclass is a CloudFormationModel at first hand, or moto does not find it.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.properties: Properties = {}

    @property
    def physical_resource_id(self) -> str:
        """What ``Ref`` gives."""
        return self.name

    @staticmethod
    def cloudformation_name_type() -> str:
        return ""

    @classmethod
    def create_from_cloudformation_json(
        cls, resource_name: str, cloudformation_json: dict[str, Any], account_id: str, region_name: str, **_: Any
    ) -> Self:
        created = cls(resource_name)
        created.properties = cloudformation_json["Properties"]
        created.set_policies(account_id, region_name, created.properties["PolicyDocument"])
        return created

    @classmethod
    def update_from_cloudformation_json(
        cls,
        original_resource: Self,
        new_resource_name: str,  # noqa: ARG003 - it has no name of its own
        cloudformation_json: dict[str, Any],
        account_id: str,
        region_name: str,
    ) -> Self:
        original_resource.delete(account_id, region_name)  # it may have been of other resources
        return cls.create_from_cloudformation_json(original_resource.name, cloudformation_json, account_id, region_name)

    def delete(self, account_id: str, region_name: str) -> None:
        """Leave the resources without a policy."""
        self.set_policies(account_id, region_name, None)

    def set_policies(self, account_id: str, region: str, document: Properties | None) -> None:
        """Give the resources of the properties a policy, or take it away; those that are gone are left alone."""
        raise NotImplementedError


class QueuePolicy(_ResourcePolicy, CloudFormationModel):
    """The policy of queues."""

    __module__ = "moto.sqs.models"  # moto takes the service from it

    @staticmethod
    def cloudformation_type() -> str:
        return "AWS::SQS::QueuePolicy"

    def set_policies(self, account_id: str, region: str, document: Properties | None) -> None:
        for url in self.properties["Queues"]:
            queue: Queue | None = sqs_backends[account_id][region].queues.get(url.rpartition("/")[2])
            if queue is not None:
                queue.policy = json.dumps(document) if document else None


class BucketPolicy(_ResourcePolicy, CloudFormationModel):
    """The policy of a bucket."""

    __module__ = "moto.s3.models"

    @staticmethod
    def cloudformation_type() -> str:
        return "AWS::S3::BucketPolicy"

    def set_policies(self, account_id: str, region: str, document: Properties | None) -> None:  # noqa: ARG002
        bucket = s3_backends[account_id]["aws"].buckets.get(self.properties["Bucket"])
        if bucket is not None:
            bucket.policy = json.dumps(document).encode() if document else None


class TopicPolicy(_ResourcePolicy, CloudFormationModel):
    """The policy of topics."""

    __module__ = "moto.sns.models"

    @staticmethod
    def cloudformation_type() -> str:
        return "AWS::SNS::TopicPolicy"

    def set_policies(self, account_id: str, region: str, document: Properties | None) -> None:
        for arn in self.properties["Topics"]:
            topic = sns_backends[account_id][region].topics.get(arn)
            if topic is not None:
                default = topic._create_default_topic_policy(region, account_id, topic.name)
                topic.policy = json.dumps(document or default)


def give_rights(role: Role, properties: Properties) -> None:
    """Give a role the trust, the inline policies and the managed policies of its properties in a template.

    It keeps those that it has not from there, but from a resource of their own or from the API.
    """
    if is_of_the_operator(role.name):
        return
    role.assume_role_policy_document = json.dumps(properties["AssumeRolePolicyDocument"], default=str)
    inline = {each["PolicyName"]: json.dumps(each["PolicyDocument"]) for each in properties.get("Policies", [])}
    managed = {arn: _managed_policy(arn, role) for arn in properties.get("ManagedPolicyArns", [])}
    before = getattr(role, _FROM_TEMPLATE, _Given(set(), set()))
    for name in before.inline - inline.keys():
        role.policies.pop(name, None)
    for arn in before.managed - managed.keys():
        role.managed_policies.pop(arn, None)
    role.policies.update(inline)
    for policy in managed.values():
        policy.attach_to(role)
    setattr(role, _FROM_TEMPLATE, _Given(set(inline), set(managed)))


class _Given(NamedTuple):
    """The policies that a role has from its template: the names of inline ones, the ARNs of managed ones."""

    inline: set[str]
    managed: set[str]


_FROM_TEMPLATE = "policies_from_template"


def _managed_policy(arn: str, role: Role) -> Any:
    backend = iam_backends[role.account_id][role.partition]
    own = next((policy for policy in list(backend.managed_policies.values()) if policy.arn == arn), None)
    if own is not None:
        return own
    name = arn.rpartition("/")[2]
    data = _policies_of_aws().get(name)
    if data is None:
        raise ValidationError(message=f"Policy {arn} does not exist or is not attachable.")
    policy = AWSManagedPolicy.from_data(name, role.account_id, role.partition, data)
    try:
        parse_policy(name, policy.versions[0].document)
    except UnknownStatementError as error:
        raise ValidationError(message=f"The local cloud cannot judge the managed policy {error}") from error
    return policy


@functools.cache
def _policies_of_aws() -> Mapping[str, Any]:
    found: Mapping[str, Any] = json.loads(aws_managed_policies_data)
    return found


def update_managed_policy(
    _: type,
    original_resource: ManagedPolicy,
    new_resource_name: str,  # noqa: ARG001 - CloudFormation would replace a policy that is renamed
    cloudformation_json: dict[str, Any],
    account_id: str,  # noqa: ARG001
    region_name: str,  # noqa: ARG001
) -> ManagedPolicy:
    """Give a managed policy the document of its properties in a template."""
    document = json.dumps(cloudformation_json["Properties"]["PolicyDocument"])
    for version in original_resource.versions:
        if version.is_default:
            version.document = document
    return original_resource
