"""Runs the command in this process, on tasks in memory."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from typer.testing import CliRunner

from status_tracker.cli.app import app
from status_tracker.testing import MemoryStorage, MemoryTask
from tests.unit.cli.shop import CLOCK, Order
from tests.unit.steps import NOON

TASK = "tests.unit.cli.shop:Order"


class OutOfStockError(Exception):
    """What orders fail with."""


@dataclass(frozen=True)
class Answer:
    """What the command wrote, and its exit code."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


@pytest.fixture(autouse=True)
def _shop(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(MemoryTask, "storage", MemoryStorage())
    monkeypatch.setattr(CLOCK, "now", NOON)
    for acting in ("acting", "pausing"):
        monkeypatch.setattr(f"status_tracker.cli.{acting}.caller", lambda _: "ann@laptop")
    monkeypatch.setenv("STATUS_TRACKER_TASK", TASK)
    for name in ("AWS_PROFILE", "AWS_REGION", "AWS_DEFAULT_REGION", "AWS_ENDPOINT_URL"):
        monkeypatch.setenv(name, "")
    Order.dispatched.clear()


@pytest.fixture
def run() -> Callable[..., Answer]:
    def run(*arguments: str, typed: str | None = None) -> Answer:
        result = CliRunner().invoke(app, arguments, input=typed, catch_exceptions=False)
        return Answer(result.exit_code, result.stdout, result.stderr)

    return run


def fail(task_id: str, message: str = "none left") -> None:
    with pytest.raises(OutOfStockError), Order.start(task_id, create=True):
        raise OutOfStockError(message)


def stored(task_id: str) -> Order:
    task = Order.get_one_or_none(task_id)
    assert task is not None
    return task
