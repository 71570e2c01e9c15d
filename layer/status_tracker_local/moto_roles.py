"""What moto leaves out so that whatever runs here acts under its role; `permissions` judges what it may do.

``tests/local_cloud/test_moto_needs_patches.py`` holds, for each, the proof that moto still needs it.
"""

import sys
import threading
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError
from moto.awslambda import models as lambda_models
from moto.awslambda.exceptions import InvalidParameterValueException
from moto.cloudformation import parsing
from moto.iam.access_control import PermissionResult
from moto.iam.models import ManagedPolicy, Role
from moto.s3 import models as s3_models
from moto.sqs.models import Queue
from moto.stepfunctions.parser import models as parser_models
from moto.stepfunctions.parser.api import HistoryEventType
from moto.stepfunctions.parser.asl.component.common.error_name.failure_event import FailureEvent, FailureEventException
from moto.stepfunctions.parser.asl.component.common.error_name.states_error_name import StatesErrorName
from moto.stepfunctions.parser.asl.component.common.error_name.states_error_name_type import StatesErrorNameType
from moto.stepfunctions.parser.asl.component.state.exec.state_map.iteration.distributed_iteration_component import (
    DistributedIterationComponent,
)
from moto.stepfunctions.parser.asl.component.state.exec.state_task.credentials import StateCredentials
from moto.stepfunctions.parser.asl.component.state.exec.state_task.service.state_task_service_lambda import (
    StateTaskServiceLambda,
)
from moto.stepfunctions.parser.asl.utils import boto_client

from status_tracker_local.in_process import answer_in_process
from status_tracker_local.moto_patches import after
from status_tracker_local.moto_streams import on_failure_of
from status_tracker_local.other_sites import Application
from status_tracker_local.permissions.asks import Ask
from status_tracker_local.permissions.asks import Role as ActingRole
from status_tracker_local.permissions.errors import RefusedError
from status_tracker_local.permissions.judge import Judge
from status_tracker_local.permissions.services import check_event_source
from status_tracker_local.permissions.sessions import Session


def hold_to_roles(judge: Judge, aws: Application) -> None:
    """Mend moto in this process, after `status_tracker_local.moto_patches.apply_patches`.

    Args:
        judge: says what roles may do.
        aws: the WSGI application that answers the requests of state machines.
    """
    _deploy_policies()
    _leave_bucket_policies_to_the_judge()
    _keep_policies_of_queues()
    _check_event_sources(judge)
    _act_as_the_state_machine(judge, aws)
    _hold_maps_to_their_role(judge)
    _name_the_refusal_to_invoke()


def _deploy_policies() -> None:
    """CloudFormation does not know the policies of queues, buckets and topics, and forgets rights of roles.

    It forgets the managed policies of a role, and with an update all changes of a role or a managed policy.
    """
    from status_tracker_local.permissions import deployed_policies  # noqa: PLC0415 - moto knows a model by its class

    parsing.get_model_map.cache_clear()
    parsing.get_name_type_map.cache_clear()
    after(Role, "create_from_cloudformation_json", deployed_policies.give_rights)
    after(Role, "update_from_cloudformation_json", deployed_policies.give_rights)
    policy: Any = ManagedPolicy
    policy.update_from_cloudformation_json = classmethod(deployed_policies.update_managed_policy)


def _leave_bucket_policies_to_the_judge() -> None:
    """Moto judges the deletion of several objects by the bucket's policy, without its conditions."""
    bucket: Any = s3_models.FakeBucket
    bucket.get_permission = lambda *_: PermissionResult.NEUTRAL


def _keep_policies_of_queues() -> None:
    """A queue of which another attribute is set loses its policy."""
    original = Queue._set_attributes

    def set_attributes(self: Queue, attributes: dict[str, Any], now: float | None = None) -> None:
        kept = {"Policy": self.policy} if hasattr(self, "_policy_json") else {}
        original(self, {**kept, **attributes}, now)

    Queue._set_attributes = set_attributes  # type: ignore[method-assign]


def _check_event_sources(judge: Judge) -> None:
    """Moto lets a queue or a stream be the event source of a function that may not poll it."""
    original = lambda_models.LambdaBackend.create_event_source_mapping

    def create(self: lambda_models.LambdaBackend, spec: dict[str, Any]) -> lambda_models.EventSourceMapping:
        function, source = self.get_function(spec["FunctionName"]), spec["EventSourceArn"]
        try:
            check_event_source(judge, function.function_arn, source, on_failure_of(spec))
        except RefusedError as error:
            kind = "queue" if ":sqs:" in source else "stream"
            said = f"The function's execution role may not poll the {kind}. {error}"
            raise InvalidParameterValueException(said) from error
        return original(self, spec)

    lambda_models.LambdaBackend.create_event_source_mapping = create  # type: ignore[method-assign]


def _act_as_the_state_machine(judge: Judge, aws: Application) -> None:
    """The executor signs with the same key whatever it runs, and makes a boto3 client per task, which is slow.

    So is a connection to the server that it runs in.
    """
    lock = threading.Lock()
    clients: dict[tuple[str, str, str], Any] = {}
    original = boto_client.boto_client_for

    def client_for(region: str, service: str, state_credentials: StateCredentials) -> Any:
        role_arn = state_credentials.role_arn
        source_arn = _machine_of_role(role_arn, region)
        session = judge.session(role_arn, service="states.amazonaws.com", source_arn=source_arn)
        key = (service, region, role_arn)
        with lock:
            if key not in clients:
                clients[key] = _client(service, region, session)
                answer_in_process(clients[key], aws)
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
        ),
    )


def _machine_of_role(role_arn: str, region: str) -> str:
    """The state machine that acts under a role."""
    account = role_arn.split(":")[4]
    machines = parser_models.stepfunctions_parser_backends[account][region].state_machines
    found = next((machine.arn for machine in list(machines) if machine.roleArn == role_arn), None)
    return found or f"arn:aws:states:{region}:{account}:stateMachine:unknown"


def _hold_maps_to_their_role(judge: Judge) -> None:
    """On AWS a Distributed Map starts executions of its own state machine, for which the role needs the right."""
    original = DistributedIterationComponent._map_run

    def map_run(self: Any, env: Any, eval_input: Any) -> None:
        machine_arn = env.states.context_object.context_object_data["StateMachine"]["Id"]
        role = ActingRole(env.aws_execution_details.role_arn, machine_arn.rpartition(":")[2])
        try:
            judge.require(role, Ask("states:StartExecution", machine_arn))
        except RefusedError as error:
            name = StatesErrorName(typ=StatesErrorNameType.StatesPermissions)
            details: Any = {"mapRunFailedEventDetails": {"error": name.error_name, "cause": str(error)}}
            failed = FailureEvent(env, name, HistoryEventType.MapRunFailed, details)
            raise FailureEventException(failed) from error
        original(self, env, eval_input)

    DistributedIterationComponent._map_run = map_run  # type: ignore[method-assign]


def _name_the_refusal_to_invoke() -> None:
    """To a state machine whose role may not invoke a function, Step Functions tells ``Lambda.AWSLambdaException``."""
    original = StateTaskServiceLambda._error_cause_from_client_error

    def error_and_cause(client_error: ClientError) -> tuple[str, str]:
        error, cause = original(client_error)
        return ("Lambda.AWSLambdaException" if error == "Lambda.AccessDeniedException" else error), cause

    service: Any = StateTaskServiceLambda
    service._error_cause_from_client_error = staticmethod(error_and_cause)
