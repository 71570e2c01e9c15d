"""The HTTP side of the server: many requests on one connection, each answered at once."""

import io
import logging
from collections.abc import Iterable
from http import HTTPStatus
from typing import Any

from moto.moto_server.werkzeug_app import MotoRequestHandler
from werkzeug.datastructures import Headers
from werkzeug.test import run_wsgi_app

_WITHOUT_BODY = {HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED}
# What tells where an answer ends is told by this server alone.
_FRAMING = {"connection", "content-length", "transfer-encoding"}

_log = logging.getLogger(__name__)


def answer_of(application: Any, environ: dict[str, Any]) -> tuple[int, str, Iterable[tuple[str, str]], bytes]:
    """What a WSGI application answers: status, reason, headers, body; an error of its own is told in the log.

    The body is empty where HTTP has none, whatever the application gives.
    """
    try:
        chunks, status, headers = run_wsgi_app(application, environ, buffered=True)
    except Exception:  # noqa: BLE001 - whatever it is, the server goes on
        _log.exception("Error on request:")
        chunks, status, headers = [b"The server's log says why."], "500 Internal Server Error", Headers()
    code, _, reason = status.partition(" ")
    has_body = _has_body(environ["REQUEST_METHOD"], int(code))
    return int(code), reason, headers, b"".join(chunks) if has_body else b""


def _has_body(method: str, code: int) -> bool:
    return method != "HEAD" and code not in _WITHOUT_BODY


class KeepAliveHandler(MotoRequestHandler):
    """Answers as moto's own handler does, but leaves the connection open for the next request.

    That one closes it after each: a connection and a thread a request, of which the client pays its half.
    """

    protocol_version = "HTTP/1.1"
    # Head and body go out in one segment at once: held back by Nagle's algorithm each hop costs 45 ms.
    disable_nagle_algorithm = True
    wbufsize = -1

    def run_wsgi(self) -> None:
        """Answer one request, whose body is read to its end whether or not the application reads it."""
        self.environ = environ = self.make_environ()
        environ["wsgi.input"] = io.BytesIO(self._body(environ))
        self._answer(*answer_of(self.server.app, environ))

    def handle_expect_100(self) -> bool:
        """Have the client send its body, at once: it waits for that."""
        may_go_on = super().handle_expect_100()
        self.wfile.flush()
        return may_go_on

    def _body(self, environ: dict[str, Any]) -> bytes:
        if environ.get("wsgi.input_terminated"):  # it came in chunks
            chunked: bytes = environ["wsgi.input"].read()
            return chunked
        return self.rfile.read(int(environ.get("CONTENT_LENGTH") or 0))

    def _answer(self, code: int, reason: str, headers: Iterable[tuple[str, str]], body: bytes) -> None:
        is_head = self.command == "HEAD"
        self.send_response(code, reason)
        for name, value in headers:
            if name.lower() not in _FRAMING or (is_head and name.lower() == "content-length"):
                self.send_header(name, value)
        if _has_body(self.command, code):
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
        self.wfile.flush()

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Say nothing: a line a request hides what matters."""
