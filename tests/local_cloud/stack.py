"""A stack that is made of a template, without the CDK."""

from __future__ import annotations

import json
import urllib.request
from typing import Any

from status_tracker_local.account import LEFT_OUT_PATH
from status_tracker_local.cloud import LocalCloud
from tests.local_cloud.support import trust

Template = dict[str, Any]


def inline(source: str, runtime: str = "python3.14") -> Template:
    """A function with that code, and its role, as `Function` and `Role`."""
    function = {
        "Runtime": runtime,
        "Handler": "index.handler",
        "Role": {"Fn::GetAtt": ["Role", "Arn"]},
        "Code": {"ZipFile": source},
    }
    return {
        "Role": {
            "Type": "AWS::IAM::Role",
            "Properties": {"AssumeRolePolicyDocument": trust("lambda.amazonaws.com")},
        },
        "Function": {"Type": "AWS::Lambda::Function", "Properties": function},
    }


class Stack:
    """A stack of the running cloud; requests are made once, so that each error is seen."""

    def __init__(self, cloud: LocalCloud, name: str) -> None:
        self.cloud = cloud
        self.name = name
        self._client = cloud.client("cloudformation")

    def create(self, resources: Template, **parts: Any) -> None:
        self._client.create_stack(StackName=self.name, TemplateBody=json.dumps({"Resources": resources, **parts}))

    def update(self, resources: Template, **parts: Any) -> None:
        self._client.update_stack(StackName=self.name, TemplateBody=json.dumps({"Resources": resources, **parts}))

    def delete(self) -> None:
        self._client.delete_stack(StackName=self.name)

    def template(self) -> Any:
        return self._client.get_template(StackName=self.name)["TemplateBody"]

    def resources(self) -> dict[str, str]:
        found = self._client.describe_stack_resources(StackName=self.name)["StackResources"]
        return {each["LogicalResourceId"]: each["PhysicalResourceId"] for each in found}

    def outputs(self) -> dict[str, str]:
        [stack] = self._client.describe_stacks(StackName=self.name)["Stacks"]
        return {each["OutputKey"]: each["OutputValue"] for each in stack.get("Outputs", [])}

    def exists(self) -> bool:
        return self.name in {each["StackName"] for each in self._client.describe_stacks()["Stacks"]}

    def queues(self) -> set[str]:
        urls = self.cloud.client("sqs").list_queues(QueueNamePrefix=self.name).get("QueueUrls", [])
        return {url.rpartition("/")[2].split("-")[1] for url in urls}


def left_out(stack: Stack) -> Any:
    """What the cloud says that it has left out of a stack."""
    address = f"{stack.cloud.environment['AWS_ENDPOINT_URL']}{LEFT_OUT_PATH}?stack={stack.name}"
    with urllib.request.urlopen(address) as told:  # noqa: S310 - our own server
        return json.load(told)
