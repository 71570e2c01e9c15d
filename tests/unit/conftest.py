"""What the unit tests share. They open no socket."""

from __future__ import annotations

import socket
from typing import Any, NoReturn

import pytest
from hypothesis import settings

from status_tracker.testing import MemoryStore, Record
from tests.unit.steps import NOON, PENDING, Clock

settings.register_profile("unit", deadline=None)  # a slow machine is no fault of the library's
settings.load_profile("unit")


@pytest.fixture(autouse=True)
def _no_socket(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_socket: socket.socket, address: Any) -> NoReturn:
        pytest.fail(f"a unit test tried to connect to {address}")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket.socket, "connect_ex", refuse)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def store() -> MemoryStore:
    """Holds one pending task."""
    return MemoryStore(Record(PENDING, create_time=NOON, data={"version": 0}, errors={"history": []}))
