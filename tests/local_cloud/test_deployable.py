"""What is chosen of a synthesized app, and what the local cloud says of an app that it cannot deploy."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from status_tracker_local.assembly import Stack, other_runtimes, read_stacks
from status_tracker_local.deployment import App, Deployment
from status_tracker_local.errors import LocalCloudError
from tests.local_cloud.tiny_app import ROOT

APP = """
import os
from aws_cdk import App, Environment, NestedStack, Stack, Stage
from aws_cdk import aws_ec2 as ec2, aws_ecr as ecr, aws_lambda as lambda_, aws_sns as sns

app = App()
first = Stack(app, "First", stack_name="named-otherwise")
Stack(app, "Second").add_dependency(first)
Stack(Stage(app, "Test"), "Third")
here = Environment(account=os.environ["CDK_DEFAULT_ACCOUNT"], region=os.environ["CDK_DEFAULT_REGION"])
Stack(app, "Here", env=here)
Stack(app, "Elsewhere", env=Environment(account="111111111111", region="eu-central-1"))
image = Stack(app, "Image")
lambda_.DockerImageFunction(image, "Worker", code=lambda_.DockerImageCode.from_image_asset("image"))
outer = Stack(app, "Outer")
inner = NestedStack(outer, "Inner")
lambda_.Function(inner, "Node", runtime=lambda_.Runtime.NODEJS_22_X, handler="index.handler",
    code=lambda_.Code.from_inline("exports.handler = async () => 1"))
lambda_.DockerImageFunction(NestedStack(inner, "Innermost"), "Deep", code=lambda_.DockerImageCode.from_ecr(
    ecr.Repository.from_repository_name(outer, "Images", "images")))
if app.node.try_get_context("lookup"):
    ec2.Vpc.from_lookup(Stack(app, "Lookup", env=here), "Vpc", is_default=True)
app.synth()
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("app")
    (folder / "cdk.json").write_text('{"app": "python app.py"}')
    (folder / "app.py").write_text(APP)
    (folder / "image").mkdir()
    (folder / "image" / "Dockerfile").write_text("FROM scratch")
    return folder


@pytest.fixture(autouse=True, scope="module")
def _the_cdk_is_on_the_path() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", str(ROOT / "node_modules" / ".bin"), prepend=":")
        yield


class Synthesized:
    """The app, synthesized once; which of it is deployed is asked anew."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.assembly = folder / ".local" / "cdk.out"
        self._state = folder / ".local"
        (self._state / "logs").mkdir(parents=True)
        deployment = Deployment(App(folder), state=self._state, endpoint="http://localhost:1")
        self._synth = deployment.synth()

    def stacks(self, *names: str) -> list[Stack]:
        app = App(self._folder, stacks=names)
        return Deployment(app, state=self._state, endpoint="http://localhost:1").stacks(self._synth)


@pytest.fixture(scope="module")
def synthesized(folder: Path) -> Synthesized:
    return Synthesized(folder)


@pytest.mark.parametrize(
    ("names", "paths"),
    [
        (["First"], ["First"]),
        (["named-otherwise"], ["First"]),
        (["Second"], ["First", "Second"]),
        (["Test/Third"], ["Test/Third"]),
        (["Test-Third", "Here"], ["Here", "Test/Third"]),
    ],
)
def test_stacks_are_chosen_with_those_that_they_need(
    synthesized: Synthesized, names: list[str], paths: list[str]
) -> None:
    assert [stack.path for stack in synthesized.stacks(*names)] == paths


def test_a_stack_that_is_not_there_is_told_with_those_that_are(synthesized: Synthesized) -> None:
    with pytest.raises(LocalCloudError, match="The app has no stack 'Fisrt'; it has First, Second, Here, Elsewhere"):
        synthesized.stacks("Fisrt")


def test_all_that_cannot_be_deployed_is_named(synthesized: Synthesized) -> None:
    with pytest.raises(LocalCloudError) as told:
        synthesized.stacks()
    elsewhere, image, nested = str(told.value).splitlines()
    assert re.match(
        "The stack Elsewhere is for aws://111111111111/eu-central-1, and .* 123456789012 in us-ea", elsewhere
    )
    assert image.startswith("Image/Worker is made of a Docker image, and the local cloud runs without Docker.")
    assert nested.startswith("Outer/Inner/Innermost/Deep is made of a Docker image")


def test_functions_of_other_languages_are_named_in_nested_stacks_too(synthesized: Synthesized) -> None:
    [outer] = [stack for stack in read_stacks(synthesized.assembly) if stack.path == "Outer"]
    assert other_runtimes(outer) == ["Outer/Inner/Node (nodejs22.x)"]


def test_a_lookup_is_refused_with_what_is_looked_up(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "logs").mkdir()
    deployment = Deployment(App(folder, {"lookup": "yes"}), state=tmp_path, endpoint="http://localhost:1")
    with pytest.raises(LocalCloudError, match=r"cannot: vpc-provider:account=123456789012:.*cdk\.context\.json"):
        deployment.stacks(deployment.synth())


def test_a_folder_without_an_app_is_told(tmp_path: Path) -> None:
    with pytest.raises(LocalCloudError, match=f"{tmp_path} has no cdk.json: give the folder of a CDK app, by --app"):
        Deployment(App(tmp_path), state=tmp_path, endpoint="http://localhost:1")


def test_a_missing_cdk_is_told(folder: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "node").symlink_to("/bin/true")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(LocalCloudError, match=r"Run `npm install aws-cdk@2` in "):
        Deployment(App(folder), state=tmp_path, endpoint="http://localhost:1")
