"""A task that is created: its request is repeated, and its data checked, by the class's own settings."""

from __future__ import annotations

import pytest

import status_tracker as st
from status_tracker.testing import Fault, MemoryStorage, MemoryTask
from tests.unit.steps import Clock, make_config


def new_step(clock: Clock) -> type[MemoryTask]:
    return type("Step", (MemoryTask,), {"config": make_config(clock=clock), "storage": MemoryStorage()})


def test_it_waits_by_the_clock_before_it_asks_again(clock: Clock) -> None:
    step = new_step(clock)
    step.storage.befall(Fault.UNAVAILABLE, 2)
    assert step.get_or_create("t")[1]
    assert len(clock.pauses) == 2


def test_data_can_be_checked_without_a_task(clock: Clock) -> None:
    step = new_step(clock)
    step.check_data("t", {"page": 1})
    with pytest.raises(TypeError):
        step.check_data("t", {"page": object()})
    step.max_data_bytes = 10
    with pytest.raises(st.TaskDataTooLargeError):
        step.check_data("t", {"page": "x" * 10})
    assert step.get_one_or_none("t") is None
