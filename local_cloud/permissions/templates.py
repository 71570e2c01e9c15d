"""Finds in a CloudFormation template what the local cloud could not judge, before anything of it is deployed."""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from local_cloud.permissions.conditions import check_names
from local_cloud.permissions.errors import UnknownStatementError
from local_cloud.permissions.policies import KNOWN_ELEMENTS, check_elements
from local_cloud.permissions.wildcards import listed

# Where CloudFormation itself fills in, it says AWS::Region, with two colons.
_POLICY_VARIABLE = re.compile(r"\$\{!?[a-z0-9]+:[^:}]")
_REMEDY = (
    f"Say it with {', '.join(sorted(KNOWN_ELEMENTS))} and the condition operators and keys of "
    "local_cloud/permissions/conditions.py."
)


def unknown_statement(template: str) -> str | None:
    """Why the local cloud cannot hold anybody to a policy of the template; None where it can, and for other texts."""
    try:
        resources = json.loads(template)["Resources"]
    except (ValueError, KeyError, TypeError):
        return None
    for logical_id, resource in resources.items():
        for place, statement in enumerate(_statements(resource.get("Properties", {})), start=1):
            try:
                _check(statement)
            except UnknownStatementError as error:
                name = f"{place} ({statement['Sid']})" if statement.get("Sid") else str(place)
                return f"The local cloud cannot judge statement {name} of {logical_id}: {error}. {_REMEDY}"
    return None


def _statements(value: Any) -> Iterator[Mapping[str, Any]]:
    """Each statement in the properties of a resource, also those that a condition of the template chooses."""
    if isinstance(value, list):
        for each in value:
            yield from _statements(each)
    elif isinstance(value, dict):
        for name, inner in value.items():
            if name == "Statement":
                yield from _chosen(listed(inner))
            else:
                yield from _statements(inner)


def _chosen(values: list[Any]) -> Iterator[Mapping[str, Any]]:
    for value in values:
        if isinstance(value, dict) and "Fn::If" in value:
            yield from _chosen(value["Fn::If"][1:])
        elif isinstance(value, dict) and "Ref" not in value:
            yield value


def _check(statement: Mapping[str, Any]) -> None:
    check_elements(statement)
    for operator, tests in _conditions(statement.get("Condition") or {}):
        for key in tests:
            check_names(operator, key)
    for text in _texts([statement.get("Resource"), statement.get("Condition")]):
        if _POLICY_VARIABLE.search(text):
            raise UnknownStatementError(f"the policy variable in {text!r}")


def _conditions(block: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for operator, tests in block.items():
        if operator == "Fn::If":
            for each in tests[1:]:
                yield from _conditions(each)
        elif operator != "Ref":
            yield operator, tests


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        yield from _texts(list(value.values()))
    elif isinstance(value, list):
        for each in value:
            yield from _texts(each)
