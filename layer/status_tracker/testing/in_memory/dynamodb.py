"""Tasks on DynamoDB in memory: every request of their classes goes to moto in this process."""

from __future__ import annotations

from ..._extras import missing_extra

try:
    import botocore  # noqa: F401
    import pynamodb  # noqa: F401
except ModuleNotFoundError as error:
    raise missing_extra("dynamodb", error) from error

import functools
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest import mock

from botocore.config import Config
from pynamodb.connection import TableConnection

from ...dynamodb.client import SharedConnection
from ...dynamodb.item import TaskItem
from ...dynamodb.store import DynamoStore
from ...sessions import quick_session
from ..faults import Faults
from .faulty import faulty

_REGION = "us-east-1"
_CREDENTIALS: dict[str, Any] = {"aws_access_key_id": "memory", "aws_secret_access_key": "memory"}


@contextmanager
def dynamodb_in_memory(faults: Faults) -> Iterator[None]:
    """Send what the task classes ask for to moto, which begins with the first request, and make their tables."""
    made = _Tables()
    connection_of = TaskItem._get_connection.__func__  # type: ignore[attr-defined]

    def get_connection(cls: type[TaskItem]) -> TableConnection:
        table: TableConnection = connection_of(cls)
        made.make(cls)
        return table

    with (
        mock.patch.object(SharedConnection, "client", property(made.client)),
        mock.patch.object(TaskItem, "_get_connection", classmethod(get_connection)),
        faulty(DynamoStore, faults),
    ):
        try:
            yield
        finally:
            made.close()


class _Tables:
    """The tables of one memory, and moto as long as there are any."""

    def __init__(self) -> None:
        self._made: set[tuple[str | None, str]] = set()
        self._one_at_a_time = threading.RLock()
        self._moto: Any = None

    def client(self, connection: SharedConnection) -> Any:
        """The client that the connection uses in place of its own."""
        with self._one_at_a_time:
            if self._moto is None:
                self._moto = _started_moto()
        return _client(connection.region or _REGION)

    def make(self, task_class: type[TaskItem]) -> None:
        """Make the table of the class, unless it is there."""
        meta: Any = task_class.Meta
        table = getattr(meta, "region", None), meta.table_name
        with self._one_at_a_time:
            if table in self._made:
                return
            self._made.add(table)  # before it is made: making it asks for the connection too
            try:
                task_class.create_table(wait=True, billing_mode="PAY_PER_REQUEST")
            except BaseException:
                self._made.discard(table)
                raise

    def close(self) -> None:
        if self._moto is not None:
            self._moto.stop()


def _started_moto() -> Any:
    from ..moto import mend_dynamodb  # noqa: PLC0415  # only whoever has tasks on DynamoDB needs moto

    mend_dynamodb()
    from moto import mock_aws  # noqa: PLC0415

    started = mock_aws()
    started.start()
    return started


@functools.cache
def _client(region: str) -> Any:
    """A client that moto answers: it is made after moto was imported, and asks no endpoint of the environment."""
    settings: dict[str, Any] = {"parameter_validation": False, "ignore_configured_endpoint_urls": True}
    return quick_session().create_client("dynamodb", region, config=Config(**settings), **_CREDENTIALS)
