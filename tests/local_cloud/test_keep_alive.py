"""The server's HTTP: many requests on one connection, whatever the application makes of each."""

from __future__ import annotations

import http.client
import socket
import threading
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import pytest
from werkzeug.serving import make_server

from status_tracker_local.keep_alive import KeepAliveHandler


def application(environ: dict[str, Any], start_response: Callable[..., object]) -> Iterable[bytes]:
    path = environ["PATH_INFO"]
    if path == "/broken":
        raise ValueError("as asked")
    said = environ["wsgi.input"].read() if path == "/echo" else b"unread"
    status = "204 No Content" if path == "/nothing" else "200 OK"
    start_response(status, [("Content-Length", "7777"), ("X-Said", "yes")])
    return [said[:3], said[3:]]


@pytest.fixture
def connection() -> Iterator[http.client.HTTPConnection]:
    server = make_server("127.0.0.1", 0, application, threaded=True, request_handler=KeepAliveHandler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
    yield connection
    connection.close()
    server.shutdown()


def answered(connection: http.client.HTTPConnection, method: str, path: str, **request: Any) -> tuple[int, bytes]:
    connection.request(method, path, **request)
    answer = connection.getresponse()
    return answer.status, answer.read()


def test_a_connection_serves_one_request_after_the_other(connection: http.client.HTTPConnection) -> None:
    assert answered(connection, "POST", "/echo", body=b"hello") == (200, b"hello")
    kept = connection.sock
    assert answered(connection, "POST", "/ignored", body=b"GET /echo HTTP/1.1\r\n\r\n") == (200, b"unread")
    assert answered(connection, "POST", "/echo", body=iter([b"in ", b"chunks"]), encode_chunked=True) == (
        200,
        b"in chunks",
    )
    assert answered(connection, "HEAD", "/head") == (200, b"")
    assert answered(connection, "GET", "/nothing") == (204, b"")
    assert answered(connection, "GET", "/broken")[0] == 500
    assert answered(connection, "GET", "/after") == (200, b"unread")
    assert connection.sock is kept is not None


def test_a_client_that_asks_first_may_go_on_at_once(connection: http.client.HTTPConnection) -> None:
    with socket.create_connection((connection.host, connection.port), timeout=10) as client:
        client.sendall(b"PUT /echo HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n")
        assert client.recv(1000).startswith(b"HTTP/1.1 100 ")
        client.sendall(b"ok")
        assert client.recv(1000).endswith(b"\r\n\r\nok")
