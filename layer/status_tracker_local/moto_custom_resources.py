"""What moto leaves out of custom resources, whose functions answer CloudFormation; see `moto_patches`."""

import os
from typing import Any

from moto import settings
from moto.awslambda.utils import get_backend
from moto.cloudformation.custom_model import CustomModel

from status_tracker_local.deployed import runs_here


def answer_at_once_for_other_runtimes() -> None:
    """A stack waits for ever for a function that does not run; here nothing is made of what it provides."""
    original = CustomModel.create_from_cloudformation_json

    def create(
        resource_name: str, cloudformation_json: dict[str, Any], account_id: str, region_name: str, **kwargs: Any
    ) -> CustomModel:
        function = get_backend(account_id, region_name).get_function(cloudformation_json["Properties"]["ServiceToken"])
        if runs_here(function):
            return original(resource_name, cloudformation_json, account_id, region_name, **kwargs)
        resource = CustomModel(region_name, "not-asked", kwargs["LogicalId"], resource_name)  # type: ignore[abstract]
        resource.set_data({})
        return resource

    CustomModel.create_from_cloudformation_json = create  # type: ignore[method-assign]


def answer_to_this_server() -> None:
    """Functions are sent to a host that a container would find, and no process of this machine."""
    endpoint = os.environ["AWS_ENDPOINT_URL"].rpartition(":")[0]
    settings.moto_server_host = lambda: endpoint  # type: ignore[assignment]
