"""A bus that notes what it is told, refuses some of it, and loses answers: what EventBridge does at its worst."""

from __future__ import annotations

import json
import random
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

REFUSED, LOST = 0.1, 0.02


class Bus:
    """What was told, in order.

    Attributes:
        heard: the details of the events; of a request of which an event was refused, those before it: the others are
            told again.
    """

    def __init__(self, seed: int) -> None:
        self.heard: list[dict[str, Any]] = []
        self.requests = 0
        self._dice = random.Random(seed)  # noqa: S311  # no secret
        self._one_at_a_time = threading.Lock()

    def put(self, entries: list[dict[str, Any]]) -> list[dict[str, Any]] | None:
        """The answer for each entry; None where no answer arrives."""
        with self._one_at_a_time:
            self.requests += 1
            details = [json.loads(each["Detail"]) for each in entries]
            refused = self._dice.randrange(len(entries)) if self._dice.random() < REFUSED else len(entries)
            self.heard += details[:refused]
            if self._dice.random() < LOST:
                return None
        code = {"ErrorCode": "ThrottlingException", "ErrorMessage": "too much at once"}
        return [code if place == refused else {"EventId": each["id"]} for place, each in enumerate(details)]


@contextmanager
def serving(bus: Bus) -> Iterator[str]:
    """The address of the bus, for as long as the block lasts."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            answers = bus.put(json.loads(self.rfile.read(int(self.headers["Content-Length"])))["Entries"])
            if answers is None:
                self.close_connection = True
                return
            failed = sum("ErrorCode" in each for each in answers)
            body = json.dumps({"Entries": answers, "FailedEntryCount": failed}).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/x-amz-json-1.1")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            return

    class Server(ThreadingHTTPServer):
        def handle_error(self, *_: object) -> None:
            """Whoever asked was killed meanwhile."""

    server = Server(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
