"""Finds in a CloudFormation template what the local cloud could not judge, before anything of it is deployed."""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

import yaml  # type: ignore[import-untyped]
from moto.cloudformation.utils import yaml_tag_constructor

from status_tracker_local.permissions.conditions import check_names
from status_tracker_local.permissions.errors import UnknownStatementError
from status_tracker_local.permissions.policies import KNOWN_ELEMENTS, check_elements
from status_tracker_local.permissions.wildcards import listed

_POLICIES = ("PolicyDocument", "Policy")
# Where CloudFormation itself fills in, it says AWS::Region, with two colons.
_POLICY_VARIABLE = re.compile(r"\$\{!?[a-z0-9]+:[^:}]")
_REMEDY = (
    f"Say it with {', '.join(sorted(KNOWN_ELEMENTS))} and the condition operators and keys of "
    "layer/status_tracker_local/permissions/conditions.py."
)


def unknown_statement(template: str) -> str | None:
    """Why the local cloud cannot hold anybody to a policy of the template; None where it can, and for other texts."""
    for logical_id, resource in _resources(template).items():
        properties = resource.get("Properties", {}) if isinstance(resource, dict) else {}
        for place, statement in enumerate(_statements(properties), start=1):
            try:
                _check(statement)
            except UnknownStatementError as error:
                name = f"{place} ({statement['Sid']})" if statement.get("Sid") else str(place)
                return f"The local cloud cannot judge statement {name} of {logical_id}: {error}. {_REMEDY}"
    return None


def _resources(template: str) -> Mapping[str, Any]:
    try:
        found = _read(template)["Resources"]
    except (KeyError, TypeError):
        return {}
    return found if isinstance(found, dict) else {}


def _read(text: str) -> Any:
    """A template in JSON or YAML, with the short forms of CloudFormation's functions; None for other texts."""
    try:
        return json.loads(text)
    except ValueError:
        if "Resources" not in text:
            return None
    try:
        return yaml.load(text, _Loader)  # noqa: S506  # it is a SafeLoader
    except yaml.YAMLError:
        return None


class _Loader(yaml.SafeLoader):  # type: ignore[misc]
    pass


_Loader.add_multi_constructor("", yaml_tag_constructor)


def _statements(value: Any, *, in_policy: bool = False) -> Iterator[Mapping[str, Any]]:
    """Each statement in the properties of a resource, also those that a condition of the template chooses.

    What else is called a statement, such as a rule of a firewall, has no effect, and stands in no policy.
    """
    if isinstance(value, list):
        for each in value:
            yield from _statements(each, in_policy=in_policy)
    elif isinstance(value, dict):
        for name, inner in value.items():
            if name == "Statement":
                yield from (each for each in _chosen(listed(inner)) if in_policy or "Effect" in each)
            else:
                yield from _statements(inner, in_policy=in_policy or name.endswith(_POLICIES))
    elif isinstance(value, str) and in_policy and value.lstrip().startswith("{"):
        yield from _statements(_read(value), in_policy=True)


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
