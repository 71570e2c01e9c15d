"""A synthesized stack, and what makes its template readable."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from aws_cdk import App, Stack, assertions

from documents_stack.settings import Settings
from documents_stack.stack import StatusTrackerStack

CONTEXT = json.loads((Path(__file__).parents[2] / "cdk.json").read_text())["context"]
STAGES = tuple(CONTEXT["stages"])


def plain(value: Any) -> Any:
    """`value` with its CloudFormation functions as text: ``<TasksTable.Arn>/*``; generated ids lose their hash."""
    if isinstance(value, list):
        return [plain(item) for item in value]
    if not isinstance(value, Mapping):
        return value
    match dict(value):
        case {"Fn::GetAtt": [name, attribute]}:
            return f"<{readable(name)}.{attribute}>"
        case {"Ref": name}:
            return f"<{readable(name)}>"
        case {"Fn::Join": [separator, parts]}:
            return separator.join(str(plain(part)) for part in parts)
        case other:
            return {key: plain(item) for key, item in other.items()}


def readable(text: str) -> str:
    """`text` without the hashes at the end of generated ids."""
    return re.sub(r"(?<=\w)[0-9A-F]{8}\b", "", text)


def listed(value: Any) -> list[Any]:
    """What IAM writes as one value or as a list, as a list."""
    return value if isinstance(value, list) else [value]


@dataclass(frozen=True)
class Synthesized:
    """A stack of a stage with its settings, and its template by type and readable id."""

    stack: Stack
    settings: Settings
    template: dict[str, Any]

    @classmethod
    def of(cls, stack: StatusTrackerStack) -> Synthesized:
        """Synthesize the app of `stack`."""
        return cls(stack, stack.settings, assertions.Template.from_stack(stack).to_json())

    def of_type(self, resource_type: str) -> dict[str, dict[str, Any]]:
        """The resources of that type, whole, with functions as text."""
        return {
            readable(name): plain(resource)
            for name, resource in self.template["Resources"].items()
            if resource["Type"] == resource_type
        }

    def properties(self, resource_type: str, containing: str = "") -> dict[str, Any]:
        """The properties of the one resource of that type whose id contains that text."""
        [resource] = [r for name, r in self.of_type(resource_type).items() if containing in name]
        return resource["Properties"]

    @property
    def outputs(self) -> dict[str, Any]:
        """The stack's outputs, with functions as text."""
        return plain(self.template["Outputs"])

    @cached_property
    def workflow(self) -> dict[str, Any]:
        """The state machine's definition."""
        return json.loads(self.properties("AWS::StepFunctions::StateMachine", "Workflow")["DefinitionString"])

    @property
    def steps(self) -> dict[str, Any]:
        """The states that invoke a step's function, in their order."""
        return {name: state for name, state in self.workflow["States"].items() if state["Type"] == "Task"}


def prod_settings() -> Settings:
    """The settings of the stage prod."""
    return Settings.from_context(CONTEXT["stages"], "prod")


def new_app(stage: str | None, **context: Any) -> App:
    """An app with the context of cdk.json, whose assets are not bundled."""
    return App(context={**CONTEXT, "stage": stage, "aws:cdk:bundling-stacks": [], **context})
