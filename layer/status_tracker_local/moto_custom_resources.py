"""Custom resources, which functions make for CloudFormation; moto leaves out what makes them work here.

A custom resource is made once: its function is asked to neither change nor delete it.
"""

import json
import os
import uuid
from collections.abc import Iterable, Mapping
from typing import Any

from moto.awslambda.models import LambdaFunction
from moto.awslambda.utils import get_backend
from moto.cloudformation.custom_model import CustomModel
from moto.cloudformation.exceptions import ValidationError
from moto.cloudformation.models import cloudformation_backends

from status_tracker_local.account import CUSTOM_RESOURCES_PATH
from status_tracker_local.deployed import runs_here

_FAILED = "FAILED"


def make_custom_resources() -> None:
    """Moto asks in a thread, goes on without the answer, and has it sent to where a container would find a server.

    Here the answer is waited for, since other resources are made of it; of a function that does not run there is none.
    """

    def create(
        resource_name: str, cloudformation_json: dict[str, Any], account_id: str, region_name: str, **kwargs: Any
    ) -> CustomModel:
        properties = cloudformation_json["Properties"]
        request, logical_id = str(uuid.uuid4()), kwargs["LogicalId"]
        resource = CustomModel(region_name, request, logical_id, resource_name)  # type: ignore[abstract]
        function = get_backend(account_id, region_name).get_function(properties["ServiceToken"])
        if not runs_here(function):
            resource.set_data({})
            return resource
        stack = cloudformation_backends[account_id][region_name].get_stack(kwargs["StackId"])
        stack.add_custom_resource(resource)
        event = {
            "RequestType": "Create",
            "ServiceToken": properties["ServiceToken"],
            "ResponseURL": f"{os.environ['AWS_ENDPOINT_URL']}{CUSTOM_RESOURCES_PATH}",
            "StackId": kwargs["StackId"],
            "RequestId": request,
            "LogicalResourceId": logical_id,
            "ResourceType": kwargs["ResourceType"],
            "ResourceProperties": _as_strings(properties),
        }
        _ask(function, event, resource)
        return resource

    CustomModel.create_from_cloudformation_json = create  # type: ignore[method-assign]


def _ask(function: LambdaFunction, event: Mapping[str, Any], resource: CustomModel) -> None:
    said = function.invoke(json.dumps(event), {}, {})
    if not resource.is_created():
        raise ValidationError(
            message=f"{function.function_name} made no {event['LogicalResourceId']}: it has sent no answer to "
            f"ResponseURL, and returned {said.decode() if isinstance(said, bytes) else said}"
        )
    if resource.data.get("Status") == _FAILED:
        raise ValidationError(message=f"{function.function_name}: {resource.data.get('Reason')}")
    resource.resource_name = resource.data["PhysicalResourceId"]
    resource.set_data(resource.data.get("Data") or {})


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
    _, _, _, region, account, _ = answer["StackId"].split(":", 5)
    stack = cloudformation_backends[account][region].get_stack(answer["StackId"])
    stack.get_custom_resource(answer["LogicalResourceId"]).set_data(answer)
    start_response("200 OK", [("Content-Length", "0")])
    return []
