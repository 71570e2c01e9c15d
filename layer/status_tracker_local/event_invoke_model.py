"""An EventInvokeConfig as a resource of CloudFormation. To define the class is to deploy them: see `moto_patches`."""

from typing import Any, Self

from moto.awslambda.models import EventInvokeConfig
from moto.awslambda.utils import get_backend
from moto.core.common_models import CloudFormationModel

_SETTINGS = ("MaximumRetryAttempts", "MaximumEventAgeInSeconds", "DestinationConfig")


class StackEventInvokeConfig(CloudFormationModel):
    """How a function of a stack is invoked asynchronously."""

    __module__ = EventInvokeConfig.__module__  # moto takes the service from it

    def __init__(self, function_name: str, qualifier: str) -> None:
        self.function_name = function_name
        self.physical_resource_id = f"{function_name}|{qualifier}"

    @staticmethod
    def cloudformation_name_type() -> str:
        return ""

    @staticmethod
    def cloudformation_type() -> str:
        return "AWS::Lambda::EventInvokeConfig"

    @classmethod
    def create_from_cloudformation_json(
        cls,
        resource_name: str,  # noqa: ARG003 - it is named after its function
        cloudformation_json: dict[str, Any],
        account_id: str,
        region_name: str,
        **_: Any,
    ) -> Self:
        properties = cloudformation_json["Properties"]
        created = cls(properties["FunctionName"], properties["Qualifier"])
        config: dict[str, Any] = {name: properties[name] for name in _SETTINGS if name in properties}
        for name in _SETTINGS[:2]:
            if name in config:
                config[name] = int(config[name])
        get_backend(account_id, region_name).put_function_event_invoke_config(created.function_name, config)
        return created

    @classmethod
    def update_from_cloudformation_json(
        cls,
        original_resource: Self,
        new_resource_name: str,
        cloudformation_json: dict[str, Any],
        account_id: str,
        region_name: str,
    ) -> Self:
        original_resource.delete(account_id, region_name)
        return cls.create_from_cloudformation_json(new_resource_name, cloudformation_json, account_id, region_name)

    def delete(self, account_id: str, region_name: str) -> None:
        """Leave the function to Lambda's own settings."""
        get_backend(account_id, region_name).delete_function_event_invoke_config(self.function_name)
