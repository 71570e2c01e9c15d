"""The deployed stacks, as CloudFormation tells of them."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

# What `cdk bootstrap` deploys.
_OF_THE_CDK = "CDKToolkit"
# What the names of outputs begin with that the CDK makes for the app's other stacks.
_FOR_STACKS = "ExportsOutput"


@dataclass(frozen=True)
class Output:
    """An output of a stack."""

    name: str
    value: str
    description: str


def deployed_stacks(cloudformation: Any) -> Iterator[tuple[str, list[Output]]]:
    """The stacks of apps, each with its outputs, in the order of their names.

    Args:
        cloudformation: a boto3 client.
    """
    pages = cloudformation.get_paginator("describe_stacks").paginate()
    for stack in sorted((each for page in pages for each in page["Stacks"]), key=lambda each: str(each["StackName"])):
        if is_of_an_app(stack["StackName"]):
            yield stack["StackName"], [_output(each) for each in stack.get("Outputs", [])]


def deployed_outputs(cloudformation: Any) -> dict[str, dict[str, str]]:
    """The values of the outputs, by the stack's name and theirs."""
    return {name: {each.name: each.value for each in outputs} for name, outputs in deployed_stacks(cloudformation)}


def is_of_an_app(stack: str) -> bool:
    """Whether the stack of that name is not the CDK's own."""
    return stack != _OF_THE_CDK


def is_for_people(output: str) -> bool:
    """Whether the output of that name is not one that the CDK made for the app's other stacks."""
    return not output.startswith(_FOR_STACKS)


def _output(found: dict[str, str]) -> Output:
    return Output(
        name=found["OutputKey"],
        value=found["OutputValue"],
        description=found.get("Description") or "",
    )
