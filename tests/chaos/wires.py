"""The protocols of the proxy, as far as it must know: where a request ends, where its answer, what they did."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import struct
from typing import Any, Protocol

_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_OPERATION = re.compile(rb"\r\nx-amz-target: *DynamoDB_20120810\.(\w+)", re.IGNORECASE)
_STATEMENT = re.compile(rb"\A(?:Q.{4}|P.{4}[^\0]*\0)\s*([A-Z]+)\b", re.DOTALL)  # of a Query or a Parse message
_ACQUIRED = re.compile(rb"Macquired (\S+) (\d+) (\S+)\0")
_THROTTLES = frozenset({"ProvisionedThroughputExceededException"})
_LENGTH_BYTES = struct.Struct("!I")


class Wire(Protocol):
    """The protocol on one connection.

    Attributes:
        faults: the kinds of faults that there can be.
        keeps_alive: whether the server takes another request on the same connection.
    """

    faults: frozenset[str]
    keeps_alive: bool

    async def request(self, reader: asyncio.StreamReader) -> bytes | None:
        """The next request, whole; None where the connection ended before it."""
        ...

    async def answer(self, reader: asyncio.StreamReader) -> bytes | None:
        """The answer to the last request; None where there is none."""
        ...

    def describe(self, request: bytes, answer: bytes | None) -> dict[str, Any]:
        """The operation; and the task, its fence and its lock, where it may have left a task acquired."""
        ...

    def error(self, status: bytes, code: str) -> bytes:
        """An answer that tells of an error of the service."""
        ...

    def end_backend(self) -> None:
        """End what serves this connection at the server."""
        ...


_ON_ANY_NETWORK = frozenset({"lost_answer", "delay", "cut_before", "cut_after", "late"})


class Http:
    """DynamoDB's: JSON over HTTP."""

    faults = _ON_ANY_NETWORK | {"error_before", "error_after", "throttle"}
    keeps_alive = True

    async def request(self, reader: asyncio.StreamReader) -> bytes | None:
        return await self._message(reader)

    async def answer(self, reader: asyncio.StreamReader) -> bytes | None:
        return await self._message(reader)

    async def _message(self, reader: asyncio.StreamReader) -> bytes | None:
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            length = _LENGTH.search(head)
            return head + await reader.readexactly(int(length[1]) if length else 0)
        except asyncio.IncompleteReadError:
            return None

    def describe(self, request: bytes, answer: bytes | None) -> dict[str, Any]:
        operation = _OPERATION.search(request)
        facts = {} if answer is None else _held(answer)
        return {"operation": operation[1].decode() if operation else "?", **facts}

    def error(self, status: bytes, code: str) -> bytes:
        body = json.dumps({"__type": f"com.amazonaws.dynamodb.v20120810#{code}", "message": "injected"}).encode()
        head = b"HTTP/1.1 " + status + b"\r\nContent-Type: application/x-amz-json-1.0\r\nContent-Length: %d\r\n\r\n"
        return head % len(body) + body

    def end_backend(self) -> None:
        raise NotImplementedError("HTTP has no backend of its own for a connection.")


class S3(Http):
    """S3's: XML over HTTP; the objects are trackers, as JSON."""

    keeps_alive = False  # moto's server, where it answers one request at a time

    def describe(self, request: bytes, answer: bytes | None) -> dict[str, Any]:
        operation = request.split(b" ", 1)[0].decode()
        stored = operation == "PUT" and answer is not None and _is_ok(answer)
        return {"operation": operation, **(_tracked(request) if stored else {})}

    def error(self, status: bytes, code: str) -> bytes:  # those of DynamoDB
        status, code = (
            (b"503 Service Unavailable", "SlowDown") if code in _THROTTLES else (b"500 Internal Error", "InternalError")
        )
        body = f"<Error><Code>{code}</Code><Message>injected</Message></Error>".encode()
        return (
            b"HTTP/1.1 "
            + status
            + b"\r\nContent-Type: application/xml\r\nContent-Length: %d\r\n\r\n" % len(body)
            + body
        )


class Postgres:
    """PostgreSQL's: a request is all messages up to a Query or a Sync, its answer all up to ReadyForQuery.

    A trigger of the run's tells of each acquire with a notice. It is not there before the transaction's COMMIT is
    carried out, so that request is the one which is told to have made it.
    """

    faults = _ON_ANY_NETWORK | {"terminated"}
    keeps_alive = True

    def __init__(self) -> None:
        self._begun = False
        self._backend: int | None = None
        self._held: dict[str, Any] = {}

    async def request(self, reader: asyncio.StreamReader) -> bytes | None:
        try:
            if not self._begun:  # the first message has no type
                self._begun = True
                head = await reader.readexactly(4)
                return head + await reader.readexactly(_LENGTH_BYTES.unpack(head)[0] - 4)
            parts: list[bytes] = []
            while not parts or parts[-1][:1] not in {b"Q", b"S", b"X"}:
                parts.append(await _message(reader))
        except asyncio.IncompleteReadError:
            return None
        if _operation(parts[0]) == "BEGIN":
            self._held = {}
        return None if parts[-1][:1] == b"X" else b"".join(parts)

    async def answer(self, reader: asyncio.StreamReader) -> bytes | None:
        parts: list[bytes] = []
        try:
            while not parts or parts[-1][:1] != b"Z":
                parts.append(await _message(reader))
                self._note(parts[-1])
        except asyncio.IncompleteReadError:
            pass  # a server that ends the connection says why before
        return b"".join(parts) or None

    def _note(self, message: bytes) -> None:
        if message[:1] == b"K":
            self._backend = _LENGTH_BYTES.unpack_from(message, 5)[0]
        elif message[:1] == b"N" and (told := _ACQUIRED.search(message)):
            task, fence, lock = (each.decode() for each in told.groups())
            self._held = {"task": task, "fence": int(fence), "lock": lock}

    def describe(self, request: bytes, answer: bytes | None) -> dict[str, Any]:  # noqa: ARG002
        operation = _operation(request)
        return {"operation": operation, **(self._held if operation == "COMMIT" else {})}

    def error(self, status: bytes, code: str) -> bytes:
        raise NotImplementedError("PostgreSQL does not answer with errors of a service.")

    def end_backend(self) -> None:
        """What `pg_terminate_backend` does: SIGTERM to the process of this connection."""
        if self._backend is not None:
            os.kill(self._backend, signal.SIGTERM)
            self._backend = None


def _operation(request: bytes) -> str:
    """The first word of its statement, where it sends one: "BEGIN", "COMMIT", …; else "?"."""
    statement = _STATEMENT.match(request)
    return statement[1].decode() if statement else "?"


async def _message(reader: asyncio.StreamReader) -> bytes:
    head = await reader.readexactly(5)
    return head + await reader.readexactly(_LENGTH_BYTES.unpack_from(head, 1)[0] - 4)


def _is_ok(answer: bytes) -> bool:
    return answer.split(b" ", 2)[1] == b"200"


def _tracked(request: bytes) -> dict[str, object]:
    """The task, its fence and its lock, where the document that was put is locked."""
    document = json.loads(request.partition(b"\r\n\r\n")[2])
    if document["lock"] is None:
        return {}
    fence = document["errors"]["tracker"]["fence"]
    return {"task": document["id"], "fence": fence, "lock": document["lock"]}


def _held(answer: bytes) -> dict[str, object]:
    """The task, its fence and its lock, where the answer is that of a write that left a task locked."""
    head, _, body = answer.partition(b"\r\n\r\n")
    if not head.startswith(b"HTTP/1.1 200") or b'"Attributes"' not in body:
        return {}
    item = json.loads(body)["Attributes"]
    if "lock_expire_time" not in item or "fence" not in item:
        return {}
    return {"task": item["key"]["S"], "fence": int(item["fence"]["N"]), "lock": item["lock"]["S"]}
