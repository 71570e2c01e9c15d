"""What moto leaves out and the application needs, each mended in one function that says what it mends.

`apply_patches` names them all; those of moto's Step Functions stand in `status_tracker_local.moto_step_functions`.
``tests/local_cloud/test_moto_needs_patches.py`` holds, for each, the proof that moto still needs it.
"""

import functools
import threading
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any

from moto.awslambda import models as lambda_models
from moto.cloudformation import parsing
from moto.cloudformation.models import CloudFormationBackend
from moto.core.exceptions import JsonRESTError
from moto.dynamodb.models import table as table_models
from moto.events import models as events_models
from moto.s3 import models as s3_models
from moto.sqs.models import Queue
from moto.stepfunctions.parser import models as parser_models

from status_tracker.testing.moto import mend_dynamodb
from status_tracker_local import (
    moto_custom_resources,
    moto_quotas,
    moto_speed,
    moto_stacks,
    moto_step_functions,
    moto_streams,
    moto_unchanged,
)
from status_tracker_local.deployed import DeployedFunctions
from status_tracker_local.functions import WAIT_SECONDS, ThrottledError

Properties = Mapping[str, Any]


def apply_patches(functions: DeployedFunctions) -> None:
    """Mend moto in this process; its Lambda functions are then run by ``functions``."""
    _run_functions(functions)
    _give_functions_their_layers()
    _give_layers_an_arn()
    _apply_bucket_settings()
    _apply_table_settings()
    _keep_buses()
    _deploy_more_types()
    _begin_alarms_without_data()
    _know_the_defaults_of_parameters()
    _make_operations_atomic()
    moto_streams.leave_event_sources_to_the_pollers()
    moto_streams.number_records_on()
    moto_streams.tell_changes_only()
    moto_step_functions.execute_state_machines()
    moto_step_functions.name_executions()
    moto_step_functions.fail_maps_with_too_many_failures()
    moto_step_functions.parse_definitions_once()
    moto_step_functions.abort_executions_at_once()
    moto_quotas.limit_payloads()
    moto_custom_resources.make_custom_resources()
    moto_stacks.mend_stacks()
    moto_unchanged.keep_what_cannot_be_changed()
    moto_speed.make_moto_quicker()


class TooManyRequestsError(JsonRESTError):
    """What Lambda's API answers when there is no environment to be had."""

    code = HTTPStatus.TOO_MANY_REQUESTS

    def __init__(self, message: str) -> None:
        super().__init__("TooManyRequestsException", message)


def _run_functions(functions: DeployedFunctions) -> None:
    """Moto runs functions in Docker, a container an invocation; here they run in runtime processes."""

    def invoke(
        self: lambda_models.LambdaFunction,
        body: str | bytes,
        request_headers: Mapping[str, str],
        response_headers: dict[str, str],
    ) -> bytes:
        event = (body.encode() if isinstance(body, str) else body) or b"{}"
        asynchronous = request_headers.get("X-Amz-Invocation-Type") == "Event"
        moto_quotas.check_event_size(event, asynchronous=asynchronous)
        if asynchronous:
            functions.accept(self, event)
            return b""
        try:
            outcome = moto_quotas.within_response_size(functions.invoke(self, event, patience=WAIT_SECONDS))
        except ThrottledError as error:
            raise TooManyRequestsError(str(error)) from error
        if outcome.is_error:
            response_headers["x-amz-function-error"] = "Unhandled"
        return outcome.payload

    lambda_models.LambdaFunction.invoke = invoke  # type: ignore[method-assign]


def after(model: Any, method: str, then: Callable[[Any, Properties], None]) -> None:
    """Have CloudFormation's creation or update of a model followed by `then(resource, properties)`."""
    original = getattr(model, method)

    def followed(_: type, *args: Any, **kwargs: Any) -> Any:
        resource = original(*args, **kwargs)
        template = kwargs.get("cloudformation_json") or args[1]
        then(resource, template["Properties"])
        return resource

    setattr(model, method, classmethod(followed))


def _give_functions_their_layers() -> None:
    """CloudFormation drops a function's Layers and Architectures when it creates it."""

    def apply(function: lambda_models.LambdaFunction, properties: Properties) -> None:
        function.update_configuration({"Layers": properties.get("Layers", [])})
        function.architectures = properties.get("Architectures", ["x86_64"])

    after(lambda_models.LambdaFunction, "create_from_cloudformation_json", apply)


def _give_layers_an_arn() -> None:
    """The Ref of a layer version is its ARN, of which moto knows nothing, nor how to replace a changed layer."""

    def update(
        cls: type[lambda_models.LayerVersion],
        original_resource: lambda_models.LayerVersion,
        new_resource_name: str,
        cloudformation_json: dict[str, Any],
        account_id: str,
        region_name: str,
    ) -> lambda_models.LayerVersion:
        replacement = cls.create_from_cloudformation_json(
            new_resource_name, cloudformation_json, account_id, region_name
        )
        # The functions keep the old ARN, since nothing in their own templates has changed.
        original_resource.code_bytes = replacement.code_bytes
        original_resource.code_sha_256 = replacement.code_sha_256
        return original_resource

    model: Any = lambda_models.LayerVersion
    model.physical_resource_id = property(lambda layer: layer.arn)
    model.update_from_cloudformation_json = classmethod(update)


def _apply_bucket_settings() -> None:
    """CloudFormation drops a bucket's EventBridge notifications and its public access block."""

    def apply(bucket: s3_models.FakeBucket, properties: Properties) -> None:
        event_bridge = properties.get("NotificationConfiguration", {}).get("EventBridgeConfiguration", {})
        is_enabled = str(event_bridge.get("EventBridgeEnabled", False)).lower() == "true"
        bucket.set_notification_configuration({"EventBridgeConfiguration": {}} if is_enabled else None)
        if block := properties.get("PublicAccessBlockConfiguration"):
            backend = s3_models.s3_backends[bucket.account_id][bucket.partition]
            backend.put_public_access_block(bucket.name, block)

    after(s3_models.FakeBucket, "create_from_cloudformation_json", apply)
    after(s3_models.FakeBucket, "update_from_cloudformation_json", apply)


def _apply_table_settings() -> None:
    """CloudFormation drops a table's point-in-time recovery and its time to live, and whatever changes of it."""
    after(table_models.Table, "create_from_cloudformation_json", moto_unchanged.set_recovery_and_time_to_live)
    moto_unchanged.change_tables()


def _keep_buses() -> None:
    """The Ref of an event bus is its name, of which CloudFormation knows nothing.

    A bus that changes loses its rules, and one with rules cannot be deleted.
    """

    def update(_: Any, /, original_resource: events_models.EventBus, cloudformation_json: Any, **__: Any) -> Any:
        original_resource.description = cloudformation_json["Properties"].get("Description")
        return original_resource

    def delete(self: events_models.EventBus, account_id: str, region_name: str) -> None:
        self.rules.clear()
        events_models.events_backends[account_id][region_name].delete_event_bus(self.name)

    model: Any = events_models.EventBus
    model.physical_resource_id = property(lambda bus: bus.name)
    model.update_from_cloudformation_json = classmethod(update)
    model.delete = delete


def _deploy_more_types() -> None:
    """CloudFormation knows neither schedules, nor alarms, nor how functions are invoked asynchronously.

    What it deploys then is what `status_tracker_local.scheduler`, `.monitoring` and `.asynchronous` go by.
    """
    from status_tracker_local import event_invoke_model, schedule_model  # noqa: F401, PLC0415 - moto knows a model by its class
    from status_tracker_local.monitoring import alarm_model  # noqa: F401, PLC0415

    parsing.get_model_map.cache_clear()
    parsing.get_name_type_map.cache_clear()


def _begin_alarms_without_data() -> None:
    """Moto takes an alarm that nobody has evaluated for OK."""
    from status_tracker_local.monitoring.alarm_model import put_alarms_without_data  # noqa: PLC0415 - to import it is to deploy

    put_alarms_without_data()


def _know_the_defaults_of_parameters() -> None:
    """An update of a stack that keeps a parameter at its default fails, as does each one of CDK's own synthesizer.

    It passes ``BootstrapVersion`` with ``UsePreviousValue``, which moto knows only of what was passed before.
    """
    original = CloudFormationBackend._resolve_update_parameters

    def resolve(self: CloudFormationBackend, instance: Any, incoming_params: list[dict[str, Any]]) -> dict[str, str]:
        slots = getattr(instance, "template_dict", {}).get("Parameters", {})
        given = {each["ParameterKey"]: each for each in incoming_params}
        for name, parameter in given.items():
            left_out = parameter.get("UsePreviousValue") and name not in instance.parameters
            if left_out and "Default" in slots.get(name, {}):
                given[name] = {"ParameterKey": name, "ParameterValue": slots[name]["Default"]}
        return original(self, instance, list(given.values()))

    CloudFormationBackend._resolve_update_parameters = resolve  # type: ignore[method-assign]


def _make_operations_atomic() -> None:
    """On a threaded server a write to a table, a deletion from a queue and a named start are not atomic.

    Two writers whose condition holds would both win and a refused update would be kept in part, a message sent during
    a deletion would be lost, and two executions would get the same name.
    """
    mend_dynamodb()
    _serialize(parser_models.StepFunctionsParserBackend, "start_execution", threading.RLock())
    original = Queue.delete_message

    def delete_message(self: Queue, receipt_handle: str) -> None:
        with self._messages_lock:
            original(self, receipt_handle)

    Queue.delete_message = delete_message  # type: ignore[method-assign]


def _serialize(model: type, method: str, lock: Any) -> None:
    original = getattr(model, method)

    @functools.wraps(original)
    def alone(self: Any, *args: Any, **kwargs: Any) -> Any:
        with lock:
            return original(self, *args, **kwargs)

    setattr(model, method, alone)
