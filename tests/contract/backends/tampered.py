"""Backends that are wrong in one thing each, for the test that the suite notices: run it as a module of tests."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import pytest

import status_tracker as st
from status_tracker.core.port import HeldBy, Special, Startable, Unchanged, Write
from status_tracker.core.state import TaskState
from status_tracker.testing import TICK, BackendError, Clock, MemoryStorage, MemoryStore, MemoryTask
from status_tracker.testing.contract import Backend, ContractSuite, Promise
from tests.contract.backends.memory import MemoryStep

Tamper = Callable[[Write, TaskState | None], Write]
"""What a backend does instead of the write, by what is stored."""


def _without(name: str) -> Tamper:
    """The backend has no such field."""
    return lambda write, _stored: replace(
        write, changes={key: value for key, value in write.changes.items() if key != name}
    )


def _early(write: Write, _stored: TaskState | None) -> Write:
    """It starts tasks a tick before they are due."""
    guard = write.guard
    return replace(write, guard=replace(guard, now=guard.now + TICK)) if isinstance(guard, Startable) else write


def _any_worker(write: Write, _stored: TaskState | None) -> Write:
    """It does not ask who holds the task, only that it is acquired again by each start."""
    return replace(write, guard=Startable("", tuple(range(200)), _EVER, _EVER, or_absent=True))


def _no_removal(write: Write, _stored: TaskState | None) -> Write:
    """It cannot remove a field."""
    kept = {name: value for name, value in write.changes.items() if value is not Special.REMOVE}
    return replace(write, changes=kept)


def _shrinking(write: Write, _stored: TaskState | None) -> Write:
    """A renewal may shorten the lease."""
    guard = write.guard
    return replace(write, guard=replace(guard, growing=None)) if isinstance(guard, HeldBy) else write


def _late(write: Write, _stored: TaskState | None) -> Write:
    """It does not ask whether the attempt has ended already that acquires."""
    guard = write.guard
    return replace(write, guard=replace(guard, lock="")) if isinstance(guard, Startable) else write


def _newest_finish(write: Write, _stored: TaskState | None) -> Write:
    """It keeps one token of those that finished the task."""
    if "finished_locks" not in write.changes:
        return write
    return replace(write, changes={**write.changes, "finished_locks": write.changes["finished_locks"][-1:]})


def _any_fence(write: Write, stored: TaskState | None) -> Write:
    """It asks for the token alone."""
    if stored is None or not isinstance(write.guard, HeldBy):
        return write
    return replace(write, guard=replace(write.guard, fence=stored.fence))


def _same_status(write: Write, stored: TaskState | None) -> Write:
    """It takes a task whose status is the same for one that is unchanged."""
    guard = write.guard
    if stored is None or not isinstance(guard, Unchanged) or guard.state.status != stored.status:
        return write
    return replace(write, guard=Unchanged(stored))


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
            def task_store(cls, task_id: str) -> Any:
                store = super().task_store(task_id)
                write, succeed = store.write, store.succeed

                def tampered(asked: Write) -> Write:
                    task = store.read()
                    return tamper(asked, None if task is None else store.state(task))

                store.write = lambda asked: write(tampered(asked))  # type: ignore[method-assign]
                store.succeed = lambda asked: succeed(tampered(asked))  # type: ignore[method-assign]
                return store

        return MemoryStep(Task)


class _Unlocked:
    """A lock that excludes nobody."""

    def __enter__(self) -> None: ...

    def __exit__(self, *_: object) -> None: ...


class UnlockedBackend(TamperedBackend):
    """In memory, with a store that looks and writes in two steps, between which others may come."""

    def __init__(self) -> None:
        super().__init__(lambda write, _stored: write)
        store_of = self._storage.store

        def unlocked(key: str) -> MemoryStore:
            store = store_of(key)
            store._one_at_a_time = _Unlocked()  # type: ignore[assignment]
            return store

        self._storage.store = unlocked  # type: ignore[method-assign]


class TestAsItShouldBe(ContractSuite):
    @pytest.fixture
    def backend(self) -> Backend:
        return TamperedBackend(lambda write, _stored: write)


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


class TestNoVanishedLocks(ContractSuite):
    @pytest.fixture
    def backend(self) -> Backend:
        return TamperedBackend(_without("vanished_locks"))


class TestNoUpdateCount(ContractSuite):
    @pytest.fixture
    def backend(self) -> Backend:
        return TamperedBackend(_without("update_count"))


class TestLate(ContractSuite):
    @pytest.fixture
    def backend(self) -> Backend:
        return TamperedBackend(_late)


class TestNewestFinish(ContractSuite):
    @pytest.fixture
    def backend(self) -> Backend:
        return TamperedBackend(_newest_finish)


class TestAnyFence(ContractSuite):
    @pytest.fixture
    def backend(self) -> Backend:
        return TamperedBackend(_any_fence)


class TestSameStatus(ContractSuite):
    @pytest.fixture
    def backend(self) -> Backend:
        return TamperedBackend(_same_status)


class TestNoLock(ContractSuite):
    @pytest.fixture
    def backend(self) -> Backend:
        return UnlockedBackend()
