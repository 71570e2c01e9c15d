"""A cancellation at any point: the task was not started, or its end is stored; it is never left locked."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine, Generator
from typing import Any

import pytest

from status_tracker.aio import threads
from status_tracker.aio.threads import in_thread
from status_tracker.testing import MemoryStore
from tests.unit.steps import wait_until


class Gate:
    """Where each write stops, before or after it is carried out, until the loop has waited for it and been cancelled.

    Args:
        after: after it is carried out, or before.
    """

    def __init__(self, *, after: bool) -> None:
        self._after = after
        self.reached = threading.Semaphore(0)
        self.open = threading.Semaphore(0)

    def guard(self, method: Any) -> Any:
        def write(*args: Any) -> Any:
            if self._after:
                answer = method(*args)
                self._stop()
                return answer
            self._stop()
            return method(*args)

        return write

    def _stop(self) -> None:
        self.reached.release()
        assert self.open.acquire(timeout=60)


class Cut:
    """Runs a coroutine, and cancels it when it waits for these times; a request is under way by then.

    Attributes:
        waited: how often it has waited.
    """

    def __init__(self, work: Coroutine[Any, Any, None], nths: set[int], gate: Gate) -> None:
        self._work = work
        self._nths = nths
        self._gate = gate
        self.waited = 0

    def __await__(self) -> Generator[Any, Any, None]:
        steps = self._work.__await__()
        task = asyncio.current_task()
        assert task is not None
        goes_on_waiting = False
        thrown: BaseException | None = None
        while True:
            try:
                waited_for = steps.send(None) if thrown is None else steps.throw(thrown)
            except StopIteration:
                return
            self.waited += 1
            if waited_for is not None and not goes_on_waiting:  # None: it only lets others run
                assert self._gate.reached.acquire(timeout=60)
            if self.waited in self._nths:
                task.cancel()
            if waited_for is not None and not (goes_on_waiting := self.waited in self._nths):
                self._gate.open.release()
            thrown = None
            try:
                yield waited_for
            except BaseException as error:  # noqa: BLE001  # it is thrown into the coroutine
                thrown = error


@pytest.fixture(params=[False, True], ids=["before the write", "after the write"])
def gate(request: pytest.FixtureRequest, step: Any, monkeypatch: pytest.MonkeyPatch) -> Gate:
    step.make_and_save("t")
    gate = Gate(after=request.param)
    monkeypatch.setattr(MemoryStore, "write", gate.guard(MemoryStore.write))
    return gate


async def work(step: Any, reached: list[str]) -> None:
    reached.append("not started")
    async with step.astart("t") as ctx:
        reached.append("block")
        await ctx.set_data({"page": 1}).update()
        await asyncio.sleep(0)
        await ctx.extend_lock()
        await ctx.set_data({"page": 2}).update()
        reached.append("done")
    reached.append("left")


def run(step: Any, nths: set[int], gate: Gate) -> tuple[list[str], int, bool]:
    """How far it came, how often it waited, and whether it was cancelled."""
    reached: list[str] = []

    async def main() -> tuple[int, bool]:
        cut = Cut(work(step, reached), nths, gate)

        async def cut_short() -> None:
            await cut

        [outcome] = await asyncio.gather(asyncio.create_task(cut_short()), return_exceptions=True)
        assert outcome is None or isinstance(outcome, asyncio.CancelledError), outcome
        return cut.waited, outcome is not None

    return (reached, *asyncio.run(main()))


@pytest.mark.parametrize("times", [1, 2, 3])
@pytest.mark.parametrize("nth", range(1, 7))
def test_cancelled_while_a_request_is_under_way(step: Any, gate: Gate, nth: int, times: int) -> None:
    reached, _, cancelled = run(step, set(range(nth, nth + times)), gate)
    task = step.get_one_or_none("t")
    assert (cancelled, task.lock) == (True, None)
    if "done" in reached:
        assert (task.status_name, task.data) == ("succeeded", {"page": 2})
    else:
        assert task.status_name == "failed"
        assert task.errors["history"][0]["error"] == "CancelledError()"
        assert task.data == [{}, {"page": 1}, {"page": 1}, {"page": 1}, {"page": 2}][nth - 1]
    assert "left" not in reached


def test_there_are_no_further_points_at_which_it_could_be_cancelled(step: Any, gate: Gate) -> None:
    assert run(step, set(), gate) == (["not started", "block", "done", "left"], 6, False)


@pytest.fixture
def one_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threads, "MOST_REQUESTS", 1)


@pytest.mark.usefixtures("one_thread")
def test_cancelled_before_a_thread_was_free_it_is_not_started(step: Any) -> None:
    async def main() -> None:
        busy = threading.Event()
        other = asyncio.create_task(in_thread(busy.wait))
        started = asyncio.create_task(step.astart("t", create=True).__aenter__())
        await asyncio.sleep(0)
        started.cancel()
        with pytest.raises(asyncio.CancelledError):
            await started
        busy.set()
        await other

    asyncio.run(main())
    assert step.get_one_or_none("t") is None


@pytest.mark.usefixtures("one_thread")
def test_an_end_that_waits_for_a_free_thread_is_stored_although_it_is_cancelled(step: Any) -> None:
    async def main() -> None:
        busy, done = threading.Event(), asyncio.Event()

        async def one() -> None:
            async with step.astart("t", create=True):
                others.append(asyncio.create_task(in_thread(busy.wait)))
                await asyncio.sleep(0)
                done.set()

        others: list[asyncio.Task[bool]] = []
        task = asyncio.create_task(one())
        await done.wait()
        for _ in range(3):
            task.cancel()
            await asyncio.sleep(0)
        busy.set()
        with pytest.raises(asyncio.CancelledError):
            await task
        await asyncio.gather(*others)

    asyncio.run(main())
    assert step.get_one_or_none("t").is_succeeded()


@pytest.mark.usefixtures("one_thread")
def test_a_coroutine_that_is_closed_while_its_end_waits_for_a_free_thread_leaves_no_lock(step: Any) -> None:
    busy = threading.Event()

    async def block() -> None:
        async with step.astart("t", create=True):
            pass

    async def main() -> None:
        steps = block().__await__()
        await asyncio.wait([steps.send(None)])
        other = asyncio.create_task(in_thread(busy.wait))
        await asyncio.sleep(0)
        steps.send(None)
        steps.close()
        busy.set()
        await other

    asyncio.run(main())
    wait_until(lambda: step.get_one_or_none("t").is_succeeded())


def test_a_timeout_ends_the_attempt_and_is_told_as_a_timeout(step: Any) -> None:
    async def main() -> None:
        async with asyncio.timeout(0.01), step.astart("t", create=True):
            await asyncio.Event().wait()

    with pytest.raises(TimeoutError):
        asyncio.run(main())
    assert step.get_one_or_none("t").errors["history"][0]["error"] == "CancelledError()"


def test_one_failure_in_a_group_cancels_and_records_the_others(step: Any) -> None:
    async def one(n: int) -> None:
        async with step.astart(f"t{n}", create=True):
            await asyncio.sleep(0.05)
            if n == 3:
                raise ValueError(n)
            await asyncio.Event().wait()

    async def main() -> None:
        async with asyncio.TaskGroup() as group:
            for n in range(10):
                group.create_task(one(n))

    with pytest.raises(ExceptionGroup):
        asyncio.run(main())
    errors = [task.errors["history"][0]["error"] for task in step.query_by_status(30, None, auto_refresh=True)]
    assert sorted(errors) == ["CancelledError()"] * 9 + ["ValueError(3)"]


def test_a_coroutine_that_is_closed_in_its_block_leaves_no_lock(step: Any) -> None:
    async def block() -> None:
        async with step.astart("t", create=True):
            await asyncio.sleep(0)

    async def main(work: Coroutine[Any, Any, None]) -> None:
        steps = work.__await__()
        waited_for = steps.send(None)
        await asyncio.wait([waited_for])
        assert steps.send(None) is None

    work = block()
    asyncio.run(main(work))
    work.close()
    task = step.get_one_or_none("t")
    assert (task.lock, task.errors["history"][0]["error"]) == (None, "GeneratorExit()")


def test_a_coroutine_that_is_closed_while_its_block_is_entered_leaves_no_lock(step: Any, gate: Gate) -> None:
    async def main() -> None:
        entering = step.astart("t").__aenter__()
        entering.send(None)
        gate.reached.acquire()
        entering.close()
        gate.open.release(2)

    asyncio.run(main())
    gate.reached.acquire()
    wait_until(lambda: step.get_one_or_none("t").lock is None)
    assert step.get_one_or_none("t").errors["history"][0]["error"] == "GeneratorExit()"
