"""A proxy between the workers and DynamoDB Local, which does to requests what networks and services do.

Each request draws one fault or none, in the order in which requests arrive. What was carried out and not plainly
answered is logged with what DynamoDB answered, so that the checker knows of acquires that no worker saw.
"""

from __future__ import annotations

import asyncio
import json
import re
import signal
import socket
from collections.abc import Awaitable, Callable

from .journal import Journal
from .plan import Options, lot

_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_OPERATION = re.compile(rb"\r\nx-amz-target: *DynamoDB_20120810\.(\w+)", re.IGNORECASE)


def run_proxy(listener: socket.socket, upstream_port: int, options: Options, journal: Journal) -> None:
    """Serve until SIGTERM."""
    asyncio.run(_Proxy(upstream_port, options, journal).serve(listener))


class _Upstream:
    """One connection to DynamoDB Local, kept as long as its client's."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def ask(self, request: bytes) -> bytes:
        if self._streams is None:
            self._streams = await asyncio.open_connection("127.0.0.1", self._port)
        reader, writer = self._streams
        writer.write(request)
        answer = await _read_message(reader)
        if answer is None:
            raise ConnectionError("DynamoDB Local closed the connection in the middle of a request.")
        return answer

    def close(self) -> None:
        if self._streams is not None:
            self._streams[1].close()


class _Client:
    """The connection of a worker."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self._writer = reader, writer

    @property
    def gone(self) -> bool:
        return self.reader.at_eof() or self._writer.is_closing()

    def answer(self, answer: bytes) -> None:
        if not self._writer.is_closing():
            self._writer.write(answer)

    def cut(self) -> None:
        self._writer.close()


class _Proxy:
    def __init__(self, upstream_port: int, options: Options, journal: Journal) -> None:
        self._port = upstream_port
        self._journal = journal
        self._dice = lot(options, "faults")
        self._rates = [(kind, rate) for kind, rate in options.rates.items() if rate]
        self._max_delay = options.max_delay
        self._late_after = options.read_timeout
        self._requests = 0
        self._background: set[asyncio.Task[None]] = set()
        self._faults: dict[str, Callable[[bytes, _Client, _Upstream], Awaitable[None]]] = {
            "lost_answer": self._lose_answer,
            "error_before": self._refuse_with_500,
            "error_after": self._carry_out_with_500,
            "throttle": self._throttle,
            "delay": self._delay,
            "cut_before": self._cut_before,
            "cut_after": self._cut_after,
            "late": self._deliver_late,
        }

    async def serve(self, listener: socket.socket) -> None:
        stop = asyncio.Event()
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
        await asyncio.start_server(self._serve_client, sock=listener)
        await stop.wait()
        self._journal.write("total", requests=self._requests)

    async def _serve_client(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        client, upstream = _Client(reader, writer), _Upstream(self._port)
        try:
            while not client.gone and (request := await _read_message(reader)) is not None:
                fault = self._draw()
                if fault is None:
                    await self._pass_on(request, client, upstream)
                else:
                    await self._faults[fault](request, client, upstream)
        except ConnectionError:
            pass  # a worker was killed, or left a request that took too long
        finally:
            client.cut()
            upstream.close()

    def _draw(self) -> str | None:
        self._requests += 1
        point = self._dice.random()
        for kind, rate in self._rates:
            if point < rate:
                return kind
            point -= rate
        return None

    async def _pass_on(self, request: bytes, client: _Client, upstream: _Upstream) -> None:
        answer = await upstream.ask(request)
        if client.gone:
            self._log("client_gone", request, answer)
        client.answer(answer)

    async def _lose_answer(self, request: bytes, client: _Client, upstream: _Upstream) -> None:
        self._log("lost_answer", request, await upstream.ask(request))
        client.cut()

    async def _refuse_with_500(self, request: bytes, client: _Client, _upstream: _Upstream) -> None:
        self._log("error_before", request)
        client.answer(_error(b"500 Internal Server Error", "InternalServerError"))

    async def _carry_out_with_500(self, request: bytes, client: _Client, upstream: _Upstream) -> None:
        self._log("error_after", request, await upstream.ask(request))
        client.answer(_error(b"500 Internal Server Error", "InternalServerError"))

    async def _throttle(self, request: bytes, client: _Client, _upstream: _Upstream) -> None:
        self._log("throttle", request)
        client.answer(_error(b"400 Bad Request", "ProvisionedThroughputExceededException"))

    async def _delay(self, request: bytes, client: _Client, upstream: _Upstream) -> None:
        before, after = self._dice.uniform(0, self._max_delay / 2), self._dice.uniform(0, self._max_delay / 2)
        await asyncio.sleep(before)
        answer = await upstream.ask(request)
        self._log("delay", request, answer)
        await asyncio.sleep(after)
        client.answer(answer)

    async def _cut_before(self, request: bytes, client: _Client, _upstream: _Upstream) -> None:
        self._log("cut_before", request)
        client.cut()

    async def _cut_after(self, request: bytes, client: _Client, upstream: _Upstream) -> None:
        answer = await upstream.ask(request)
        self._log("cut_after", request, answer)
        client.answer(answer[: len(answer) // 2])
        client.cut()

    async def _deliver_late(self, request: bytes, client: _Client, _upstream: _Upstream) -> None:
        client.cut()
        task = asyncio.create_task(self._carry_out_late(request, self._dice.uniform(0, self._late_after)))
        self._background.add(task)
        task.add_done_callback(self._background.discard)

    async def _carry_out_late(self, request: bytes, delay: float) -> None:
        await asyncio.sleep(delay)
        upstream = _Upstream(self._port)
        self._log("late", request, await upstream.ask(request))
        upstream.close()

    def _log(self, fault: str, request: bytes, answer: bytes | None = None) -> None:
        operation = _OPERATION.search(request)
        facts = {} if answer is None else _held(answer)
        self._journal.write("fault", kind=fault, operation=operation[1].decode() if operation else "?", **facts)


async def _read_message(reader: asyncio.StreamReader) -> bytes | None:
    """A request or an answer, whole; None where the connection ended before it."""
    try:
        head = await reader.readuntil(b"\r\n\r\n")
        length = _LENGTH.search(head)
        return head + await reader.readexactly(int(length[1]) if length else 0)
    except asyncio.IncompleteReadError:
        return None


def _error(status: bytes, code: str) -> bytes:
    body = json.dumps({"__type": f"com.amazonaws.dynamodb.v20120810#{code}", "message": "injected"}).encode()
    head = b"HTTP/1.1 " + status + b"\r\nContent-Type: application/x-amz-json-1.0\r\nContent-Length: %d\r\n\r\n"
    return head % len(body) + body


def _held(answer: bytes) -> dict[str, object]:
    """The task, its fence and its lock, where the answer is that of a write that left a task locked."""
    head, _, body = answer.partition(b"\r\n\r\n")
    if not head.startswith(b"HTTP/1.1 200") or b'"Attributes"' not in body:
        return {}
    item = json.loads(body)["Attributes"]
    if "lock_expire_time" not in item or "fence" not in item:
        return {}
    return {"task": item["key"]["S"], "fence": int(item["fence"]["N"]), "lock": item["lock"]["S"]}
