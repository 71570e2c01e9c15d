"""`start` as a decorator: each call of the function is an attempt."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest

import status_tracker as st
from status_tracker.testing import MemoryTask
from tests.support.steps import STEP1_CODES
from tests.unit.steps import Clock


@pytest.fixture
def step(clock: Clock) -> Any:
    class Step(MemoryTask):
        config = st.TrackerConfig.make(uuid.uuid4().hex, **STEP1_CODES, clock=clock)

    return Step


def test_each_call_is_an_attempt(step: Any) -> None:
    step.make_and_save("t")
    pages = ["", "text"]

    @step.start("t")
    def read(suffix: str, *, upper: bool = False) -> str:
        """Read a page."""
        assert step.get_one_or_none("t").is_locked()
        text = pages.pop(0)
        if not text:
            raise OSError("no page")
        return text.upper() + suffix if upper else text

    assert (read.__name__, read.__doc__) == ("read", "Read a page.")
    with pytest.raises(OSError, match="no page"):
        read("!")
    assert (step.get_one_or_none("t").status, step.get_one_or_none("t").retry) == (30, 1)
    assert read("!", upper=True) == "TEXT!"
    task = step.get_one_or_none("t")
    assert (task.status, task.fence, task.is_locked()) == (40, 2, False)
    with pytest.raises(st.TaskAlreadySucceedError):
        read("!")


def test_a_call_within_the_call_is_refused(step: Any) -> None:
    step.make_and_save("t")

    @step.start("t")
    def again() -> None:
        again()

    with pytest.raises(st.TaskLockedError):
        again()
    assert step.get_one_or_none("t").status == 30


async def _coroutine() -> None: ...


def _generator() -> Iterator[int]:
    yield 1


async def _async_generator() -> AsyncIterator[int]:
    yield 1


@pytest.mark.parametrize("work", [_coroutine, _generator, _async_generator])
def test_what_returns_before_its_work_is_done_is_refused(step: Any, work: Callable[[], object]) -> None:
    """Its success would be stored before the work is done."""
    step.make_and_save("t")
    with pytest.raises(TypeError, match=f"{work.__name__}.*returns before its work is done"):
        step.start("t")(work)
    assert step.get_one_or_none("t").status == 10
