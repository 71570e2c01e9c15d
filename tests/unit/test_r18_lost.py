"""R18: a worker knows that its task was cancelled as soon as a heartbeat or a write has found out."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import Any

import pytest

import status_tracker as st
from status_tracker.testing import MemoryStorage, MemoryTask

PATIENCE = 30


@pytest.fixture
def step() -> Any:
    class Step(MemoryTask):
        storage = MemoryStorage()
        config = st.TrackerConfig.make("u", 10, 20, 30, 40, 50, lock_expire_seconds=60)

    Step.make_and_save("t")
    return Step


def test_r18_a_heartbeat_finds_out_and_a_long_loop_can_leave(step: Any) -> None:
    with pytest.raises(st.TaskLockLostError, match=r"ada cancelled the task \(wrong customer\)") as lost:  # noqa: SIM117
        with step.start("t", heartbeat=0.01) as ctx:
            assert not ctx.lost
            ctx.raise_if_lost()
            step.cancel("t", reason="wrong customer", by="ada")
            end = time.monotonic() + PATIENCE
            while time.monotonic() < end:
                ctx.raise_if_lost()
                time.sleep(0.01)
    assert lost.value.task_id == "t"
    task = step.get_one_or_none("t")
    assert (task.is_ignored(), task.retry, task.errors["history"]) == (True, 0, [])


def test_r18_a_refused_write_finds_out(step: Any) -> None:
    with pytest.raises(st.TaskLockLostError), step.start("t") as ctx:
        step.cancel("t", reason="wrong customer")
        assert not ctx.lost  # nothing is asked for it
        with pytest.raises(st.TaskLockLostError, match="somebody cancelled the task"):
            ctx.extend_lock()
        assert ctx.lost
        ctx.raise_if_lost()


def test_r18_a_request_that_comes_twice_cancels_once(step: Any) -> None:
    with pytest.raises(st.TaskLockLostError), step.start("t"):
        first = step.cancel("t", reason="wrong customer", request_id="one")
        again = step.cancel("t", reason="wrong customer", request_id="one")
    assert len(first.errors["actions"]) == len(again.errors["actions"]) == 1


def test_r18_what_has_ended_is_not_cancelled(step: Any) -> None:
    with step.start("t"):
        pass
    with pytest.raises(st.TaskAlreadySucceedError):
        step.cancel("t", reason="wrong customer")


def test_r18_the_worker_is_told_also_by_an_operator_whose_clock_is_behind(step: Any) -> None:
    class Behind(step):  # type: ignore[misc]
        config = st.TrackerConfig.make(
            "u", 10, 20, 30, 40, 50, clock=lambda: st.get_utc_now() - timedelta(seconds=5), lock_expire_seconds=60
        )

    step.cancel("t", reason="an earlier one", by="bob")
    step.unignore("t", reason="right after all")
    told = r"ada cancelled the task \(wrong customer\)"
    with pytest.raises(st.TaskLockLostError, match=told) as lost, step.start("t") as ctx:
        Behind.cancel("t", reason="wrong customer", by="ada")
        ctx.extend_lock()
    assert lost.value.cancelled is not None
    assert lost.value.cancelled["by"] == "ada"


def test_r18_a_lock_that_is_taken_otherwise_is_not_called_cancelled(step: Any) -> None:
    step.cancel("t", reason="an earlier one", by="bob")
    step.unignore("t", reason="right after all")
    told = "somebody took it over, unlocked or deleted it"
    with pytest.raises(st.TaskLockLostError, match=told) as lost, step.start("t") as ctx:
        step.unlock("t", reason="the machine is gone")
        ctx.extend_lock()
    assert lost.value.cancelled is None
