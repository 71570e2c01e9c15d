"""What requests that name their operation ask for: an action of the same name, nearly always."""

from collections.abc import Iterator

from moto.secretsmanager.models import secretsmanager_backends

from status_tracker_local.permissions.asks import Ask
from status_tracker_local.permissions.requests.api_request import ApiRequest

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
    if request.service == "ssm" and "Names" in request.parameters:
        for name in request.parameters["Names"]:
            yield Ask(action, _parameter(request, name))
        return
    yield Ask(action, _resource(request), _context(request))


def _resource(request: ApiRequest) -> str:
    given = request.parameters
    if request.service == "kms" and "KeyId" in given:
        return request.full_arn(given["KeyId"], f"key/{given['KeyId']}")
    if request.service == "logs" and given.get("logGroupName"):
        return request.arn("logs", f"log-group:{given['logGroupName']}")
    if request.service == "ssm" and given.get("Name"):
        return _parameter(request, given["Name"])
    if request.service == "secretsmanager" and given.get("SecretId"):
        return _secret(request, given["SecretId"])
    return next((given[name] for name in _NAMING if str(given.get(name, "")).startswith("arn:")), "*")


def _parameter(request: ApiRequest, name: str) -> str:
    return request.full_arn(name, f"parameter/{name.lstrip('/')}")


def _secret(request: ApiRequest, given: str) -> str:
    """The full ARN of a secret, which ends with characters that its name has not."""
    wanted = request.full_arn(given, f"secret:{given}")
    held = list(secretsmanager_backends[request.account][request.region].secrets.values())
    return next((secret.arn for secret in held if wanted in {secret.arn, secret.arn.rpartition("-")[0]}), wanted)


def _context(request: ApiRequest) -> tuple[tuple[str, str], ...]:
    if request.service == "monitoring" and "Namespace" in request.parameters:
        return (("cloudwatch:namespace", request.parameters["Namespace"]),)
    return ()
