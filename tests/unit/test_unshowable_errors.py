"""Exceptions that cannot be shown or changed keep nothing from being stored, told, or raised to the caller."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest

import status_tracker as st
from status_tracker.operations.bulk import Kind, act_on_all
from status_tracker.operations.filters import TaskFilter
from status_tracker.operations.sweeping import sweep
from status_tracker.testing import Clock, MemoryStorage, MemoryTask


@dataclass(frozen=True)
class FrozenError(Exception):
    """It takes no notes."""

    page: int = 3


class SilentError(Exception):
    """Its text cannot be had."""

    def __str__(self) -> str:
        raise RuntimeError("no text")


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def step(clock: Clock) -> Any:
    class Step(MemoryTask):
        storage = MemoryStorage()
        config = st.TrackerConfig.make("u", 10, 20, 30, 40, 50, lock_expire_seconds=60, clock=clock)

        @classmethod
        def dispatch(cls, _task: MemoryTask) -> None:
            raise SilentError

    return Step


def test_r4_an_exception_that_takes_no_note_goes_on_to_the_caller(
    step: Any, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    step.make_and_save("t")
    with caplog.at_level(logging.WARNING, "status_tracker"), pytest.raises(FrozenError), step.start("t"):
        clock.advance(60)
        with step.start("t"):
            pass
        raise FrozenError
    assert "is not held by this worker any more" in caplog.text
    assert step.get_one_or_none("t").is_succeeded()


def test_a_bulk_run_tells_of_a_dispatch_whose_error_has_no_text(step: Any) -> None:
    for name in ("a", "b"):
        step.make_and_save(name, _status=30)
    result = act_on_all(step, "rerun", TaskFilter((30,)), reason="again")
    assert result.counts == {Kind.UNDISPATCHED: 2}
    assert "SilentError: <its text raised RuntimeError>" in result.troubles[0].message


def test_a_sweep_tells_of_a_run_state_whose_error_has_no_text(step: Any) -> None:
    for name in ("a", "b"):
        step.make_and_save(name, _status=30)
    swept = sweep(step, pending_after=timedelta(0))
    assert [noted.why for noted in swept.failed] == ["SilentError: <its text raised RuntimeError>"] * 2
