"""A step in memory, whose requests are told by their threads."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from status_tracker.testing import MemoryStorage, MemoryStore, MemoryTask
from tests.unit.steps import Clock, make_config


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def storage(monkeypatch: pytest.MonkeyPatch) -> MemoryStorage:
    storage = MemoryStorage()
    monkeypatch.setattr(MemoryTask, "storage", storage)
    return storage


@pytest.fixture
def step(storage: MemoryStorage, clock: Clock) -> Any:  # noqa: ARG001  # the order
    class Step(MemoryTask):
        config = make_config(clock=clock)

    return Step


@pytest.fixture
def requested_in(monkeypatch: pytest.MonkeyPatch) -> list[threading.Thread]:
    """The threads in which stores were asked for something, in order."""
    threads: list[threading.Thread] = []

    def noting(method: Any) -> Any:
        def noted(*args: Any) -> Any:
            threads.append(threading.current_thread())
            return method(*args)

        return noted

    for name in ("read", "create", "write", "succeed"):
        monkeypatch.setattr(MemoryStore, name, noting(getattr(MemoryStore, name)))
    return threads
