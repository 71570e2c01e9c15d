"""Policies: parsed once, then asked whether they cover an action on a resource.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements.html
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from status_tracker_local.permissions.asks import Ask, Principal, Service
from status_tracker_local.permissions.conditions import Test, parse_conditions
from status_tracker_local.permissions.errors import UnknownStatementError
from status_tracker_local.permissions.wildcards import listed, pattern

KNOWN_ELEMENTS = {"Sid", "Effect", "Principal", "Action", "Resource", "Condition"}
_EFFECTS = ("Allow", "Deny")
_KINDS_OF_PRINCIPAL = ("AWS", "Service")


@dataclass(frozen=True)
class Statement:
    """One statement.

    Attributes:
        where: its policy and its place in that, for messages.
        allows: whether its effect is ``Allow``.
        actions, resources: the texts of the policy; no resources in a policy that says who may take a role.
        principals: to whom it applies, as pairs of a kind and a name; None in the policy of a role.
        conditions: the tests that must hold.
    """

    where: str
    allows: bool
    actions: tuple[str, ...]
    resources: tuple[str, ...] | None
    principals: tuple[tuple[str, str], ...] | None
    conditions: tuple[Test, ...]
    _action: re.Pattern[str]
    _resource: re.Pattern[str]

    def names_action(self, ask: Ask) -> bool:
        """Whether the action is one of its own."""
        return self._action.match(ask.action) is not None

    def names_resource(self, ask: Ask) -> bool:
        """Whether the resource is one of its own."""
        return self._resource.match(ask.resource) is not None

    def covers(self, ask: Ask, context: Mapping[str, str]) -> bool:
        """Whether action, resource and conditions all fit."""
        return (
            self.names_action(ask)
            and self.names_resource(ask)
            and all(condition.holds(context) for condition in self.conditions)
        )

    def applies_to(self, principal: Principal) -> bool:
        """Whether it names who asks, or everybody."""
        for kind, name in self.principals or ():
            if name == "*" and kind in {"*", "AWS"}:
                return True
            if isinstance(principal, Service):
                if kind == "Service" and name == principal.name:
                    return True
            elif kind == "AWS" and name in {principal.arn, str(principal)}:
                return True
        return False

    def applies_to_account_of(self, principal: Principal) -> bool:
        """Whether it names the account: all of it where it denies; where it allows, the account's policies decide."""
        root = re.compile(rf"({principal.account}|arn:[a-z-]+:iam::{principal.account}:root)\Z")
        return any(kind == "AWS" and root.match(name) is not None for kind, name in self.principals or ())


@dataclass(frozen=True)
class Policy:
    """A policy and the statements in it; `name` is for messages."""

    name: str
    statements: tuple[Statement, ...]


def parse_policy(name: str, document: str | bytes | Mapping[str, Any]) -> Policy:
    """Read a policy.

    Raises:
        UnknownStatementError: it has something that cannot be judged here; the message names policy and statement.
    """
    content = json.loads(document) if isinstance(document, (str, bytes)) else document
    found = []
    for place, raw in enumerate(listed(content.get("Statement", [])), start=1):
        where = f"{name}, statement {place}" + (f" ({raw['Sid']})" if raw.get("Sid") else "")
        try:
            found.append(_statement(where, raw))
        except UnknownStatementError as error:
            raise UnknownStatementError(f"{where}: {error}") from error
    return Policy(name, tuple(found))


def parse_policy_of_role(name: str, document: str | bytes | Mapping[str, Any]) -> Policy:
    """Read a policy of a role, which applies to that role alone; `UnknownStatementError` as before."""
    policy = parse_policy(name, document)
    if odd := next((each for each in policy.statements if each.principals is not None), None):
        raise UnknownStatementError(f"{odd.where}: Principal, in a policy of a role")
    return policy


def _statement(where: str, raw: Mapping[str, Any]) -> Statement:
    check_elements(raw)
    actions = _texts(raw.get("Action"), "Action")
    resources = _texts(raw["Resource"], "Resource") if "Resource" in raw else None
    principals = tuple(_principals(raw["Principal"])) if "Principal" in raw else None
    return Statement(
        where=where,
        allows=raw["Effect"] == "Allow",
        actions=actions,
        resources=resources,
        principals=principals,
        conditions=parse_conditions(raw.get("Condition") or {}),
        _action=pattern(actions, ignore_case=True),
        _resource=pattern(resources if resources is not None else ["*"]),
    )


def check_elements(raw: Mapping[str, Any]) -> None:
    """Whether a statement has only elements that can be judged here.

    Raises:
        UnknownStatementError: it has others, an effect that is none, or nothing that it is about; the message says it.
    """
    if unknown := sorted(raw.keys() - KNOWN_ELEMENTS):
        raise UnknownStatementError(unknown[0])
    if raw.get("Effect") not in _EFFECTS:
        raise UnknownStatementError(f"the effect {raw.get('Effect')!r}")
    if not raw.keys() & {"Resource", "Principal"}:
        raise UnknownStatementError("it has neither Resource nor Principal")
    principal = raw.get("Principal", {})
    if kinds := sorted(principal.keys() - set(_KINDS_OF_PRINCIPAL)) if isinstance(principal, dict) else []:
        raise UnknownStatementError(f"the kind of principal {kinds[0]}")


def _texts(value: Any, element: str) -> tuple[str, ...]:
    texts = tuple(listed(value))
    if not texts or not all(isinstance(text, str) for text in texts):
        raise UnknownStatementError(f"{element} {value!r}")
    if unknown := next((text for text in texts if "${" in text), None):
        raise UnknownStatementError(f"the policy variable in {unknown!r}")
    return texts


def _principals(value: Any) -> Iterator[tuple[str, str]]:
    if value == "*":
        yield "*", "*"
        return
    for kind, names in value.items():
        yield from ((kind, str(name)) for name in listed(names))


def statements_of(policies: Sequence[Policy]) -> Iterator[Statement]:
    """All statements, in their order."""
    for policy in policies:
        yield from policy.statements
