"""The lease that a task of the loop renews (R12)."""

from __future__ import annotations

import asyncio
import logging
import threading
from typing import Any

import pytest

import status_tracker as st
from status_tracker.core.execution import Execution
from status_tracker.testing import Fault, MemoryStorage, MemoryStore
from tests.unit.steps import LEASE, Clock, wait_until

OFTEN = 0.001


async def until(condition: Any) -> None:
    await asyncio.to_thread(wait_until, condition)


def test_the_lease_is_renewed_while_the_block_waits(step: Any, clock: Clock) -> None:
    async def main() -> None:
        async with step.astart("t", create=True, heartbeat=OFTEN):
            for _ in range(3):
                clock.move(40)
                await until(lambda: step.get_one_or_none("t").lock_expire_time == clock.now + LEASE)
        assert not [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]

    asyncio.run(main())
    assert step.get_one_or_none("t").is_succeeded()


def test_a_block_that_outlives_the_cancellation_of_all_tasks_keeps_its_lease(step: Any, clock: Clock) -> None:
    async def main() -> None:
        async with step.astart("t", create=True, heartbeat=OFTEN):
            for task in asyncio.all_tasks() - {asyncio.current_task()}:
                task.cancel()
            await asyncio.sleep(0.01)
            for _ in range(3):
                clock.move(40)
                await until(lambda: step.get_one_or_none("t").lock_expire_time == clock.now + LEASE)

    asyncio.run(main())
    assert step.get_one_or_none("t").is_succeeded()
    assert not [thread for thread in threading.enumerate() if thread.name == "status-tracker-heartbeat"]


def test_no_thread_is_made_for_it(step: Any) -> None:
    async def main() -> None:
        async with step.astart("t", create=True, heartbeat=OFTEN):
            await asyncio.sleep(0.01)
            assert not [thread for thread in threading.enumerate() if thread.name == "status-tracker-heartbeat"]

    asyncio.run(main())


def test_a_block_whose_task_was_cancelled_by_somebody_learns_it(step: Any) -> None:
    async def main() -> None:
        async with step.astart("t", create=True, heartbeat=OFTEN) as ctx:
            step.cancel("t", reason="not needed", by="ann")
            await until(lambda: ctx.lost)
            assert ctx.cancelled["by"] == "ann"
            ctx.raise_if_lost()

    with pytest.raises(st.TaskLockLostError, match="ann cancelled the task"):
        asyncio.run(main())


def test_beats_that_fail_are_made_up_for(step: Any, storage: MemoryStorage, clock: Clock) -> None:
    async def main() -> None:
        async with step.astart("t", create=True, heartbeat=OFTEN):
            storage.befall(Fault.UNAVAILABLE, 3)
            clock.move(10)
            await until(lambda: step.get_one_or_none("t").lock_expire_time == clock.now + LEASE)

    asyncio.run(main())


def test_an_end_waits_for_the_beat_under_way(step: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    begun, go_on, order = threading.Event(), threading.Event(), []
    write = MemoryStore.write

    def held_up(store: Any, change: Any) -> Any:
        beat = threading.current_thread().name.startswith("status-tracker-beat")
        if beat:
            begun.set()
            assert go_on.wait(60)
        answer = write(store, change)
        order.append("beat" if beat else "request")
        return answer

    async def main() -> None:
        async with step.astart("t", create=True, heartbeat=OFTEN):
            await until(begun.is_set)
            asyncio.get_running_loop().call_later(0.05, go_on.set)

    monkeypatch.setattr(MemoryStore, "write", held_up)
    asyncio.run(main())
    assert order == ["request", "beat", "request"]


def test_a_heartbeat_that_breaks_says_so(
    step: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(_: object) -> bool:
        raise ZeroDivisionError

    async def main() -> None:
        async with step.astart("t", create=True, heartbeat=OFTEN):
            await until(lambda: "The heartbeat has ended" in caplog.text)

    monkeypatch.setattr(Execution, "_beat", broken)
    with caplog.at_level(logging.ERROR, "status_tracker"):
        asyncio.run(main())
    assert step.get_one_or_none("t").is_succeeded()


def test_seconds_that_could_not_renew_are_refused(step: Any) -> None:
    with pytest.raises(ValueError, match="heartbeat is 60"):
        step.astart("t", heartbeat=60)


def test_a_loop_that_ends_ends_the_heartbeats_too(step: Any) -> None:
    async def left_behind() -> None:
        async with step.astart("t", create=True, heartbeat=OFTEN):
            await asyncio.Event().wait()

    async def main() -> None:
        task = asyncio.create_task(left_behind())
        await until(lambda: step.get_one_or_none("t") is not None)
        assert not task.done()

    asyncio.run(main())  # cancels all that is left, the heartbeat too
    task = step.get_one_or_none("t")
    assert (task.lock, task.errors["history"][0]["error"]) == (None, "CancelledError()")
