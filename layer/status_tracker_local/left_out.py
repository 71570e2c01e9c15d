"""What of a stack's template is not in the account, since the local cloud does not have it."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from moto.cloudformation import parsing
from moto.cloudformation.models import Stack, cloudformation_backends

from status_tracker_local.missing_services import missing_services
from status_tracker_local.moto_custom_resources import is_custom
from status_tracker_local.moto_unchanged import unchanged

_parse: Any = Stack.parse_template
_SUBSTITUTED = re.compile(r"\$\{([A-Za-z0-9]+)[.}]")


def leave_out_outputs() -> None:
    """Moto breaks off where an output is an attribute of a resource that it does not have."""

    def parse_template(text: str) -> Any:
        template = _parse(text)
        for name in _outputs_without_resource(template):
            del template["Outputs"][name]
        return template

    model: Any = Stack
    model.parse_template = staticmethod(parse_template)


def left_out(stack_name: str) -> dict[str, list[str]]:
    """The ``types`` of resources of which nothing is deployed, and what else is not as in the template, as ``lines``.

    Custom resources are whatever their functions make of them.
    """
    stacks = [each for found in _named(stack_name) for each in _with_nested(found)]
    types = {each["Type"] for stack in stacks for each in stack.template_dict["Resources"].values()}
    return {"types": sorted(each for each in types if not _is_known(each)), "lines": [*_lines(stacks)]}


def _lines(stacks: list[Stack]) -> Iterator[str]:
    for stack in stacks:
        yield from missing_services(stack.template_dict["Resources"])
        for output, resource in _outputs_without_resource(_parse(stack.template)).items():
            yield f"Left out: the output {output} of {stack.name}, which is about {resource}."
        for what in unchanged(stack.resource_map):
            yield f"Left as it was, since the local cloud cannot change it: {what}."


def _outputs_without_resource(template: Mapping[str, Any]) -> Mapping[str, str]:
    """The outputs about resources that are not deployed, each with the resource."""
    types = {name: each["Type"] for name, each in template.get("Resources", {}).items()}
    missing = {name: kind for name, kind in types.items() if not _is_known(kind) or kind in parsing.NULL_MODELS}
    return {
        output: f"{name} ({missing[name]})"
        for output, content in (template.get("Outputs") or {}).items()
        for name in _references(content)
        if name in missing
    }


def _references(value: Any) -> Iterator[str]:
    """The logical ids, and other names, that a part of a template refers to."""
    if isinstance(value, list):
        for each in value:
            yield from _references(each)
    elif isinstance(value, dict):
        for name, inner in value.items():
            if name == "Ref":
                yield inner
            elif name == "Fn::GetAtt":
                yield inner.partition(".")[0] if isinstance(inner, str) else inner[0]
            elif name == "Fn::Sub":
                yield from _SUBSTITUTED.findall(inner if isinstance(inner, str) else inner[0])
                yield from _references(inner)
            else:
                yield from _references(inner)


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
