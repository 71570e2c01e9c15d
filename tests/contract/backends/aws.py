"""What makes the requests of a botocore client fail that write."""

from __future__ import annotations

import threading
from typing import Any

from botocore.awsrequest import AWSPreparedRequest, AWSResponse

from tests.support.wire import Fault, answer_lost


class FaultyWrites:
    """Lets the next writes of a client go wrong, each with all the repetitions that botocore makes of it.

    Args:
        service: by the name that botocore's events have for it.
        operations: those that write.
        attempts: how often botocore sends a request that fails.
        refusal: what the service says that is too busy.
    """

    def __init__(self, client: Any, service: str, operations: frozenset[str], *, attempts: int, refusal: Fault) -> None:
        self._operations = operations
        self._attempts = attempts
        self._refusal = refusal
        self._coming: list[Fault] = []
        self._one_at_a_time = threading.Lock()
        client.meta.events.register(f"before-send.{service}.*", self._before_send)

    def lose_answers(self, times: int = 1) -> None:
        self._coming += [answer_lost] * (times * self._attempts)

    def refuse(self, times: int = 1) -> None:
        self._coming += [self._refusal] * (times * self._attempts)

    def heal(self) -> None:
        self._coming.clear()

    def _before_send(self, request: AWSPreparedRequest, event_name: str, **_: Any) -> AWSResponse | None:
        if event_name.rsplit(".", 1)[1] not in self._operations:
            return None
        with self._one_at_a_time:
            fault = self._coming.pop(0) if self._coming else None
        return fault(request) if fault else None
