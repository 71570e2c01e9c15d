"""Backends that are wrong in one thing each, for the test that the suite notices: run it as a module of tests."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import pytest

import status_tracker as st
from status_tracker.testing import TICK, BackendError, Clock, MemoryStorage, MemoryTask
from status_tracker.testing.contract import Backend, ContractSuite, Promise
from status_tracker.writes import HeldBy, Special, Startable, Write
from tests.contract.backends.memory import MemoryStep

Tamper = Callable[[Write], Write]


def _without(name: str) -> Tamper:
    """The backend has no such field."""
    return lambda write: replace(write, changes={key: value for key, value in write.changes.items() if key != name})


def _early(write: Write) -> Write:
    """It starts tasks a tick before they are due."""
    guard = write.guard
    return replace(write, guard=replace(guard, now=guard.now + TICK)) if isinstance(guard, Startable) else write


def _any_worker(write: Write) -> Write:
    """It does not ask who holds the task, only that it is acquired again by each start."""
    return replace(write, guard=Startable("", tuple(range(200)), _EVER, _EVER, or_absent=True))


def _no_removal(write: Write) -> Write:
    """It cannot remove a field."""
    kept = {name: value for name, value in write.changes.items() if value is not Special.REMOVE}
    return replace(write, changes=kept)


def _shrinking(write: Write) -> Write:
    """A renewal may shorten the lease."""
    guard = write.guard
    return replace(write, guard=replace(guard, growing=None)) if isinstance(guard, HeldBy) else write


_EVER = Clock().now.replace(year=9000)


class TamperedBackend:
    """In memory, with a store that carries other writes out than it is told."""

    promises = frozenset(Promise) - {Promise.ALSO}
    backend_errors = (BackendError,)

    def __init__(self, tamper: Tamper) -> None:
        self._tamper = tamper
        self._storage = MemoryStorage()

    def step(self, codes: Mapping[str, int], clock: Clock, **settings: Any) -> MemoryStep:
        tamper = self._tamper

        class Task(MemoryTask):
            storage = self._storage
            config = st.TrackerConfig.make(**{"use_case_id": "test", "clock": clock, **codes, **settings})

            @classmethod
            def _store(cls, task_id: str) -> Any:
                store = super()._store(task_id)
                write, succeed = store.write, store.succeed
                store.write = lambda asked: write(tamper(asked))  # type: ignore[method-assign]
                store.succeed = lambda asked: succeed(tamper(asked))  # type: ignore[method-assign]
                return store

        return MemoryStep(Task)


class TestAsItShouldBe(ContractSuite):
    @pytest.fixture
    def backend(self) -> Backend:
        return TamperedBackend(lambda write: write)


class TestEarly(ContractSuite):
    @pytest.fixture
    def backend(self) -> Backend:
        return TamperedBackend(_early)


class TestAnyWorker(ContractSuite):
    @pytest.fixture
    def backend(self) -> Backend:
        return TamperedBackend(_any_worker)


class TestNoRemoval(ContractSuite):
    @pytest.fixture
    def backend(self) -> Backend:
        return TamperedBackend(_no_removal)


class TestShrinking(ContractSuite):
    @pytest.fixture
    def backend(self) -> Backend:
        return TamperedBackend(_shrinking)


class TestNoFinishedLocks(ContractSuite):
    @pytest.fixture
    def backend(self) -> Backend:
        return TamperedBackend(_without("finished_locks"))


class TestNoErrors(ContractSuite):
    @pytest.fixture
    def backend(self) -> Backend:
        return TamperedBackend(_without("errors"))


class TestNoFence(ContractSuite):
    @pytest.fixture
    def backend(self) -> Backend:
        return TamperedBackend(_without("fence"))


class TestNoRun(ContractSuite):
    @pytest.fixture
    def backend(self) -> Backend:
        return TamperedBackend(_without("run"))


class TestNoRetry(ContractSuite):
    @pytest.fixture
    def backend(self) -> Backend:
        return TamperedBackend(_without("retry"))
