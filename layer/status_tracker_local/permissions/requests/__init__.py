"""What a request to an AWS API asks for: one action on one resource, or several of them."""

from collections.abc import Callable, Iterator, Mapping

from status_tracker_local.permissions.asks import Ask
from status_tracker_local.permissions.requests.api_request import ApiRequest
from status_tracker_local.permissions.requests.dynamodb import asks_of_dynamodb
from status_tracker_local.permissions.requests.named import asks_by_name
from status_tracker_local.permissions.requests.rest import asks_of_rest
from status_tracker_local.permissions.requests.s3 import asks_of_s3
from status_tracker_local.permissions.requests.sqs import asks_of_sqs
from status_tracker_local.permissions.requests.states import asks_of_states

_BY_SERVICE: Mapping[str, Callable[[ApiRequest], Iterator[Ask]]] = {
    "dynamodb": asks_of_dynamodb,
    "s3": asks_of_s3,
    "sqs": asks_of_sqs,
    "states": asks_of_states,
}


def asks_of(request: ApiRequest) -> list[Ask]:
    """What the policies must allow for the request to be answered; nothing for one that needs no permission."""
    special = _BY_SERVICE.get(request.service)
    if special:
        return list(special(request))
    return list(asks_by_name(request) if request.operation else asks_of_rest(request))
