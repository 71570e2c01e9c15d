"""What of a stack's template is not in the account, since the local cloud does not have it."""

from collections.abc import Iterator
from typing import Any

from moto.cloudformation import parsing
from moto.cloudformation.models import Stack, cloudformation_backends

from status_tracker_local.moto_custom_resources import is_custom
from status_tracker_local.moto_unchanged import unchanged


def left_out(stack_name: str) -> dict[str, list[str]]:
    """The ``types`` of resources of which nothing is deployed, and what else is not as in the template, as ``lines``.

    Custom resources are whatever their functions make of them.
    """
    stacks = [each for found in _named(stack_name) for each in _with_nested(found)]
    types = {each["Type"] for stack in stacks for each in stack.template_dict["Resources"].values()}
    return {"types": sorted(each for each in types if not _is_known(each)), "lines": [*_lines(stacks)]}


def _lines(stacks: list[Stack]) -> Iterator[str]:
    for stack in stacks:
        for what in unchanged(stack.resource_map):
            yield f"Left as it was, since the local cloud cannot change it: {what}."


def _is_known(resource_type: str) -> bool:
    return is_custom(resource_type) or resource_type in parsing.get_model_map() or resource_type in parsing.NULL_MODELS


def _named(stack_name: str) -> list[Stack]:
    backends = [backend for regions in list(cloudformation_backends.values()) for backend in list(regions.values())]
    return [stack for each in backends for stack in list(each.stacks.values()) if stack.name == stack_name]


def _with_nested(stack: Stack) -> Iterator[Stack]:
    yield stack
    resources: Any = stack.resource_map
    for each in list(resources._parsed_resources.values()):
        if isinstance(each, Stack):
            yield from _with_nested(each)
