"""Policies as resources of CloudFormation: those that moto does not have, and the rights of roles, which it forgets."""

import functools
import json
from collections.abc import Mapping
from typing import Any, Self

from moto.cloudformation.exceptions import ValidationError
from moto.core.common_models import CloudFormationModel
from moto.iam.aws_managed_policies import aws_managed_policies_data
from moto.iam.models import AWSManagedPolicy, ManagedPolicy, Role, iam_backends
from moto.s3.models import s3_backends
from moto.sns.models import sns_backends
from moto.sqs.models import Queue, sqs_backends

from local_cloud.permissions.errors import UnknownStatementError
from local_cloud.permissions.policies import parse_policy

Properties = Mapping[str, Any]


class _ResourcePolicy:
    """The policy of resources that moto holds; a subclass says of which.

    Each subclass is a CloudFormationModel at first hand, or moto does not find it.
    """

    def __init__(self, name: str) -> None:
        self.name = name

    @property
    def physical_resource_id(self) -> str:
        """What ``Ref`` gives."""
        return self.name

    @staticmethod
    def cloudformation_name_type() -> str:
        return ""

    @classmethod
    def has_cfn_attr(cls, attr: str) -> bool:
        return attr == "Id"

    @classmethod
    def create_from_cloudformation_json(
        cls, resource_name: str, cloudformation_json: dict[str, Any], account_id: str, region_name: str, **_: Any
    ) -> Self:
        cls.set_policies(cloudformation_json["Properties"], account_id, region_name, remove=False)
        return cls(resource_name)

    @classmethod
    def update_from_cloudformation_json(
        cls,
        original_resource: Self,
        new_resource_name: str,  # noqa: ARG003 - it has no name of its own
        cloudformation_json: dict[str, Any],
        account_id: str,
        region_name: str,
    ) -> Self:
        cls.set_policies(cloudformation_json["Properties"], account_id, region_name, remove=False)
        return original_resource

    @classmethod
    def delete_from_cloudformation_json(
        cls,
        resource_name: str,  # noqa: ARG003
        cloudformation_json: dict[str, Any],
        account_id: str,
        region_name: str,
    ) -> None:
        cls.set_policies(cloudformation_json["Properties"], account_id, region_name, remove=True)

    @classmethod
    def set_policies(cls, properties: Properties, account_id: str, region: str, *, remove: bool) -> None:
        """Give the resources of the properties their policy, or take it away; those that are gone are left alone."""
        raise NotImplementedError


class QueuePolicy(_ResourcePolicy, CloudFormationModel):
    """The policy of queues."""

    __module__ = "moto.sqs.models"  # moto takes the service from it

    @staticmethod
    def cloudformation_type() -> str:
        return "AWS::SQS::QueuePolicy"

    @classmethod
    def set_policies(cls, properties: Properties, account_id: str, region: str, *, remove: bool) -> None:
        for url in properties["Queues"]:
            queue: Queue | None = sqs_backends[account_id][region].queues.get(url.rpartition("/")[2])
            if queue is not None:
                queue.policy = None if remove else json.dumps(properties["PolicyDocument"])


class BucketPolicy(_ResourcePolicy, CloudFormationModel):
    """The policy of a bucket."""

    __module__ = "moto.s3.models"

    @staticmethod
    def cloudformation_type() -> str:
        return "AWS::S3::BucketPolicy"

    @classmethod
    def set_policies(cls, properties: Properties, account_id: str, region: str, *, remove: bool) -> None:  # noqa: ARG003
        bucket = s3_backends[account_id]["aws"].buckets.get(properties["Bucket"])
        if bucket is not None:
            bucket.policy = None if remove else json.dumps(properties["PolicyDocument"]).encode()


class TopicPolicy(_ResourcePolicy, CloudFormationModel):
    """The policy of topics."""

    __module__ = "moto.sns.models"

    @staticmethod
    def cloudformation_type() -> str:
        return "AWS::SNS::TopicPolicy"

    @classmethod
    def set_policies(cls, properties: Properties, account_id: str, region: str, *, remove: bool) -> None:
        for arn in properties["Topics"]:
            topic = sns_backends[account_id][region].topics.get(arn)
            if topic is not None:
                default = topic._create_default_topic_policy(region, account_id, topic.name)
                topic.policy = json.dumps(default if remove else properties["PolicyDocument"])


def give_rights(role: Role, properties: Properties) -> None:
    """Give a role the trust, the inline policies and the managed policies of its properties in a template."""
    role.assume_role_policy_document = json.dumps(properties["AssumeRolePolicyDocument"], default=str)
    inline = {each["PolicyName"]: each["PolicyDocument"] for each in properties.get("Policies", [])}
    for name in getattr(role, _OF_TEMPLATE, set()) - inline.keys():
        role.policies.pop(name, None)
    role.policies.update(inline)
    setattr(role, _OF_TEMPLATE, set(inline))
    wanted = properties.get("ManagedPolicyArns", [])
    for arn in wanted:
        _managed_policy(arn, role).attach_to(role)


# Which of a role's inline policies stand in its own template: others come by an AWS::IAM::Policy or the API.
_OF_TEMPLATE = "inline_policies_of_template"


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
