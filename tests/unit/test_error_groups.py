"""Groups of exceptions, and exceptions that raise when they are judged (R8, R9)."""

from __future__ import annotations

from collections.abc import Callable
from typing import NoReturn

import pytest

import status_tracker as st
from status_tracker.testing import MemoryStore
from tests.unit.steps import FAILED, IGNORED, Clock, history, start, stored


def nested(innermost: BaseException, depth: int) -> BaseException:
    group = innermost
    for _ in range(depth):
        group = BaseExceptionGroup("pages", [OSError("slow"), group])
    return group


@pytest.mark.parametrize("depth", [1, 2, 3000])
@pytest.mark.parametrize("beside", [ValueError("page 1"), KeyboardInterrupt(), SystemExit(1)])
def test_r9_a_hopeless_error_in_a_group_of_groups_makes_the_task_ignored(
    store: MemoryStore, clock: Clock, depth: int, beside: BaseException
) -> None:
    error = nested(BaseExceptionGroup("more", [beside, st.NonRetryableError("rotten")]), depth)
    with pytest.raises(BaseExceptionGroup) as caught, start(store, clock):
        raise error
    assert caught.value is error
    assert (stored(store).status, stored(store).lock, stored(store).retry) == (IGNORED, None, 1)


@pytest.mark.parametrize("depth", [1, 3000])
def test_r9_a_group_of_groups_without_a_hopeless_error_is_a_failure(
    store: MemoryStore, clock: Clock, depth: int
) -> None:
    error = nested(KeyboardInterrupt(), depth)
    with pytest.raises(BaseExceptionGroup) as caught, start(store, clock):
        raise error
    assert caught.value is error
    assert (stored(store).status, stored(store).lock) == (FAILED, None)


class LyingGroup(ExceptionGroup[Exception]):
    """Its members cannot be asked for."""

    @property
    def exceptions(self) -> NoReturn:
        raise OSError("no members")


class LyingError(Exception):
    """Its class cannot be asked for."""

    @property
    def __class__(self) -> NoReturn:
        raise OSError("no class")


@pytest.mark.parametrize("make", [lambda: LyingGroup("pages", [ValueError()]), LyingError], ids=["group", "error"])
def test_r8_an_exception_that_raises_when_it_is_judged_is_recorded_and_goes_on_to_the_caller(
    store: MemoryStore, clock: Clock, make: Callable[[], Exception]
) -> None:
    attempt = start(store, clock)
    attempt.__enter__()
    error = make()
    attempt.__exit__(type(error), error, None)
    assert (stored(store).status, stored(store).lock, len(history(store))) == (FAILED, None, 1)
