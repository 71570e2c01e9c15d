"""The rights that roles have, one by one, and which of them were used."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from status_tracker_local.cloud import LocalCloud
from status_tracker_local.permissions.asks import Ask, Role
from status_tracker_local.permissions.policies import parse_policy
from status_tracker_local.permissions.verdicts import why_refused

_HASHES = re.compile(r"[0-9A-F]{8}-[A-Z0-9]+$")


@dataclass(frozen=True)
class Right:
    """An action on a resource, as one statement of a role allows it.

    Attributes:
        role: the role's ARN.
        name: the role's name in the CDK, such as ``ExtractHandlerRole``.
        place: the statement's place in the role's policy, from 0.
        action, resource: as they stand in the statement.
    """

    role: str
    name: str
    place: int
    action: str
    resource: str

    def __str__(self) -> str:
        return f"{self.name}: {self.action} on {self.resource}"


class Rights:
    """The roles of a stack, with their policies, and what the local cloud was asked by them.

    Attributes:
        granted: every right.
    """

    def __init__(self, cloud: LocalCloud, stack: str) -> None:
        iam = cloud.client("iam")
        prefix = f"{stack}-"
        self._documents: dict[str, Any] = {}
        self._names: dict[str, str] = {}
        for page in iam.get_paginator("list_roles").paginate():
            for role in page["Roles"]:
                if role["RoleName"].startswith(prefix):
                    found = iam.get_role_policy(RoleName=role["RoleName"], PolicyName="Rights")
                    self._documents[role["Arn"]] = found["PolicyDocument"]
                    self._names[role["Arn"]] = _HASHES.sub("", role["RoleName"].removeprefix(prefix))
        self.granted = list(self._granted())
        self._kinds: Sequence[Mapping[str, Any]] = cloud.permission_checks()["kinds"]

    def _granted(self) -> Iterator[Right]:
        for role, document in self._documents.items():
            for place, statement in enumerate(parse_policy("Rights", document).statements):
                for action in statement.actions:
                    for resource in statement.resources or ():
                        yield Right(role, self._names[role], place, action, resource)

    def unused(self) -> list[Right]:
        """The rights without which nothing that was asked for would have been refused."""
        return [right for right in self.granted if not self.missed_without(right)]

    def missed_without(self, right: Right) -> list[str]:
        """Why what was asked for would be refused if the role had all its rights but this one."""
        policy = parse_policy("Rights", self.without(right))
        whys = (why_refused(ask, Role(right.role), [policy], []) for ask in self._asked_by(right))
        return [why for why in whys if why]

    def refused(self) -> list[str]:
        """Why something that a role of the stack asked for was refused."""
        return [each["why_refused"] for each in self._kinds if each["why_refused"] and each["principal"] in self._names]

    def _asked_by(self, right: Right) -> Iterator[Ask]:
        for each in self._kinds:
            if each["principal"] == right.role and not each["why_refused"]:
                yield Ask(each["action"], each["resource"], tuple((key, value) for key, value in each["context"]))

    def without(self, right: Right) -> dict[str, Any]:
        """The policy of the right's role, but for the right."""
        document: dict[str, Any] = json.loads(json.dumps(self._documents[right.role]))
        kept = document["Statement"].pop(right.place)
        actions, resources = (
            [kept[each]] if isinstance(kept[each], str) else kept[each] for each in ("Action", "Resource")
        )
        others = [{**kept, "Action": each} for each in actions if each != right.action]
        elsewhere = [each for each in resources if each != right.resource]
        if elsewhere:
            others.append({**kept, "Action": right.action, "Resource": elsewhere})
        return {**document, "Statement": [*document["Statement"], *others]}
