"""botocore's client, without the work that nobody needs."""

from __future__ import annotations

from typing import Any

import botocore
from botocore.config import Config
from botocore.loaders import Loader
from pynamodb.connection import Connection

from .. import __version__


class _OneService(Loader):
    """Loads what botocore knows of DynamoDB, without looking through the folders of 400 other services."""

    def list_available_services(self, type_name: str) -> list[str]:  # noqa: ARG002  # botocore's signature
        return ["dynamodb"]


def prepare(connection: Connection, meta: Any) -> None:
    """Make a connection's client cheap, to create and with each request; before it is created.

    Half of what botocore does to create a client is looking for services, and it puts a user agent together twice for
    each request. Connections are kept alive, so that a worker at rest does not start with a new handshake.

    Args:
        meta: the model's, of whose `retry_configuration` PynamoDB 6.1 tells the connection nothing.
    """
    retries = getattr(meta, "retry_configuration", None)
    if retries is not None:
        connection._retry_configuration = retries
    session = connection.session
    known = session.get_component("data_loader").search_paths
    session.register_component("data_loader", _OneService(known, include_default_search_paths=False))
    agent = f"Botocore/{botocore.__version__} status-tracker/{__version__}"
    session.set_default_client_config(Config(user_agent=agent, tcp_keepalive=True))
