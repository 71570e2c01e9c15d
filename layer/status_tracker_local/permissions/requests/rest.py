"""What requests ask for whose method and path tell the operation, but those to S3."""

import re
from collections.abc import Callable, Iterator
from typing import NamedTuple

from status_tracker_local.permissions.asks import Ask
from status_tracker_local.permissions.requests.api_request import ApiRequest


class Route(NamedTuple):
    """One kind of request.

    Attributes:
        service: the service, by the name for signing.
        method, path: the method, and what the whole path matches.
        action: the action that it needs.
        resource: what makes the ARN of the matched path.
    """

    service: str
    method: str
    path: re.Pattern[str]
    action: str
    resource: Callable[[ApiRequest, re.Match[str]], str]


def _function(request: ApiRequest, found: re.Match[str]) -> str:
    return request.full_arn(found["name"], f"function:{found['name']}")


def _schedule(request: ApiRequest, found: re.Match[str]) -> str:
    group = request.query.get("groupName") or str(request.parameters.get("GroupName") or "default")
    return request.arn("scheduler", f"schedule/{group}/{found['name']}")


def _model(request: ApiRequest, found: re.Match[str]) -> str:
    name = found["name"]
    if name.startswith("arn:"):
        return name
    if _PROFILE.match(name):
        return request.arn("bedrock", f"inference-profile/{name}")
    return f"arn:aws:bedrock:{request.region}::foundation-model/{name}"


# A profile's name begins with a geography; no maker of models has such a name.
_PROFILE = re.compile(r"([a-z]{2}|[a-z]{2}-gov|apac|global)\.")
_SCHEDULES = re.compile(r"/schedules/(?P<name>[^/]+)\Z")
_CONVERSATIONS = re.compile(r"/model/(?P<name>.+)/(converse|invoke)\Z")
_STREAMS = re.compile(r"/model/(?P<name>.+)/(converse-stream|invoke-with-response-stream)\Z")
_INVOCATIONS = re.compile(r"/[0-9-]+/functions/(?P<name>[^/]+)/invocations\Z")

_ROUTES = (
    Route("lambda", "POST", _INVOCATIONS, "lambda:InvokeFunction", _function),
    Route("scheduler", "POST", _SCHEDULES, "scheduler:CreateSchedule", _schedule),
    Route("scheduler", "PUT", _SCHEDULES, "scheduler:UpdateSchedule", _schedule),
    Route("scheduler", "GET", _SCHEDULES, "scheduler:GetSchedule", _schedule),
    Route("scheduler", "DELETE", _SCHEDULES, "scheduler:DeleteSchedule", _schedule),
    Route("bedrock", "POST", _CONVERSATIONS, "bedrock:InvokeModel", _model),
    Route("bedrock", "POST", _STREAMS, "bedrock:InvokeModelWithResponseStream", _model),
    Route("xray", "POST", re.compile(r"/TraceSegments\Z"), "xray:PutTraceSegments", lambda *_: "*"),
    Route("xray", "POST", re.compile(r"/TelemetryRecords\Z"), "xray:PutTelemetryRecords", lambda *_: "*"),
)


def asks_of_rest(request: ApiRequest) -> Iterator[Ask]:
    """The action and its resource.

    What is not known here asks for an action that has no name: only the right to do everything in a service covers it.
    """
    for route in _ROUTES:
        is_of_route = route.service == request.service and route.method == request.method
        if is_of_route and (found := route.path.match(request.path)):
            yield Ask(route.action, route.resource(request, found))
            return
    yield Ask(f"{request.service}:({request.method} {request.path})")
