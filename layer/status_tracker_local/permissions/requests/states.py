"""What requests to Step Functions ask for.

https://docs.aws.amazon.com/service-authorization/latest/reference/list_awsstepfunctions.html
"""

from collections.abc import Iterator

from moto.stepfunctions.parser.models import stepfunctions_parser_backends

from status_tracker_local.permissions.asks import Ask
from status_tracker_local.permissions.requests.api_request import ApiRequest

_NAMING = ("stateMachineArn", "executionArn", "mapRunArn", "activityArn", "resourceArn")


def asks_of_states(request: ApiRequest) -> Iterator[Ask]:
    """The state machine, or one of its executions; whoever answers a task token needs a right on the machine."""
    given = request.parameters
    if "taskToken" in given:
        resource = _machine_that_waits(request, given["taskToken"])
    else:
        resource = next((given[name] for name in _NAMING if given.get(name)), "*")
    yield Ask(f"states:{request.operation}", resource)


def _machine_that_waits(request: ApiRequest, token: str) -> str:
    backend = stepfunctions_parser_backends[request.account][request.region]
    for machine in list(backend.state_machines):
        for execution in list(machine.executions):
            worker = getattr(execution, "exec_worker", None)
            if worker is not None and worker.env.callback_pool_manager.get(token) is not None:
                return str(machine.arn)
    return "*"
