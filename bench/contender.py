# ruff: noqa: ARG002  # what a contender does not have takes its arguments all the same
"""The interface behind which the contenders are measured."""

from __future__ import annotations

import importlib
from abc import ABC, abstractmethod
from collections.abc import Iterable
from contextlib import AbstractContextManager
from typing import Any, TypeAlias

from bench.meter import Meter

Data: TypeAlias = dict[str, Any]


class UnsupportedError(Exception):
    """The contender has no such thing."""


class Contender(ABC):
    """One way to track tasks. What a contender does not override it does not have.

    Args:
        address: of the engine: a URL.
        table: where its tasks are kept.
    """

    @abstractmethod
    def __init__(self, address: str, table: str) -> None: ...

    @abstractmethod
    def metered(self) -> AbstractContextManager[Meter]:
        """Counts requests and units while the block lasts."""

    def create_table(self) -> None:
        """Make the table of this contender."""
        raise UnsupportedError

    def create(self, task_id: str, data: Data) -> None:
        """Make a pending task."""
        raise UnsupportedError

    def start_finish(self, task_id: str, data: Data) -> None:
        """Start a task that is pending, and let it succeed with that data."""
        raise UnsupportedError

    def start_create_finish(self, task_id: str, data: Data) -> None:
        """Start a task that does not exist yet, and let it succeed with that data."""
        raise UnsupportedError

    def try_start(self, task_id: str) -> bool:
        """Start a task and leave it in progress; False where it is refused, with the exact reason known."""
        raise UnsupportedError

    def put_stuck(self, task_ids: Iterable[str]) -> None:
        """Store tasks in progress whose leases are over."""
        raise UnsupportedError

    def list_refreshed(self) -> int:
        """Read all pending tasks whole; how many there are."""
        raise UnsupportedError

    def count(self) -> int:
        """Count the tasks of every status, as DynamoDB's indexes can; how many there are."""
        raise UnsupportedError


def load(name: str, address: str, table: str) -> Contender:
    """The contender in ``bench/contenders/{name}.py``, whose class is named `Tracker` there."""
    tracker: type[Contender] = importlib.import_module(f"bench.contenders.{name}").Tracker
    return tracker(address, table)
