"""The pollers of all event source mappings that moto holds."""

import time
from collections.abc import Callable
from functools import partial
from typing import Any, Protocol

from moto.awslambda.models import lambda_backends
from moto.sqs.models import sqs_backends

from status_tracker_local.deployed import DeployedFunctions
from status_tracker_local.event_source import EventSource
from status_tracker_local.permissions.judge import Judge
from status_tracker_local.permissions.services import poller_may
from status_tracker_local.stream_source import StreamSource

# How soon a new event source mapping is polled.
_RECONCILE_SECONDS = 0.5


class _Poller(Protocol):
    def start(self) -> None: ...

    def stop(self) -> None: ...


def poll_event_sources(functions: DeployedFunctions, judge: Judge, observe_age: Callable[[str, float], None]) -> None:
    """Keep one poller for each enabled mapping of a queue or a stream to a function, until this process ends.

    Args:
        functions: runs functions.
        judge: says what their roles may do.
        observe_age: as `StreamSource` has it.
    """
    pollers: dict[str, _Poller] = {}
    may = partial(poller_may, judge)

    def poller_of(mapping: Any) -> _Poller:
        if ":dynamodb:" in mapping.event_source_arn:
            return StreamSource(mapping, functions.invoke_by_arn, may, observe_age)
        queues = sqs_backends[mapping.account_id][mapping.region]
        return EventSource(mapping, queues, functions.invoke_by_arn, may)

    while True:
        wanted = {
            mapping.uuid: mapping
            for regions in list(lambda_backends.values())
            for backend in list(regions.values())
            for mapping in backend.list_event_source_mappings("", "")
            if mapping.enabled and any(f":{kind}:" in mapping.event_source_arn for kind in ("sqs", "dynamodb"))
        }
        for uuid in pollers.keys() - wanted.keys():
            pollers.pop(uuid).stop()
        for uuid in wanted.keys() - pollers.keys():
            pollers[uuid] = poller_of(wanted[uuid])
            pollers[uuid].start()
        time.sleep(_RECONCILE_SECONDS)
