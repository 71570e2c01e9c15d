"""S3, as moto's server plays it, behind the proxy."""

from __future__ import annotations

import multiprocessing
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, ClassVar

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from botocore.handlers import add_expect_header

from status_tracker.abstract import S3Tracker
from tests.contract.backends.s3 import one_by_one

from .. import plan
from ..database import CREDENTIALS, REGION
from ..journal import SkewedClock
from ..proxy import proxied
from ..wires import S3
from .trackers import Settings, TrackerBackend

_BUCKET = "tasks"


def make(options: plan.Options, directory: Path, clock: SkewedClock) -> S3Backend:
    return S3Backend(options, directory, clock)


@dataclass
class Step(Settings, S3Tracker):
    """The tracked task; its client is given by `S3Backend`."""

    client: ClassVar[Any]

    @classmethod
    def get_bucket_key(cls, id: str | int) -> tuple[str, str]:  # noqa: A002  # the library's name
        return _BUCKET, f"{id}.json"

    @classmethod
    def get_s3_client(cls) -> Any:
        return cls.client


class S3Backend(TrackerBackend):
    """`S3Tracker`."""

    unreachable = (BotoCoreError, ClientError)

    def __init__(self, options: plan.Options, directory: Path, clock: SkewedClock) -> None:
        super().__init__(Step, options, directory, clock)
        self._options = options

    @contextmanager
    def serving(self) -> Iterator[None]:
        self._effects.mkdir()
        with _server() as port:
            direct = _client(port, retries=0, timeout=60)
            direct.create_bucket(Bucket=_BUCKET)
            with proxied(self._options, S3, port, self.directory) as proxy:
                Step.client = _client(
                    proxy, self._options.sdk_retries, self._options.read_timeout
                )  # made before processes are forked, and opens no socket
                yield
            self.dump_tables(_objects(direct))


def _objects(client: Any) -> Iterator[bytes]:
    for page in client.get_paginator("list_objects_v2").paginate(Bucket=_BUCKET):
        for found in page.get("Contents", ()):
            yield client.get_object(Bucket=_BUCKET, Key=found["Key"])["Body"].read()


def _client(port: int, retries: int, timeout: float) -> Any:
    config = Config(
        retries={"mode": "standard", "total_max_attempts": retries + 1},
        connect_timeout=timeout,
        read_timeout=timeout,
        s3={"addressing_style": "path"},
    )
    session = boto3.Session(region_name=REGION, **CREDENTIALS)
    client = session.client("s3", endpoint_url=f"http://127.0.0.1:{port}", config=config)
    # It would wait a second for the proxy's "100 Continue" before each body.
    client.meta.events.unregister("before-call.s3", add_expect_header)
    return client


@contextmanager
def _server() -> Iterator[int]:
    """The port of moto's server, in a process of its own."""
    ours, its = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(target=_serve, args=(its,), daemon=True)
    process.start()
    try:
        yield ours.recv()
    finally:
        process.terminate()
        process.join()


def _serve(connection: Connection) -> None:
    with one_by_one() as address:
        connection.send(int(address.rpartition(":")[2]))
        threading.Event().wait()
