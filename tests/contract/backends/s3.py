"""S3, as moto plays it."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import boto3
from botocore.config import Config

from tests.support.steps import CREDENTIALS, REGION

BUCKET = "trackers"
ATTEMPTS = 2


@contextmanager
def one_by_one() -> Iterator[str]:
    """The address of a moto server that answers one request at a time: else its conditional writes are not atomic."""
    from moto.moto_server.werkzeug_app import (  # noqa: PLC0415  # dear, and processes that race need it not
        DomainDispatcherApplication,
        create_backend_app,
    )
    from werkzeug.serving import make_server  # noqa: PLC0415

    logging.getLogger("werkzeug").setLevel(logging.WARNING)  # it would tell of every request
    server = make_server("127.0.0.1", 0, DomainDispatcherApplication(create_backend_app), threaded=False)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def s3_client(host: str) -> Any:
    """A client that sends a request that fails `ATTEMPTS` times."""
    retries = {"mode": "standard", "total_max_attempts": ATTEMPTS}
    config = Config(retries=retries, s3={"addressing_style": "path"}, max_pool_connections=20)
    return boto3.client("s3", endpoint_url=host, region_name=REGION, config=config, **CREDENTIALS)
