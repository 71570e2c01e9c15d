"""The Lambda Runtime API of one execution environment.

https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html, as far as a runtime client uses it: it asks for
the next invocation, answers it or reports an error, and reports when it cannot start.
"""

import queue
import sys
import threading
from dataclasses import dataclass
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, cast

PREFIX = "/2018-06-01/runtime"


@dataclass(frozen=True)
class Invocation:
    """One event on its way to a function.

    ``deadline_ms`` is when the function times out, in milliseconds since 1970.
    """

    request_id: str
    function_arn: str
    event: bytes
    deadline_ms: int


@dataclass(frozen=True)
class Outcome:
    """What became of an invocation: the response, or the error object when ``is_error``."""

    payload: bytes
    is_error: bool


class RuntimeApi:
    """Serves exactly one runtime process, on a port of its own.

    ``started`` is set as soon as that process asks for work; ``outcomes`` receives what it answers, and what
    else ends an invocation (the watcher of the process puts its exit there too).
    """

    def __init__(self) -> None:
        self.started = threading.Event()
        self.outcomes: queue.SimpleQueue[Outcome] = queue.SimpleQueue()
        self._invocations: queue.SimpleQueue[Invocation | None] = queue.SimpleQueue()
        self._server = _Server(self)
        threading.Thread(target=self._server.serve_forever, name="runtime-api", daemon=True).start()

    @property
    def address(self) -> str:
        """What the runtime client expects in ``AWS_LAMBDA_RUNTIME_API``."""
        return f"127.0.0.1:{self._server.server_port}"

    def offer(self, invocation: Invocation) -> None:
        """Hand an invocation to the runtime process, which takes it when it next asks."""
        self._invocations.put(invocation)

    def next(self) -> Invocation | None:
        """Wait for the next invocation; None when the environment is being shut down."""
        self.started.set()
        return self._invocations.get()

    def close(self) -> None:
        """Let go of the process, if it still waits for work, and of the port."""
        self._invocations.put(None)
        self._server.shutdown()
        self._server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def __init__(self, api: RuntimeApi) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.api = api

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of a connection that ended with its process."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # Head and body go out in one segment at once: held back by Nagle's algorithm each hop costs 45 ms.
    disable_nagle_algorithm = True
    wbufsize = -1

    @property
    def _api(self) -> RuntimeApi:
        return cast("_Server", self.server).api

    def do_GET(self) -> None:
        invocation = self._api.next() if self.path == f"{PREFIX}/invocation/next" else None
        if invocation is None:
            self.close_connection = True
            return
        self.send_response_only(HTTPStatus.OK)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(invocation.event)))
        self.send_header("Lambda-Runtime-Aws-Request-Id", invocation.request_id)
        self.send_header("Lambda-Runtime-Deadline-Ms", str(invocation.deadline_ms))
        self.send_header("Lambda-Runtime-Invoked-Function-Arn", invocation.function_arn)
        self.end_headers()
        self.wfile.write(invocation.event)

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        is_error = self.path.endswith("/error")  # of an invocation, or of the initialization
        self._api.outcomes.put(Outcome(body, is_error))
        self.send_response_only(HTTPStatus.ACCEPTED)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - http.server's signature
        """Say nothing: the function's own log tells what happened."""
