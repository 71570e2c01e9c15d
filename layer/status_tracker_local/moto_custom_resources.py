"""Custom resources, which functions make for CloudFormation; moto leaves out what makes them work here."""

import json
import os
import uuid
from collections.abc import Iterable, Mapping
from typing import Any, Self

from moto.awslambda.models import LambdaFunction
from moto.awslambda.utils import get_backend
from moto.cloudformation import parsing
from moto.cloudformation.custom_model import CustomModel
from moto.cloudformation.exceptions import ValidationError
from moto.core.common_models import CloudFormationModel

from status_tracker_local.account import CUSTOM_RESOURCES_PATH
from status_tracker_local.deployed import runs_here

_FAILED = "FAILED"
# By either name CloudFormation knows a custom resource; the CDK takes this one unless told another.
_UNNAMED = "AWS::CloudFormation::CustomResource"
_NAMED = "Custom::"

_AWAITING: dict[str, "_Custom"] = {}
"""The resources whose functions are asked now, by the id of the request."""


def is_custom(resource_type: str) -> bool:
    """Whether a resource of that type is whatever its function makes of it."""
    return resource_type == _UNNAMED or resource_type.startswith(_NAMED)


def make_custom_resources() -> None:
    """Moto asks in a thread, goes on without the answer, and has it sent to where a container would find a server.

    It does not ask at all for changes and deletions, nor for resources of the type without a name. Here the answer is
    waited for, since other resources are made of it; of a function that does not run there is none.
    """
    original = parsing.resource_class_from_type

    def class_of(resource_type: str) -> type[CloudFormationModel]:
        return _Custom if is_custom(resource_type) else original(resource_type)

    parsing.resource_class_from_type = class_of


class _Custom(CustomModel):
    """A custom resource, with what its function was last asked for."""

    __module__ = CustomModel.__module__  # moto takes the service from it

    stack_id: str
    kind: str
    properties: Mapping[str, Any]
    is_deleted = False

    @classmethod
    def create_from_cloudformation_json(
        cls,
        resource_name: str,
        cloudformation_json: dict[str, Any],
        account_id: str,  # noqa: ARG003
        region_name: str,
        **kwargs: Any,
    ) -> Self:
        resource = cls(region_name, "", kwargs["LogicalId"], resource_name)
        resource.stack_id, resource.kind = kwargs["StackId"], kwargs["ResourceType"]
        resource.properties = cloudformation_json["Properties"]
        resource.ask("Create", resource.properties)
        return resource

    @classmethod
    def update_from_cloudformation_json(
        cls,
        original_resource: Self,
        new_resource_name: str,  # noqa: ARG003 - the function gives the name
        cloudformation_json: dict[str, Any],
        account_id: str,  # noqa: ARG003
        region_name: str,  # noqa: ARG003
    ) -> Self:
        before, name = original_resource.properties, original_resource.resource_name
        properties = cloudformation_json["Properties"]
        asked = {"PhysicalResourceId": name, "OldResourceProperties": _as_strings(before)}
        original_resource.ask("Update", properties, **asked)
        original_resource.properties = properties
        if original_resource.resource_name != name:
            original_resource.ask("Delete", before, PhysicalResourceId=name)
        return original_resource

    def delete(self, account_id: str, region_name: str) -> None:  # noqa: ARG002 - moto passes them
        """Ask the function for the deletion, once."""
        if not self.is_deleted:
            self.ask("Delete", self.properties, PhysicalResourceId=self.resource_name)
        self.is_deleted = True

    def ask(self, what: str, properties: Mapping[str, Any], **more: Any) -> None:
        """Have the function do something, and keep what it answers.

        Raises:
            ValidationError: it has failed, or does not answer.
        """
        _, _, _, region, account, _ = self.stack_id.split(":", 5)
        function = get_backend(account, region).get_function(properties["ServiceToken"])
        before = self.data
        if not runs_here(function):
            self.set_data({})
            return
        event = {
            "RequestType": what,
            "ServiceToken": properties["ServiceToken"],
            "ResponseURL": f"{os.environ['AWS_ENDPOINT_URL']}{CUSTOM_RESOURCES_PATH}",
            "StackId": self.stack_id,
            "RequestId": str(uuid.uuid4()),
            "LogicalResourceId": self.logical_id,
            "ResourceType": self.kind,
            "ResourceProperties": _as_strings(properties),
            **more,
        }
        self._finished = False
        answer, why = self._answer(function, event)
        if why or what == "Delete":
            self.set_data(before)
        else:
            self.resource_name = answer["PhysicalResourceId"]
            self.set_data(answer.get("Data") or {})
        if why:
            raise ValidationError(message=f"{function.function_name}: {why}")

    def _answer(self, function: LambdaFunction, event: Mapping[str, Any]) -> tuple[Mapping[str, Any], str]:
        """What the function has sent, and why it has failed, if it has."""
        _AWAITING[event["RequestId"]] = self
        try:
            said = function.invoke(json.dumps(event), {}, {})
        finally:
            del _AWAITING[event["RequestId"]]
        if not self.is_created():
            returned = said.decode() if isinstance(said, bytes) else said
            return {}, (
                f"made no {self.logical_id}: it has sent no answer to ResponseURL when asked to "
                f"{event['RequestType']}, and returned {returned}"
            )
        failed = self.data.get("Status") == _FAILED
        return self.data, str(self.data.get("Reason") or "it gives no reason") if failed else ""


def delete_custom_resources(resources: Any, names: Iterable[str]) -> None:
    """Delete those of the names that are custom resources, as long as there are functions to ask."""
    for name in names:
        resource = resources._parsed_resources.get(name)
        if isinstance(resource, _Custom):
            resource.delete(resources._account_id, resources._region_name)


def _as_strings(value: Any) -> Any:
    """What CloudFormation sends: each number and boolean as a string, however deep it stands."""
    if isinstance(value, dict):
        return {name: _as_strings(each) for name, each in value.items()}
    if isinstance(value, list):
        return [_as_strings(each) for each in value]
    return str(value).lower() if isinstance(value, bool) else str(value)


def take_answer(environ: Mapping[str, Any], start_response: Any) -> Iterable[bytes]:
    """The WSGI application to which the functions answer, at `CUSTOM_RESOURCES_PATH`."""
    answer = json.loads(environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0)))
    if resource := _AWAITING.get(answer["RequestId"]):
        resource.set_data(answer)
    start_response("200 OK", [("Content-Length", "0")])
    return []
