"""What `cdk synth` has made of an app: its stacks, and what of them the local cloud does not have."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from status_tracker_local.account import ACCOUNT_ID, REGION
from status_tracker_local.errors import LocalCloudError

_MANIFEST = "manifest.json"
_STACK = "aws:cloudformation:stack"
_NESTED = "cdk:cloud-assembly"
_ASSETS = "cdk:asset-manifest"
_NESTED_TEMPLATE = ".nested.template.json"
_PYTHON = "python"


@dataclass(frozen=True)
class Stack:
    """A synthesized stack.

    Attributes:
        path: by which the CDK's command line selects it, such as ``Stage/Stack``.
        name: as CloudFormation knows it.
        environment: ``aws://ACCOUNT/REGION``; either may be unknown.
        templates: its CloudFormation template, and those of the stacks that are nested in it.
        images: the Docker images that it is made with, by the path of their construct.
        needs: the paths of the stacks that are deployed before it.
    """

    path: str
    name: str
    environment: str
    templates: Sequence[Mapping[str, Any]]
    images: Sequence[str]
    needs: frozenset[str]


def read_stacks(assembly: Path) -> list[Stack]:
    """The stacks of a cloud assembly, with those of its stages."""
    artifacts = _manifest(assembly).get("artifacts", {})
    stacks = [_stack(assembly, name, artifacts) for name, each in artifacts.items() if each["type"] == _STACK]
    nested = [each["properties"]["directoryName"] for each in artifacts.values() if each["type"] == _NESTED]
    return [*stacks, *(stack for folder in nested for stack in read_stacks(assembly / folder))]


def missing_context(assembly: Path) -> list[str]:
    """What the app would look up in an AWS account, by its key in ``cdk.context.json``."""
    if not (assembly / _MANIFEST).exists():
        return []
    manifest = _manifest(assembly)
    nested = [each for each in manifest.get("artifacts", {}).values() if each["type"] == _NESTED]
    below = [key for each in nested for key in missing_context(assembly / each["properties"]["directoryName"])]
    return sorted({*(each["key"] for each in manifest.get("missing") or []), *below})


def chosen(stacks: Sequence[Stack], names: Sequence[str]) -> list[Stack]:
    """The stacks of those names, or all, with those that they need.

    Raises:
        LocalCloudError: there is no such stack.
    """
    if not stacks:
        raise LocalCloudError("The app has no stacks, so there is nothing to deploy.")
    for name in names:
        if not any(name in {stack.path, stack.name} for stack in stacks):
            known = ", ".join(stack.path for stack in stacks)
            raise LocalCloudError(f"The app has no stack {name!r}; it has {known}.")
    wanted = {stack.path for stack in stacks if not names or {stack.path, stack.name} & {*names}}
    before: set[str] = set()
    while before != wanted:
        before = wanted
        wanted = wanted | {need for stack in stacks if stack.path in wanted for need in stack.needs}
    return [stack for stack in stacks if stack.path in wanted]


def check_deployable(stacks: Iterable[Stack]) -> None:
    """Raise `LocalCloudError` where the local cloud could not deploy the stacks; it names each construct."""
    reasons = [reason for stack in stacks for reason in _hindrances(stack)]
    if reasons:
        raise LocalCloudError("\n".join(reasons))


def other_runtimes(stack: Stack) -> list[str]:
    """The functions that do not run here, since they are not of Python, with what they provide to CloudFormation."""
    return [told for template in stack.templates for told in _other_runtimes(_resources(template))]


def _other_runtimes(resources: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    for name, resource in resources.items():
        runtime = resource.get("Properties", {}).get("Runtime", _PYTHON)
        if resource["Type"] == "AWS::Lambda::Function" and not str(runtime).startswith(_PYTHON):
            provided = [construct_path(*each) for each in resources.items() if f'"{name}"' in _service_token(each[1])]
            what = f", so nothing is made of {', '.join(provided)}" if provided else ""
            yield f"{construct_path(name, resource)} ({runtime if isinstance(runtime, str) else 'not Python'}){what}"


def _resources(template: Mapping[str, Any]) -> Mapping[str, Mapping[str, Any]]:
    """The resources of the template, by their logical ids."""
    resources: Mapping[str, Mapping[str, Any]] = template.get("Resources", {})
    return resources


def construct_path(name: str, resource: Mapping[str, Any]) -> str:
    """The path of the construct that the resource belongs to, or else its logical id."""
    path = str(resource.get("Metadata", {}).get("aws:cdk:path", name))
    return path.removesuffix("/Resource").removesuffix("/Default")


def _hindrances(stack: Stack) -> Iterator[str]:
    account, region = stack.environment.removeprefix("aws://").split("/")
    if account not in {"unknown-account", ACCOUNT_ID} or region not in {"unknown-region", REGION}:
        yield (
            f"The stack {stack.path} is for {stack.environment}, and the local cloud plays the account {ACCOUNT_ID} in "
            f"{REGION}. Leave its `env` out, or take it from CDK_DEFAULT_ACCOUNT and CDK_DEFAULT_REGION."
        )
    functions = [
        construct_path(name, each)
        for template in stack.templates
        for name, each in _resources(template).items()
        if "ImageUri" in (each.get("Properties", {}).get("Code") or {})
    ]
    for path in functions or stack.images:
        yield (
            f"{path} is made of a Docker image, and the local cloud runs without Docker. Package it as a zip file "
            "(`Function` with `Code.from_asset`), or choose the stacks that do without by --stack."
        )


def _manifest(assembly: Path) -> Mapping[str, Any]:
    manifest: Mapping[str, Any] = json.loads((assembly / _MANIFEST).read_text(encoding="utf-8"))
    return manifest


def _stack(assembly: Path, name: str, artifacts: Mapping[str, Any]) -> Stack:
    artifact = artifacts[name]
    needs = [artifacts[each] for each in artifact.get("dependencies", []) if each in artifacts]
    assets = [
        json.loads((assembly / each["properties"]["file"]).read_text()) for each in needs if each["type"] == _ASSETS
    ]
    images = [each for assets_of_one in assets for each in assets_of_one.get("dockerImages", {}).items()]
    files = [
        each["source"].get("path", "") for assets_of_one in assets for each in assets_of_one.get("files", {}).values()
    ]
    nested = [file for file in files if file.endswith(_NESTED_TEMPLATE)]
    return Stack(
        path=artifact.get("displayName", name),
        name=artifact["properties"].get("stackName", name),
        environment=artifact["environment"],
        templates=[
            json.loads((assembly / file).read_text(encoding="utf-8"))
            for file in (artifact["properties"]["templateFile"], *nested)
        ],
        images=[image.get("displayName", key) for key, image in images],
        needs=frozenset(
            artifacts[each].get("displayName", each)
            for each in artifact.get("dependencies", [])
            if each in artifacts and artifacts[each]["type"] == _STACK
        ),
    )


def _service_token(resource: Mapping[str, Any]) -> str:
    """What provides a custom resource; empty for any other resource."""
    return json.dumps(resource.get("Properties", {}).get("ServiceToken", ""))
