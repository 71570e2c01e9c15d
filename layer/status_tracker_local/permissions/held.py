"""The policies that moto holds, parsed once and again whenever they have changed."""

import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from moto.awslambda.models import lambda_backends
from moto.iam.models import Role as IamRole
from moto.iam.models import iam_backends
from moto.kms.models import kms_backends
from moto.s3.models import s3_backends
from moto.sns.models import sns_backends
from moto.sqs.models import sqs_backends

from status_tracker_local.permissions.asks import Principal, Role
from status_tracker_local.permissions.policies import Policy, parse_policy, parse_policy_of_role

Document = str | bytes | Mapping[str, Any]
Documents = Iterable[tuple[str, Document]]


class HeldPolicies:
    """Reads policies by the ARN of what has them."""

    def __init__(self) -> None:
        self._parsed: dict[str, tuple[list[tuple[str, Document]], tuple[Policy, ...]]] = {}

    def of_principal(self, principal: Principal) -> tuple[Policy, ...]:
        """The policies of a role, inline and attached; none for a service, or where there is no such role.

        Raises:
            UnknownStatementError: one of them cannot be judged.
        """
        if not isinstance(principal, Role):
            return ()
        role = _role(principal.arn)
        return self._parse(principal.arn, _policies_of(role) if role else (), parse_policy_of_role)

    def of_trust(self, role_arn: str) -> tuple[Policy, ...]:
        """The policy that says who may take a role; `UnknownStatementError` as before."""
        role = _role(role_arn)
        documents = [(f"the trust policy of {role.name}", role.assume_role_policy_document)] if role else []
        return self._parse(f"trust {role_arn}", documents)

    def of_resource(self, arn: str) -> tuple[Policy, ...]:
        """The policy of a resource, where it has one; `UnknownStatementError` as before."""
        read = _OF_RESOURCES.get(arn.split(":")[2]) if arn.startswith("arn:") else None
        return self._parse(arn.partition("/")[0] if ":s3:" in arn else arn, read(arn) if read else ())

    def _parse(
        self, key: str, documents: Documents, parse: Callable[[str, Document], Policy] = parse_policy
    ) -> tuple[Policy, ...]:
        now = list(documents)
        before = self._parsed.get(key)
        # Moto makes a new object of each new policy, and comparing an object with itself takes no time.
        if before is not None and before[0] == now:
            return before[1]
        parsed = tuple(parse(name, document) for name, document in now)
        self._parsed[key] = now, parsed
        return parsed


def _role(arn: str) -> IamRole | None:
    partition, account = arn.split(":")[1], arn.split(":")[4]
    name = arn.rpartition("/")[2]
    roles = iam_backends[account][partition].roles
    return next((role for role in list(roles.values()) if role.name == name), None)


def _policies_of(role: IamRole) -> Documents:
    for name, document in list(role.policies.items()):
        yield f"the policy {name} of {role.name}", document
    for policy in list(role.managed_policies.values()):
        for version in policy.versions:
            if version.is_default:
                yield f"the managed policy {policy.name}", version.document


def _of_queue(arn: str) -> Documents:
    _, _, _, region, account, name = arn.split(":")
    queue = sqs_backends[account][region].queues.get(name)
    if queue is not None and queue.policy:
        yield f"the policy of the queue {name}", queue.policy


def _of_topic(arn: str) -> Documents:
    _, _, _, region, account, name = arn.split(":", 5)
    topic = sns_backends[account][region].topics.get(arn)
    if topic is not None and topic.policy:
        yield f"the policy of the topic {name}", topic.policy


def _of_key(arn: str) -> Documents:
    _, _, _, region, account, name = arn.split(":", 5)
    key = kms_backends[account][region].keys.get(name.removeprefix("key/"))
    if key is not None and key.policy:
        yield f"the policy of the key {key.id}", key.policy


def _of_function(arn: str) -> Documents:
    _, _, _, region, account, _, name = arn.split(":")[:7]
    backend = lambda_backends[account][region]
    found = [each for each in backend.list_functions() if each.function_name == name]
    if found and found[0].policy.statements:
        # As text, since moto adds to the same list.
        yield f"the permissions of the function {name}", json.dumps(found[0].policy.get_policy()["Policy"])


def _of_bucket(arn: str) -> Documents:
    name = arn.split(":", 5)[5].partition("/")[0]
    for account in list(s3_backends.values()):
        for backend in list(account.values()):
            bucket = backend.buckets.get(name)
            if bucket is not None and bucket.policy:
                yield f"the policy of the bucket {name}", bucket.policy


_OF_RESOURCES: Mapping[str, Callable[[str], Documents]] = {
    "kms": _of_key,
    "lambda": _of_function,
    "s3": _of_bucket,
    "sns": _of_topic,
    "sqs": _of_queue,
}
