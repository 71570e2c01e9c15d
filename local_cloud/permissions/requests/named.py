"""What requests that name their operation ask for: an action of the same name, nearly always."""

from collections.abc import Iterator

from local_cloud.permissions.asks import Ask
from local_cloud.permissions.requests.api_request import ApiRequest

_PREFIXES = {"monitoring": "cloudwatch"}
"""By the name for signing, where actions have another."""
_FREE = {("sts", "GetCallerIdentity")}
"""What needs no permission, and cannot be denied."""
_NAMING = ("TopicArn", "TargetArn", "RoleArn", "ResourceARN", "ResourceArn", "SecretId", "KeyId")
"""The members that are an ARN, in any service."""


def asks_by_name(request: ApiRequest) -> Iterator[Ask]:
    """The action, on the resource where the request names it."""
    if (request.service, request.operation) in _FREE:
        return
    prefix = _PREFIXES.get(request.service, request.service)
    action = f"{prefix}:{request.operation.removesuffix('Batch')}"
    if request.service == "events" and request.operation == "PutEvents":
        for bus in dict.fromkeys(e.get("EventBusName") or "default" for e in request.parameters.get("Entries", [])):
            yield Ask(action, bus if bus.startswith("arn:") else request.arn("events", f"event-bus/{bus}"))
        return
    yield Ask(action, _resource(request), _context(request))


def _resource(request: ApiRequest) -> str:
    given = request.parameters
    if request.service == "kms" and "KeyId" in given:
        return request.full_arn(given["KeyId"], f"key/{given['KeyId']}")
    if request.service == "logs" and given.get("logGroupName"):
        return request.arn("logs", f"log-group:{given['logGroupName']}")
    if request.service == "ssm" and given.get("Name"):
        return request.full_arn(given["Name"], f"parameter/{given['Name'].lstrip('/')}")
    return next((given[name] for name in _NAMING if str(given.get(name, "")).startswith("arn:")), "*")


def _context(request: ApiRequest) -> tuple[tuple[str, str], ...]:
    if request.service == "monitoring" and "Namespace" in request.parameters:
        return (("cloudwatch:namespace", request.parameters["Namespace"]),)
    return ()
