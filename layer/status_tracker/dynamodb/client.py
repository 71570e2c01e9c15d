"""One botocore client for all models of a process, without needless work."""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Hashable
from typing import Any
from weakref import WeakValueDictionary

import botocore
from botocore.config import Config
from botocore.exceptions import ClientError
from botocore.session import Session
from pynamodb.connection import Connection, TableConnection

from .._version import __version__
from ..sessions import quick_session
from .answers import ItemParserFactory

DEFAULTS = {"connect_timeout_seconds": 3, "read_timeout_seconds": 10, "max_pool_connections": 500}
"""Defaults for a `Meta` without these settings.

PynamoDB's own timeouts let one hanging connection use up a whole lease. Its pool of ten is meant for one model; here
there is room for the connections of 500 threads, which open on demand and are used again.
"""

_SPEAKS_TO_BOTOCORE = re.compile("^AWS_|_PROXY$", re.IGNORECASE)


class _Process:
    """The clients of this process, by their settings, as long as a connection holds them.

    Attributes:
        generation: counts forks, since the parent process goes on using its clients.
    """

    def __init__(self) -> None:
        self.generation = 0
        self.begin()

    def begin(self) -> None:
        self.generation += 1
        self.lock = threading.Lock()
        self.clients: WeakValueDictionary[Hashable, Any] = WeakValueDictionary()


_process = _Process()
if hasattr(os, "register_at_fork"):  # there is no fork on Windows
    os.register_at_fork(after_in_child=_process.begin)


class SharedConnection(Connection):
    """A connection to the same tables as `own`, which shares one client with all connections of the same settings.

    The settings are those of `Meta`, and the environment at the first use of a model. A forked process makes its own
    clients. The user agent is fixed, since botocore otherwise builds it twice per request. Connections are kept alive,
    so that an idle worker does not start with a new handshake.

    Args:
        retries: the `retry_configuration` of the model's `Meta`, which PynamoDB 6.1 does not pass to the connection.
    """

    def __init__(self, own: Connection, retries: Any) -> None:
        super().__init__(
            region=own.region,
            host=own.host,
            read_timeout_seconds=own._read_timeout_seconds,
            connect_timeout_seconds=own._connect_timeout_seconds,
            max_retry_attempts=own._max_retry_attempts_exception,
            retry_configuration=retries,
            max_pool_connections=own._max_pool_connections,
            extra_headers=own._extra_headers,
            aws_access_key_id=own._aws_access_key_id,
            aws_secret_access_key=own._aws_secret_access_key,
            aws_session_token=own._aws_session_token,
        )
        self._tables = own._tables
        self._generation = 0

    @property
    def client(self) -> Any:
        """The client; as in PynamoDB, one without credentials is not kept."""
        if self._client is None or self._generation != _process.generation or _is_anonymous(self._client):
            self._client = self._shared_client()
            self._generation = _process.generation
        return self._client

    def _make_api_call(self, operation_name: str, operation_kwargs: dict[str, Any]) -> Any:
        try:
            return super()._make_api_call(operation_name, operation_kwargs)
        except ClientError as error:
            if error.response["Error"]["Code"] == "ResourceNotFoundException":
                table, region = operation_kwargs.get("TableName"), self.region
                hint = "make it with create_table(wait=True) of its class, or deploy its stack with `cdk deploy`"
                error.args = (f"{error}. If there is no table {table!r} in {region}, {hint}.",)
            raise

    @property
    def session(self) -> Session:
        """A new session, whose clients of DynamoDB take items as they were sent."""
        session = quick_session()
        session.register_component("response_parser_factory", ItemParserFactory())
        if self._aws_access_key_id and self._aws_secret_access_key:
            session.set_credentials(self._aws_access_key_id, self._aws_secret_access_key, self._aws_session_token)
        return session

    def _shared_client(self) -> Any:
        process, settings = _process, self._settings()
        with process.lock:
            client = process.clients.get(settings)
            if client is None or _is_anonymous(client):
                client = process.clients[settings] = self._make_client()
            return client

    def _make_client(self) -> Any:
        legacy: Any = {"total_max_attempts": 1 + self._max_retry_attempts_exception, "mode": "standard"}
        config = Config(
            parameter_validation=False,
            connect_timeout=self._connect_timeout_seconds,
            read_timeout=self._read_timeout_seconds,
            max_pool_connections=self._max_pool_connections,
            retries=legacy if self._retry_configuration == "LEGACY" else self._retry_configuration,
            user_agent=f"Botocore/{botocore.__version__} status-tracker/{__version__}",
            tcp_keepalive=True,
        )
        client = self.session.create_client("dynamodb", self.region, endpoint_url=self.host, config=config)
        if self._extra_headers:
            headers = dict(self._extra_headers)
            client.meta.events.register_first("before-send.*.*", lambda request, **_: request.headers.update(headers))
        return client

    def _settings(self) -> Hashable:
        """The settings of a client."""
        return (
            self.region,
            self.host,
            self._read_timeout_seconds,
            self._connect_timeout_seconds,
            self._max_retry_attempts_exception,
            repr(self._retry_configuration),
            self._max_pool_connections,
            repr(self._extra_headers),
            (self._aws_access_key_id, self._aws_secret_access_key, self._aws_session_token),
            tuple(sorted(item for item in os.environ.items() if _SPEAKS_TO_BOTOCORE.search(item[0]))),
        )


def share(table: TableConnection, meta: Any) -> None:
    """Make the table use the client shared by all models with the same settings."""
    table.connection = SharedConnection(table.connection, getattr(meta, "retry_configuration", None))


def _is_anonymous(client: Any) -> bool:
    """Whether the client found no credentials."""
    return bool(client._request_signer) and not client._request_signer._credentials
