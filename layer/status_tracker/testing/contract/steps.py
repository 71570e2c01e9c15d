"""The two steps that the rules are tested on, and how tests speak of what happens to a task."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, suppress
from typing import Any

import pytest

from ...core.errors import TaskIsNotReadyToStartError
from ..clock import Clock
from .driver import Attempt, Backend, Promise, Seen, Step

NAMES = ("pending_status", "in_progress_status", "failed_status", "succeeded_status", "ignored_status")
STEP1_CODES = dict(zip(NAMES, (10, 20, 30, 40, 50), strict=True))
STEP2_CODES = dict(zip(NAMES, (40, 70, 80, 90, 100), strict=True))
OTHER_CODES = dict(zip(NAMES, (110, 120, 130, 140, 150), strict=True))
PENDING, IN_PROGRESS, FAILED, SUCCEEDED, IGNORED = STEP1_CODES.values()
GIVEN_UP = (IGNORED, 55)
"""What a task may be whose attempts are used up: ignored, or exhausted where the backend's class tells them apart."""
LEASE = 60.0
MAX_RETRY = 3
PATIENCE = 30.0


class WorkError(Exception):
    """The worker's own failure."""


class LaterError(Exception):
    """A failure that advises when to try again."""

    def __init__(self, retry_after: object) -> None:
        super().__init__(retry_after)
        self.retry_after = retry_after


class Worker:
    """A worker inside its block."""

    def __init__(self, block: AbstractContextManager[Attempt], attempt: Attempt) -> None:
        self.attempt = attempt
        self._block = block

    def leave(self, error: BaseException | None = None) -> None:
        """The block ends: by itself, or with the error."""
        if self in _inside:
            _inside.remove(self)
        self._block.__exit__(None if error is None else type(error), error, None)


_inside: list[Worker] = []
"""Those who have not left their blocks. Were they forgotten Python might close them, which is a way to leave them."""


def enter(step: Step, task_id: str = "t", **arguments: Any) -> Worker:
    """A worker starts the task; in a thread of its own, so that it takes no signals of the process that tests."""
    block = step.start(task_id, **arguments)
    with ThreadPoolExecutor(1) as thread:
        worker = Worker(block, thread.submit(block.__enter__).result())
    _inside.append(worker)
    return worker


def succeed(step: Step, task_id: str = "t", data: dict[str, Any] | None = None, **arguments: Any) -> None:
    """A worker does the task."""
    with step.start(task_id, **arguments) as attempt:
        if data is not None:
            attempt.set_data(data)


def fail(step: Step, error: BaseException | None = None, task_id: str = "t") -> None:
    """A worker fails with that error, which reaches the caller untouched."""
    error = WorkError("no page") if error is None else error
    with pytest.raises(type(error)) as raised, step.start(task_id):
        raise error
    assert raised.value is error


def refused(step: Step, task_id: str = "t", **arguments: Any) -> Any:
    """The refusal of a start, whose block does not run and which changes nothing."""
    before = step.read(task_id)
    with pytest.raises(TaskIsNotReadyToStartError) as refusal:
        step.start(task_id, **arguments).__enter__()
    assert step.read(task_id) == before
    return refusal.value


def seen(step: Step, task_id: str = "t") -> Seen:
    """The task, which must be there."""
    task = step.read(task_id)
    assert task is not None
    return task


def errors_of(step: Step, task_id: str = "t") -> list[str]:
    """The kinds of the failures on record."""
    return [entry["error"].partition("(")[0] for entry in seen(step, task_id).history]


def wait_until(condition: Callable[[], object]) -> None:
    """Return as soon as the condition holds."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, f"it did not come to pass in {PATIENCE} s"
        threading.Event().wait(0.002)


class Scenes:
    """The fixtures of the suite."""

    @pytest.fixture
    def backend(self) -> Backend:
        """The backend that is tested: override it."""
        raise NotImplementedError("Override the fixture `backend` with one that returns your backend's driver.")

    @pytest.fixture
    def clock(self) -> Clock:
        """What time it is for every step."""
        return Clock()

    @pytest.fixture
    def new_step(self, backend: Backend, clock: Clock) -> Callable[..., Step]:
        """Makes a step with settings of its own: `new_step(codes, max_retry=1)`."""
        usual = {"max_retry": MAX_RETRY, "lock_expire_seconds": LEASE}

        def make(codes: dict[str, int] = STEP1_CODES, clock: Clock = clock, **settings: Any) -> Step:
            return backend.step(codes, clock, **{**usual, **settings})

        return make

    @pytest.fixture
    def step1(self, new_step: Callable[..., Step]) -> Step:
        """The first step."""
        return new_step()

    @pytest.fixture
    def step2(self, new_step: Callable[..., Step], step1: Step, promised: Callable[[Promise], bool]) -> Step:
        """The next one: its pending is the first step's succeeded. It is the first where a task has only one."""
        return new_step(STEP2_CODES) if promised(Promise.STEPS) else step1

    @pytest.fixture(autouse=True)
    def _nobody_is_left_inside(self, backend: Backend, clock: Clock) -> Iterator[None]:  # noqa: ARG002  # the order
        yield
        clock.advance(10 * LEASE)
        while _inside:
            with suppress(Exception):
                _inside[-1].leave()

    @pytest.fixture
    def promised(self, backend: Backend) -> Callable[[Promise], bool]:
        """Whether the backend promises that."""
        return lambda promise: promise in backend.promises

    @pytest.fixture
    def renewing(self, step1: Step, promised: Callable[[Promise], bool]) -> bool:
        """Whether blocks have `update` and `extend_lock`; where they have not, asking for them fails clearly."""
        if promised(Promise.RENEWAL):
            return True
        step1.create("untouched")
        with step1.start("untouched") as attempt:
            for name in ("update", "extend_lock"):
                with pytest.raises((AttributeError, TypeError)):
                    getattr(attempt, name)()
        return False
