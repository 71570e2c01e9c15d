"""Blocks of `async with`: what they store, give and raise, and that the event loop waits for no request."""

from __future__ import annotations

import asyncio
import gc
import inspect
import signal
import threading
import weakref
from collections.abc import AsyncGenerator
from contextlib import aclosing, suppress
from contextvars import ContextVar, copy_context
from typing import Any

import pytest

import status_tracker as st
from status_tracker.aio import AsyncContext
from status_tracker.aio.threads import MOST_BEATS, MOST_REQUESTS
from status_tracker.core.execution import ExecutionContext
from status_tracker.testing import Fault, MemoryStorage, MemoryStore
from tests.unit.steps import LEASE, TICK, Clock


def test_a_block_stores_its_success_with_its_data(step: Any) -> None:
    async def work() -> None:
        await step.amake_and_save("t", {"page": 1})
        async with step.astart("t") as ctx:
            assert (ctx.task.is_in_progress(), ctx.fence, ctx.lost, ctx.taken_over) == (True, 1, False, None)
            ctx.set_data({"page": 2})
            assert ctx.pending_data == {"page": 2}
        assert ctx.task.is_succeeded()

    asyncio.run(work())
    task = step.get_one_or_none("t")
    assert (task.status_name, task.data, task.lock) == ("succeeded", {"page": 2}, None)


def test_a_block_that_raises_stores_its_failure_and_goes_on_raising(step: Any) -> None:
    async def work() -> None:
        async with step.astart("t", create=True):
            raise ValueError("no page")

    with pytest.raises(ValueError, match="no page"):
        asyncio.run(work())
    task = step.get_one_or_none("t")
    assert (task.status_name, task.lock) == ("failed", None)
    assert task.errors["history"][0]["error"] == "ValueError('no page')"


def test_a_start_is_refused_for_the_same_reasons(step: Any) -> None:
    async def work() -> None:
        with pytest.raises(st.TaskIsNotInitializedError):
            async with step.astart("t"):
                raise AssertionError
        async with step.astart("t", create=True):
            with pytest.raises(st.TaskLockedError):
                async with step.astart("t"):
                    raise AssertionError

    asyncio.run(work())


def test_update_and_extend_lock_are_awaited(step: Any, clock: Clock) -> None:
    async def work() -> None:
        async with step.astart("t", create=True) as ctx:
            await ctx.set_data({"page": 1}).update()
            clock.move(10)
            await ctx.extend_lock()
            assert ctx.task.lock_expire_time == clock.now + LEASE
            assert step.get_one_or_none("t").data == {"page": 1}
            with pytest.raises(KeyError), ctx.begin_update() as same:
                same.set_data({"page": 2})
                raise KeyError
        assert ctx.task.data == {"page": 1}

    asyncio.run(work())


def test_a_worker_whose_task_was_taken_over_stores_nothing(step: Any, clock: Clock) -> None:
    async def work() -> None:
        async with step.astart("t", create=True) as ctx:
            clock.move(LEASE.total_seconds())
            step.start("t").__enter__()
            with pytest.raises(st.TaskLockLostError):
                await ctx.extend_lock()
            assert ctx.lost
            ctx.raise_if_lost()

    with pytest.raises(st.TaskLockLostError):
        asyncio.run(work())


def test_requests_of_several_tasks_of_one_block_come_one_after_the_other(step: Any) -> None:
    async def work() -> None:
        async with step.astart("t", create=True) as ctx:
            await asyncio.gather(*(ctx.set_data({"page": page}).update() for page in range(20)), ctx.extend_lock())

    asyncio.run(work())
    assert step.get_one_or_none("t").data == {"page": 19}


def test_no_request_is_made_on_the_loop_s_thread(step: Any, requested_in: list[threading.Thread]) -> None:
    async def one(n: int) -> None:
        await step.aget_or_create(f"t{n}", {"n": n})
        async with step.astart(f"t{n}", heartbeat=0.001) as ctx:
            await ctx.set_data({"n": n + 1}).update()
            await asyncio.sleep(0.01)
            await ctx.extend_lock()
        await step.arerun(f"t{n}", reason="again")
        assert (await step.aget_one_or_none(f"t{n}")).run == 1

    async def work() -> None:
        await asyncio.gather(*map(one, range(200)))
        assert len(await step.aquery_by_status(10, limit=None).all()) == 200

    asyncio.run(work())
    assert len(requested_in) > 200 * 8
    assert threading.main_thread() not in requested_in
    assert len({thread for thread in requested_in if thread.name.startswith("status-tracker-request")}) <= MOST_REQUESTS
    assert len({thread for thread in requested_in if thread.name.startswith("status-tracker-beat")}) <= MOST_BEATS


@pytest.mark.parametrize("within", ["an update", "another task", "another task in a task of the loop"])
def test_the_requests_of_whoever_holds_a_task_do_not_wait_for_all_starts(step: Any, within: str) -> None:
    """Otherwise the first of 100,000 would be in progress until the last one is started, and its lease would end."""
    inside, most = 0, 0

    async def request(ctx: Any) -> None:
        if within == "an update":
            await ctx.set_data({"n": 1}).update()
        elif within == "another task":
            await step.aget_one_or_none("another")
        else:
            await asyncio.create_task(step.aget_one_or_none("another"))

    async def one(n: int) -> None:
        nonlocal inside, most
        async with step.astart(f"t{n}", create=True) as ctx:
            inside += 1
            most = max(most, inside)
            await request(ctx)
        inside -= 1

    async def work() -> None:
        await asyncio.gather(*map(one, range(20 * MOST_REQUESTS)))

    asyncio.run(work())
    assert most < 10 * MOST_REQUESTS
    assert step.count_by_status()[40] == 20 * MOST_REQUESTS


@pytest.mark.parametrize("where", ["after a block", "in a block", "in the block"])
def test_the_updates_of_a_block_do_not_wait_for_all_that_is_asked(step: Any, where: str) -> None:
    done = 0

    async def ask() -> None:
        nonlocal done
        await step.aget_one_or_none("another")
        done += 1

    async def work() -> None:
        contexts = {}
        with suppress(ValueError):
            async with step.astart("before", create=True):
                contexts["in a block"] = copy_context()
                raise ValueError
        contexts["after a block"] = copy_context()
        async with step.astart("t", create=True) as ctx:
            asking = contexts.get(where, copy_context())
            asked = [asyncio.create_task(ask(), context=asking) for _ in range(20 * MOST_REQUESTS)]
            await asyncio.sleep(0)
            await ctx.set_data({}).update()
            if where == "after a block":
                await step.aget_one_or_none("t")
            assert done < 10 * MOST_REQUESTS
        await asyncio.gather(*asked)

    asyncio.run(work())
    assert done == 20 * MOST_REQUESTS


def test_a_loop_that_has_ended_is_forgotten(step: Any) -> None:
    async def work() -> weakref.ref[asyncio.AbstractEventLoop]:
        await asyncio.gather(*(step.aget_one_or_none("t") for _ in range(2 * MOST_REQUESTS)))
        return weakref.ref(asyncio.get_running_loop())

    ended = [asyncio.run(work()) for _ in range(3)]
    gc.collect()
    assert [each() for each in ended[:-1]] == [None, None]


def test_a_lost_answer_is_made_up_for_as_without_asyncio(step: Any, storage: MemoryStorage) -> None:
    async def work() -> None:
        storage.befall(Fault.ANSWER_LOST)
        async with step.astart("t", create=True):
            storage.befall(Fault.ANSWER_LOST)

    asyncio.run(work())
    assert step.get_one_or_none("t").is_succeeded()


def test_a_block_leaves_the_signals_to_the_application(step: Any) -> None:
    async def work() -> None:
        before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
        async with step.astart("t", create=True):
            assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == before

    asyncio.run(work())


def test_a_decorated_coroutine_function_is_an_attempt_with_each_call(step: Any) -> None:
    @step.astart("t", create=True)
    async def work(page: int) -> int:
        if page == 0:
            raise ValueError(page)
        return page

    with pytest.raises(ValueError, match="0"):
        asyncio.run(work(0))
    assert asyncio.run(work(7)) == 7
    assert step.get_one_or_none("t").fence == 2
    with pytest.raises(TypeError, match=r"no coroutine function.*astart\(\) decorates an `async def`"):
        step.astart("t")(lambda: None)


def test_the_requests_see_the_context_variables_of_the_task(step: Any, clock: Clock) -> None:
    who: ContextVar[str] = ContextVar("who", default="nobody")
    seen: list[str] = []

    def told() -> Any:
        seen.append(who.get())
        return clock.now

    class Told(step):  # type: ignore[misc, valid-type]
        config = st.TrackerConfig.make(
            use_case_id="told", pending_status=1, in_progress_status=2, failed_status=3, succeeded_status=4,
            ignored_status=5, clock=told,
        )  # fmt: skip

    async def work(name: str) -> None:
        who.set(name)
        async with Told.astart(name, create=True):
            pass

    async def both() -> None:
        await asyncio.gather(work("a"), work("b"))

    asyncio.run(both())
    assert set(seen) == {"a", "b"}


def test_a_context_has_every_name_of_the_one_without_asyncio() -> None:
    public = {name for name in dir(ExecutionContext) if not name.startswith("_")} | {"task", "pending_data"}
    assert {name for name in dir(AsyncContext) if not name.startswith("_")} == public
    awaited = {name for name, member in vars(AsyncContext).items() if inspect.iscoroutinefunction(member)}
    assert awaited == {"update", "extend_lock"}


def test_a_lease_ends_as_without_asyncio(step: Any, clock: Clock) -> None:
    async def work() -> None:
        async with step.astart("t", create=True, lock_expire_seconds=10):
            clock.move(10)
            clock.now -= TICK
            with pytest.raises(st.TaskLockedError):
                step.start("t").__enter__()

    asyncio.run(work())


def test_no_request_of_many_tasks_is_made_on_the_loop(step: Any, requested_in: list[threading.Thread]) -> None:
    async def one(n: int) -> None:
        async with step.astart(f"t{n}", create=True) as ctx:
            await ctx.set_data({"n": n}).update()
            await ctx.extend_lock()

    async def main() -> None:
        await asyncio.gather(*map(one, range(200)))

    asyncio.run(main())
    assert len(requested_in) >= 4 * 200
    assert threading.main_thread() not in requested_in


def test_an_async_generator_that_is_left_early_makes_no_request_on_the_loop(
    step: Any, requested_in: list[threading.Thread]
) -> None:
    async def pages() -> AsyncGenerator[int, None]:
        async with step.astart("t", create=True):
            yield 1

    async def main() -> None:
        async with aclosing(pages()) as each:
            await anext(each)
        async with asyncio.timeout(60):
            while (await step.aget_one_or_none("t")).lock:
                await asyncio.sleep(0.01)

    asyncio.run(main())
    assert threading.main_thread() not in requested_in
    task = step.get_one_or_none("t")
    assert (task.status_name, task.errors["history"][0]["error"]) == ("failed", "GeneratorExit()")


def test_the_loop_goes_on_while_every_request_hangs(step: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    answered, hanging = threading.Event(), threading.Semaphore(0)
    write = MemoryStore.write

    def hung(*args: Any) -> Any:
        hanging.release()
        assert answered.wait(60)
        return write(*args)

    async def one(n: int) -> None:
        async with step.astart(f"t{n}", create=True):
            pass

    async def main() -> None:
        tasks = [asyncio.create_task(one(n)) for n in range(200)]
        for _ in range(MOST_REQUESTS):
            await asyncio.to_thread(hanging.acquire)
        for _ in range(10_000):
            await asyncio.sleep(0)
        assert not any(task.done() for task in tasks)
        answered.set()
        await asyncio.gather(*tasks)

    monkeypatch.setattr(MemoryStore, "write", hung)
    asyncio.run(main())
    assert step.count_by_status()[40] == 200
