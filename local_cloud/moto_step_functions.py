"""What moto's Step Functions leave out and the application needs; `local_cloud.moto_patches` has the rest.

``tests/local_cloud/test_moto_needs_patches.py`` holds, for each, the proof that moto still needs it.
"""

import functools
import sys
import threading
import uuid
from typing import Any

import boto3
from botocore.config import Config
from moto.core.config import default_user_config
from moto.stepfunctions import models as stepfunctions_models
from moto.stepfunctions.parser import models as parser_models
from moto.stepfunctions.parser.api import HistoryEventType
from moto.stepfunctions.parser.asl.component.common.error_name.failure_event import FailureEvent, FailureEventException
from moto.stepfunctions.parser.asl.component.common.error_name.states_error_name import StatesErrorName
from moto.stepfunctions.parser.asl.component.common.error_name.states_error_name_type import StatesErrorNameType
from moto.stepfunctions.parser.asl.component.state.exec.state_map.iteration.distributed_iteration_component import (
    DistributedIterationComponent,
)
from moto.stepfunctions.parser.asl.component.state.exec.state_task.credentials import StateCredentials
from moto.stepfunctions.parser.asl.parse.asl_parser import AmazonStateLanguageParser
from moto.stepfunctions.parser.asl.parse.preprocessor import Preprocessor
from moto.stepfunctions.parser.asl.utils import boto_client

from local_cloud.permissions.asks import Ask, Role
from local_cloud.permissions.errors import RefusedError
from local_cloud.permissions.guard import Guard
from local_cloud.permissions.sessions import Session

# Longer than any task: the state's own timeout ends it.
_CLIENT_SECONDS = 99_999_999


def execute_state_machines() -> None:
    """State machines made by CloudFormation land in a backend that does not execute them."""
    default_user_config["stepfunctions"] = {"execute_state_machine": True}
    stepfunctions_models.stepfunctions_backends = parser_models.stepfunctions_parser_backends  # type: ignore[assignment]


def keep_executor_clients(guard: Guard) -> None:
    """The executor makes a boto3 client per task, which is slow, not safe from several threads, and has no role."""
    lock = threading.Lock()
    clients: dict[tuple[str, str, str], Any] = {}
    original = boto_client.boto_client_for

    def client_for(region: str, service: str, state_credentials: StateCredentials) -> Any:
        role_arn = state_credentials.role_arn
        source_arn = _machine_of_role(role_arn, region)
        session = guard.session(role_arn, service="states.amazonaws.com", source_arn=source_arn)
        with lock:
            key = (service, region, role_arn)
            if key not in clients:
                clients[key] = _client(service, region, session)
            return clients[key]

    for module in list(sys.modules.values()):
        if getattr(module, "boto_client_for", None) is original:
            setattr(module, "boto_client_for", client_for)  # noqa: B010 - it is one of many modules


def _client(service: str, region: str, session: Session) -> Any:
    return boto3.client(
        service,  # type: ignore[call-overload]
        region_name=region,
        aws_access_key_id=session.environment["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=session.environment["AWS_SECRET_ACCESS_KEY"],
        aws_session_token=session.environment["AWS_SESSION_TOKEN"],
        config=Config(
            parameter_validation=False,
            retries={"total_max_attempts": 1},
            connect_timeout=_CLIENT_SECONDS,
            read_timeout=_CLIENT_SECONDS,
            max_pool_connections=100,
        ),
    )


def _machine_of_role(role_arn: str, region: str) -> str:
    """The state machine that acts under a role; a role that a task names for itself has none."""
    account = role_arn.split(":")[4]
    machines: list[Any] = parser_models.stepfunctions_parser_backends[account][region].state_machines
    found = next((machine.arn for machine in list(machines) if machine.role_arn == role_arn), None)
    return found or f"arn:aws:states:{region}:{account}:stateMachine:any"


def name_executions() -> None:
    """An execution that is started without a name gets none, and so is taken for the one before it."""
    backend = parser_models.StepFunctionsParserBackend
    original = backend.start_execution

    def start_execution(self: Any, state_machine_arn: str, name: str | None = None, *args: Any, **kwargs: Any) -> Any:
        return original(self, state_machine_arn, name or str(uuid.uuid4()), *args, **kwargs)

    backend.start_execution = start_execution  # type: ignore[method-assign]


def hold_maps_to_their_role(guard: Guard) -> None:
    """On AWS a Distributed Map starts executions of its own state machine, for which the role needs the right."""
    original = DistributedIterationComponent._map_run

    def map_run(self: Any, env: Any, eval_input: Any) -> None:
        machine_arn = env.states.context_object.context_object_data["StateMachine"]["Id"]
        role = Role(env.aws_execution_details.role_arn, machine_arn.rpartition(":")[2])
        try:
            guard.require(role, Ask("states:StartExecution", machine_arn))
        except RefusedError as error:
            name = StatesErrorName(typ=StatesErrorNameType.StatesPermissions)
            details: Any = {"mapRunFailedEventDetails": {"error": name.error_name, "cause": str(error)}}
            failed = FailureEvent(env, name, HistoryEventType.MapRunFailed, details)
            raise FailureEventException(failed) from error
        original(self, env, eval_input)

    DistributedIterationComponent._map_run = map_run  # type: ignore[method-assign]


def fail_maps_with_too_many_failures() -> None:
    """A Distributed Map goes well whatever fails of it; here it fails when it has run, on AWS as soon as it must."""
    original = DistributedIterationComponent._map_run

    def map_run(self: Any, env: Any, eval_input: Any) -> None:
        original(self, env, eval_input)
        failed, tolerated = eval_input.map_run_record.item_counter.failed.get(), eval_input.tolerated_failure_count
        if failed <= tolerated:
            return
        name = StatesErrorName(typ=StatesErrorNameType.StatesExceedToleratedFailureThreshold)
        cause = f"{failed} items have failed, of which {tolerated} are tolerated."
        details: Any = {"mapRunFailedEventDetails": {"error": name.error_name, "cause": cause}}
        raise FailureEventException(FailureEvent(env, name, HistoryEventType.MapRunFailed, details))

    DistributedIterationComponent._map_run = map_run  # type: ignore[method-assign]


def parse_definitions_once() -> None:
    """The executor parses its state machine's definition anew for each execution, which takes longer than running it.

    What it evaluates is made anew from the parsed definition all the same.
    """
    original = AmazonStateLanguageParser.parse

    @functools.lru_cache(maxsize=64)
    def parsed(definition: str) -> Any:
        return original(definition)[1]

    def parse(definition: str) -> tuple[Any, Any]:
        tree = parsed(definition)
        return Preprocessor().visit(tree), tree

    AmazonStateLanguageParser.parse = staticmethod(parse)  # type: ignore[method-assign]
