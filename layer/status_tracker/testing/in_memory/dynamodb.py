"""Tasks on DynamoDB in memory: every request of their classes goes to moto in this process, to tables of its own."""

from __future__ import annotations

from ..._extras import missing_extra

try:
    import botocore  # noqa: F401
    import pynamodb  # noqa: F401
except ModuleNotFoundError as error:
    raise missing_extra("dynamodb", error) from error

import functools
import os
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from importlib.util import find_spec
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
    """Send what the task classes ask for to moto, where they have tables of their own, made on first use."""
    made = _Tables()
    connection_of = TaskItem._get_connection.__func__  # type: ignore[attr-defined]

    def get_connection(cls: type[TaskItem]) -> TableConnection:
        table: TableConnection = connection_of(cls)
        made.make(cls, table.connection.region or _REGION)
        return table

    with ExitStack() as stack:
        if find_spec("moto") is not None:
            stack.enter_context(_moto())
            stack.callback(made.close)
        stack.enter_context(mock.patch.object(SharedConnection, "client", property(_client_of)))
        stack.enter_context(mock.patch.object(TaskItem, "_get_connection", classmethod(get_connection)))
        stack.enter_context(faulty(DynamoStore, faults))
        yield


class _Tables:
    """The tables of one memory.

    Moto may be running already, for longer than the memory, and hold tables of these names. They are set aside.
    """

    def __init__(self) -> None:
        self._set_aside: dict[tuple[str, str], Any] = {}
        self._one_at_a_time = threading.RLock()

    def make(self, task_class: type[TaskItem], region: str) -> None:
        """Make the table of the class, unless it is there."""
        meta: Any = task_class.Meta
        place = region, meta.table_name
        with self._one_at_a_time:
            if place in self._set_aside:
                return
            # Noted before it is made: making it asks for the connection too.
            self._set_aside[place] = _tables(region).pop(meta.table_name, None)
            try:
                task_class.create_table(wait=True, billing_mode="PAY_PER_REQUEST")
            except BaseException:
                self._put_back(*place)
                raise

    def close(self) -> None:
        for place in list(self._set_aside):
            self._put_back(*place)

    def _put_back(self, region: str, name: str) -> None:
        before = self._set_aside.pop((region, name))
        _tables(region).pop(name, None)
        if before is not None:
            _tables(region)[name] = before


def _moto() -> Any:
    from ..moto import mend_dynamodb  # noqa: PLC0415  # only whoever has tasks on DynamoDB needs moto

    mend_dynamodb()
    from moto import mock_aws  # noqa: PLC0415

    return mock_aws()


def _tables(region: str) -> dict[str, Any]:
    """The tables that moto has in the account of `_client`, by their names."""
    try:
        from moto.core.models import DEFAULT_ACCOUNT_ID  # noqa: PLC0415
        from moto.dynamodb.models import dynamodb_backends  # noqa: PLC0415
    except ModuleNotFoundError as error:
        raise missing_extra("testing", error) from error
    tables: dict[str, Any] = dynamodb_backends[os.environ.get("MOTO_ACCOUNT_ID", DEFAULT_ACCOUNT_ID)][region].tables
    return tables


def _client_of(connection: SharedConnection) -> Any:
    """The client that the connection uses in place of its own."""
    return _client(connection.region or _REGION)


@functools.cache
def _client(region: str) -> Any:
    """A client that moto answers: it is made after moto was imported, and asks no endpoint of the environment."""
    settings: dict[str, Any] = {"parameter_validation": False, "ignore_configured_endpoint_urls": True}
    return quick_session().create_client("dynamodb", region, config=Config(**settings), **_CREDENTIALS)
