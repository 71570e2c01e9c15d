"""What a listing remembers, so that it gives each task once."""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterator

import pytest

from status_tracker.core.cursors import FoundTasks, Progress, each_once

BYTES_EACH = 24
BESIDES = 600_000


def test_listing_gives_each_task_once() -> None:
    assert list(each_once(["a", "b", "a", "c", "b", "half \ud800"], str)) == ["a", "b", "c", "half \ud800"]


def test_listing_remembers_little_of_each_task() -> None:
    count = 50_000
    listed = each_once((f"orders____{number:050}" for number in range(count)), str)
    tracemalloc.start()
    given = sum(1 for _ in listed)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert given == count
    assert most < BESIDES + BYTES_EACH * count


class Numbers(FoundTasks[int]):
    def __init__(self, numbers: Iterator[int]) -> None:
        self._numbers = numbers
        super().__init__(Progress({}))

    def _next(self) -> int:
        return next(self._numbers)


def test_listing_that_an_error_has_cut_never_looks_complete() -> None:
    def numbers() -> Iterator[int]:
        yield 1
        raise ConnectionError("the network is gone")

    query = Numbers(numbers())
    assert next(query) == 1
    for _ in range(2):
        with pytest.raises(ConnectionError):
            query.all()
