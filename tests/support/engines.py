"""The two engines on which the DynamoDB adapter is tested, each run for as long as a `with` block lasts."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from moto.server import ThreadedMotoServer

from status_tracker.testing.moto import mend_dynamodb
from tests.support.dynamodb_local import SHORT_LIVED, run_dynamodb_local

DYNAMODB_LOCAL = "dynamodb-local"
MOTO = "moto"


@dataclass(frozen=True)
class Engine:
    """A running engine: its name, and the address that speaks DynamoDB."""

    name: str
    host: str


@contextmanager
def moto_server() -> Iterator[Engine]:
    """Moto, in a thread of this process."""
    mend_dynamodb()
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
    with run_dynamodb_local(*SHORT_LIVED) as port:
        yield Engine(DYNAMODB_LOCAL, f"http://127.0.0.1:{port}")
