"""A proxy between the workers and a server, which does to requests what networks and services do.

Each request draws one fault or none, in the order in which requests arrive. What was carried out and not plainly
answered is logged with what it has acquired, so that the checker knows of acquires that no worker saw.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import signal
import socket
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from .journal import Journal
from .plan import Options, lot
from .wires import Wire

_MOMENT = 0.003
"""Seconds within which a backend is ended after it was sent a request: about as long as a request takes."""


@contextmanager
def proxied(options: Options, wire: Callable[[], Wire], upstream_port: int, directory: Path) -> Iterator[int]:
    """The port of a proxy in a process of its own.

    Args:
        wire: makes the protocol of one connection.
    """
    listener = socket.create_server(("127.0.0.1", 0), backlog=256)
    proxy = _Proxy(upstream_port, wire, options, Journal(directory / "proxy.jsonl"))
    process = multiprocessing.get_context("fork").Process(target=proxy.run, args=(listener,), daemon=True)
    process.start()
    try:
        yield listener.getsockname()[1]
    finally:
        process.terminate()
        process.join()
        listener.close()


class _Upstream:
    """One connection to the server, kept as long as its client's.

    Args:
        turn: what a server is waited for that takes one request at a time; a client that has gone has lost its turn.
        gone: whether the client has.
    """

    def __init__(self, port: int, wire: Wire, turn: asyncio.Lock, gone: Callable[[], bool]) -> None:
        self._port = port
        self.wire = wire
        self._turn = turn
        self._gone = gone
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    @property
    def ended(self) -> bool:
        """Whether the server has closed the connection."""
        return self._streams is not None and self._streams[0].at_eof()

    async def ask(self, request: bytes) -> bytes:
        if self.wire.keeps_alive:
            return await self._ask(request)
        async with self._turn:
            if self._gone():
                raise ConnectionError("The client has not waited for its turn.")
            answer = await self._ask(request)
            self.close()
            self._streams = None
            return answer

    async def _ask(self, request: bytes) -> bytes:
        if self._streams is None:
            self._streams = await asyncio.open_connection("127.0.0.1", self._port)
        reader, writer = self._streams
        writer.write(request)
        answer = await self.wire.answer(reader)
        if answer is None:
            raise ConnectionError("The server closed the connection in the middle of a request.")
        return answer

    def detached(self) -> _Upstream:
        """The connection, to be kept longer than its client's."""
        other = _Upstream(self._port, self.wire, self._turn, lambda: False)
        other._streams, self._streams = self._streams, None
        return other

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
    def __init__(self, upstream_port: int, wire: Callable[[], Wire], options: Options, journal: Journal) -> None:
        self._port = upstream_port
        self._wire = wire
        self._journal = journal
        self._dice = lot(options, "faults")
        self._rates = [(kind, rate) for kind, rate in options.rates.items() if rate and kind in wire().faults]
        self._max_delay = options.max_delay
        self._late_after = options.read_timeout
        self._requests = 0
        self._turn = asyncio.Lock()
        self._background: set[asyncio.Task[Any]] = set()  # asyncio itself keeps none whose client has gone
        self._faults: dict[str, Callable[[bytes, _Client, _Upstream], Awaitable[None]]] = {
            "lost_answer": self._lose_answer,
            "error_before": self._refuse_with_500,
            "error_after": self._carry_out_with_500,
            "throttle": self._throttle,
            "delay": self._delay,
            "cut_before": self._cut_before,
            "cut_after": self._cut_after,
            "late": self._deliver_late,
            "terminated": self._terminate,
        }

    def run(self, listener: socket.socket) -> None:
        """Serve until SIGTERM."""
        asyncio.run(self.serve(listener))

    async def serve(self, listener: socket.socket) -> None:
        stop = asyncio.Event()
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
        await asyncio.start_server(self._serve_client, sock=listener)
        await stop.wait()
        self._journal.write("total", requests=self._requests)

    async def _serve_client(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if serving := asyncio.current_task():
            self._background.add(serving)
            serving.add_done_callback(self._background.discard)
        wire = self._wire()
        client = _Client(reader, writer)
        upstream = _Upstream(self._port, wire, self._turn, lambda: client.gone)
        try:
            while not client.gone and not upstream.ended:
                if (request := await wire.request(reader)) is None:
                    break
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
            self._log("client_gone", upstream, request, answer)
        client.answer(answer)

    async def _lose_answer(self, request: bytes, client: _Client, upstream: _Upstream) -> None:
        self._log("lost_answer", upstream, request, await upstream.ask(request))
        client.cut()

    async def _refuse_with_500(self, request: bytes, client: _Client, upstream: _Upstream) -> None:
        self._log("error_before", upstream, request)
        client.answer(upstream.wire.error(b"500 Internal Server Error", "InternalServerError"))

    async def _carry_out_with_500(self, request: bytes, client: _Client, upstream: _Upstream) -> None:
        self._log("error_after", upstream, request, await upstream.ask(request))
        client.answer(upstream.wire.error(b"500 Internal Server Error", "InternalServerError"))

    async def _throttle(self, request: bytes, client: _Client, upstream: _Upstream) -> None:
        self._log("throttle", upstream, request)
        client.answer(upstream.wire.error(b"400 Bad Request", "ProvisionedThroughputExceededException"))

    async def _delay(self, request: bytes, client: _Client, upstream: _Upstream) -> None:
        before, after = self._dice.uniform(0, self._max_delay / 2), self._dice.uniform(0, self._max_delay / 2)
        await asyncio.sleep(before)
        answer = await upstream.ask(request)
        self._log("delay", upstream, request, answer)
        await asyncio.sleep(after)
        client.answer(answer)

    async def _cut_before(self, request: bytes, client: _Client, upstream: _Upstream) -> None:
        self._log("cut_before", upstream, request)
        client.cut()

    async def _cut_after(self, request: bytes, client: _Client, upstream: _Upstream) -> None:
        answer = await upstream.ask(request)
        self._log("cut_after", upstream, request, answer)
        client.answer(answer[: len(answer) // 2])
        client.cut()

    async def _deliver_late(self, request: bytes, client: _Client, upstream: _Upstream) -> None:
        client.cut()
        delay = self._dice.uniform(0, self._late_after)
        task = asyncio.create_task(self._carry_out_late(request, delay, upstream.detached()))
        self._background.add(task)
        task.add_done_callback(self._background.discard)

    async def _carry_out_late(self, request: bytes, delay: float, upstream: _Upstream) -> None:
        await asyncio.sleep(delay)
        self._log("late", upstream, request, await upstream.ask(request))
        upstream.close()

    async def _terminate(self, request: bytes, client: _Client, upstream: _Upstream) -> None:
        """End the server's side while it carries the request out; nobody can tell whether it has."""
        self._log("terminated", upstream, request)
        asking = asyncio.create_task(upstream.ask(request))
        await asyncio.sleep(self._dice.uniform(0, _MOMENT))
        upstream.wire.end_backend()
        client.answer(await asking)

    def _log(self, fault: str, upstream: _Upstream, request: bytes, answer: bytes | None = None) -> None:
        self._journal.write("fault", kind=fault, **upstream.wire.describe(request, answer))
