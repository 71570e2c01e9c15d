"""What lies between the library and DynamoDB: counts the requests, and makes the network and the service fail.

It hangs on botocore's own events, so that botocore's retries see a fault exactly as they would see a real one.
"""

from __future__ import annotations

import io
import json
import threading
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from typing import Any

from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.exceptions import ConnectionClosedError, EndpointConnectionError
from botocore.httpsession import URLLib3Session

Fault = Callable[[AWSPreparedRequest], AWSResponse | None]
"""What happens to one request: an answer in place of DynamoDB's, None to let it through, or an exception."""

ALWAYS = 1_000


def passed(_request: AWSPreparedRequest) -> None:
    """No fault: the request goes through."""


def sent(request: AWSPreparedRequest) -> AWSResponse:
    """No fault either: the request has gone through, and here is DynamoDB's answer."""
    with closing(URLLib3Session()) as session:
        return session.send(request)


def answer_lost(request: AWSPreparedRequest) -> AWSResponse:
    """DynamoDB does what was asked, and its answer never arrives."""
    sent(request)
    raise ConnectionClosedError(endpoint_url=request.url)


def answered_500_although_done(request: AWSPreparedRequest) -> AWSResponse:
    """DynamoDB does what was asked, and says that it failed."""
    sent(request)
    return server_error(request)


def cut(request: AWSPreparedRequest) -> AWSResponse:
    """The request never leaves."""
    raise EndpointConnectionError(endpoint_url=request.url)


def throttled(request: AWSPreparedRequest) -> AWSResponse:
    return _refusal(request, 400, "ProvisionedThroughputExceededException")


def server_error(request: AWSPreparedRequest) -> AWSResponse:
    return _refusal(request, 500, "InternalServerError")


def access_denied(request: AWSPreparedRequest) -> AWSResponse:
    return _refusal(request, 400, "AccessDeniedException")


def refused(code: str) -> Fault:
    """DynamoDB does nothing, and that code says why."""
    return lambda request: _refusal(request, 400, code)


def unprocessed(request: AWSPreparedRequest) -> AWSResponse:
    """A BatchGetItem that DynamoDB accepts and does not get round to."""
    asked = json.loads(request.body)["RequestItems"]
    return _response(request, 200, {"Responses": {table: [] for table in asked}, "UnprocessedKeys": asked})


def nothing_written(request: AWSPreparedRequest) -> AWSResponse:
    """A BatchWriteItem that DynamoDB accepts and does not get round to."""
    return _response(request, 200, {"UnprocessedItems": json.loads(request.body)["RequestItems"]})


def partly_unprocessed(request: AWSPreparedRequest) -> AWSResponse:
    """A BatchGetItem of which DynamoDB leaves every other key undone."""
    asked = json.loads(request.body)["RequestItems"]
    left = {table: {**wanted, "Keys": wanted["Keys"][1::2]} for table, wanted in asked.items()}
    for wanted in asked.values():
        wanted["Keys"] = wanted["Keys"][::2]
    with closing(URLLib3Session()) as session:
        body = json.dumps({"RequestItems": asked}).encode()
        smaller = {name: value for name, value in request.headers.items() if name != "Content-Length"}
        answer = session.send(AWSPreparedRequest(request.method, request.url, smaller, body, stream_output=False))
    return _response(request, 200, {**json.loads(answer.content), "UnprocessedKeys": left})


def transaction_cancelled(*codes: str) -> Fault:
    """DynamoDB gives up on a transaction; a code for each of its writes says why."""
    reasons = [{"Code": code, **({} if code == "None" else {"Message": "by the test"})} for code in codes]
    error = {"__type": "com.amazonaws.dynamodb.v20120810#TransactionCanceledException", "CancellationReasons": reasons}
    message = f"Transaction cancelled, please refer cancellation reasons for specific reasons [{', '.join(codes)}]"
    return lambda request: _response(request, 400, {**error, "Message": message})


def then(fault: Fault, action: Callable[[], object]) -> Fault:
    """The fault, and after it the action; meanwhile the sender of the request is waiting."""

    def both(request: AWSPreparedRequest) -> AWSResponse | None:
        try:
            return fault(request)
        finally:
            action()

    return both


class Wire:
    """Watches the requests of one botocore client.

    Attributes:
        client: that client, for what a test wants to do by itself.
    """

    def __init__(self, client: Any) -> None:
        self.client = client
        self._lock = threading.Lock()
        self._sent: Counter[str] = Counter()
        self._faults: defaultdict[str, deque[Fault]] = defaultdict(deque)
        client.meta.events.register("before-send.dynamodb.*", self._before_send)

    def inject(self, operation: str, *faults: Fault, times: int = 1) -> None:
        """Let these things happen, in order, to the next requests of an operation."""
        self._faults[operation].extend(faults * times)

    def pending(self, operation: str) -> int:
        """How many faults of an operation have not happened yet."""
        return len(self._faults[operation])

    def heal(self) -> None:
        """Forget the faults that have not happened yet."""
        self._faults.clear()

    @contextmanager
    def counting(self) -> Iterator[Counter[str]]:
        """The requests sent within the block, by operation, repeated ones included; filled at its end."""
        counted: Counter[str] = Counter()
        before = self._sent.copy()
        yield counted
        counted.update(self._sent - before)

    @contextmanager
    def reading(self, operation: str) -> Iterator[list[dict[str, Any]]]:
        """The requests of an operation that are sent within the block: what they ask, as DynamoDB reads it."""
        asked: list[dict[str, Any]] = []

        def read(request: AWSPreparedRequest, event_name: str, **_: Any) -> None:
            if event_name.endswith(f".{operation}"):
                asked.append(json.loads(request.body))

        with self._listening("before-send.dynamodb.*", read):
            yield asked

    @contextmanager
    def measuring(self) -> Iterator[list[dict[str, float]]]:
        """The capacity units of each write within the block, by the table and its indexes."""
        consumed: list[dict[str, float]] = []

        def ask(params: dict[str, Any], **_: Any) -> None:
            params["ReturnConsumedCapacity"] = "INDEXES"

        def note(parsed: dict[str, Any], **_: Any) -> None:
            capacity = parsed.get("ConsumedCapacity")
            if capacity is None:  # of a refused write it is not told
                return
            indexes = capacity.get("GlobalSecondaryIndexes", {})
            by_index = {name: index["CapacityUnits"] for name, index in indexes.items()}
            consumed.append({"table": capacity["Table"]["CapacityUnits"], **by_index})

        with (
            self._listening("provide-client-params.dynamodb.*", ask),
            self._listening("after-call.dynamodb.*", note),
        ):
            yield consumed

    @contextmanager
    def _listening(self, event: str, handler: Callable[..., object]) -> Iterator[None]:
        self.client.meta.events.register_first(event, handler)  # before a fault keeps the request from it
        try:
            yield
        finally:
            self.client.meta.events.unregister(event, handler)

    def _before_send(self, request: AWSPreparedRequest, event_name: str, **_: Any) -> AWSResponse | None:
        operation = event_name.rsplit(".", 1)[1]
        with self._lock:
            self._sent[operation] += 1
            fault = self._faults[operation].popleft() if self._faults[operation] else passed
        return fault(request)


class _Body(io.BytesIO):
    def stream(self, **_: Any) -> Iterator[bytes]:
        yield self.read()


def _refusal(request: AWSPreparedRequest, status: int, code: str) -> AWSResponse:
    return _response(request, status, {"__type": f"com.amazonaws.dynamodb.v20120810#{code}", "message": "by the test"})


def _response(request: AWSPreparedRequest, status: int, body: dict[str, Any]) -> AWSResponse:
    headers = {"Content-Type": "application/x-amz-json-1.0", "x-amzn-RequestId": "by-the-test"}
    return AWSResponse(request.url, status, headers, _Body(json.dumps(body).encode()))
