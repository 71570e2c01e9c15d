"""The functions that moto holds, invoked in environments of ours."""

import json
from collections.abc import Mapping

from moto.awslambda.models import LambdaFunction
from moto.awslambda.utils import get_backend

from status_tracker_local.asynchronous import AsynchronousInvocations
from status_tracker_local.functions import Functions
from status_tracker_local.permissions.errors import RefusedError
from status_tracker_local.permissions.judge import Judge
from status_tracker_local.runtime_api import Outcome
from status_tracker_local.sandbox import Function


class DeployedFunctions:
    """Invokes what was deployed, with the code, layers and settings it has now.

    Args:
        functions: runs functions.
        environment: what every runtime process sees before the function's own variables.
        judge: gives each function the credentials of its role.
    """

    def __init__(self, functions: Functions, environment: Mapping[str, str], judge: Judge) -> None:
        self._functions = functions
        self._environment = environment
        self._judge = judge
        self._asynchronous = AsynchronousInvocations(self.invoke)

    def invoke(self, model: LambdaFunction, event: bytes, *, patience: float | None = None) -> Outcome:
        """Invoke one of moto's functions and wait for what becomes of it; `patience` as in `Functions.invoke`."""
        if not runs_here(model):
            said = f"The local cloud runs functions of Python; {model.function_name} is one of {model.run_time}."
            return _failure("InvalidRuntimeException", said)
        try:
            function = self._function(model)
        except RefusedError as error:
            said = f"The role defined for the function cannot be assumed by Lambda. {error}"
            return _failure("AccessDeniedException", said)
        return self._functions.invoke(function, event, patience=patience)

    def invoke_by_arn(self, arn: str, event: bytes) -> Outcome:
        """Invoke the function with this ARN, as an event source does."""
        return self.invoke(self._model(arn), event)

    def accept(self, model: LambdaFunction, event: bytes) -> None:
        """Invoke one of moto's functions asynchronously: it is tried again when it fails."""
        self._asynchronous.accept(model, event)

    def accept_by_arn(self, arn: str, event: bytes) -> None:
        """Invoke the function with this ARN asynchronously, as a schedule does."""
        self.accept(self._model(arn), event)

    def _model(self, arn: str) -> LambdaFunction:
        account, region = arn.split(":")[4], arn.split(":")[3]
        return get_backend(account, region).get_function(arn)

    def _function(self, model: LambdaFunction) -> Function:
        backend = get_backend(model.account_id, model.region)
        session = self._judge.session(model.role, service="lambda.amazonaws.com", source_arn=model.function_arn)
        layers = [backend.layers_versions_by_arn(layer["Arn"]) for layer in model.layers]
        return Function(
            name=model.function_name,
            arn=model.function_arn,
            handler=str(model.handler),
            timeout=float(model.timeout),
            code=self._functions.unpack(model.code_bytes, model.code_sha_256),
            layers=tuple(self._functions.unpack(layer.code_bytes, layer.code_sha_256) for layer in layers if layer),
            environment={
                **self._environment,
                **_reserved_variables(model),
                **_own_variables(model),
                **session.environment,
            },
        )


def runs_here(model: LambdaFunction) -> bool:
    """Whether the function is of Python, of whatever version: it runs on this machine's."""
    return str(model.run_time).startswith("python")


def _failure(error_type: str, said: str) -> Outcome:
    return Outcome(json.dumps({"errorType": error_type, "errorMessage": said}).encode(), is_error=True)


def _reserved_variables(model: LambdaFunction) -> dict[str, str]:
    """https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html"""
    return {
        "_HANDLER": str(model.handler),
        "AWS_EXECUTION_ENV": f"AWS_Lambda_{model.run_time}",
        "AWS_LAMBDA_FUNCTION_NAME": model.function_name,
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(model.memory_size),
        "AWS_LAMBDA_FUNCTION_VERSION": str(model.version),
        "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
        "AWS_LAMBDA_LOG_GROUP_NAME": model.logs_group_name,
        "AWS_LAMBDA_LOG_STREAM_NAME": "local",
        "AWS_REGION": model.region,
        "AWS_DEFAULT_REGION": model.region,
    }


def _own_variables(model: LambdaFunction) -> dict[str, str]:
    return {name: str(value) for name, value in model.environment_vars.items()}
