"""The threads in which requests are made, so that the event loop waits for none of them."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractAsyncContextManager, nullcontext
from contextvars import ContextVar, copy_context
from itertools import takewhile
from typing import Any, NamedTuple, TypeVar
from weakref import WeakKeyDictionary

AnswerT = TypeVar("AnswerT")

MOST_REQUESTS = 16
"""So many requests are under way at once in a process; further ones wait their turn."""

MOST_BEATS = 4
"""Renewals have threads of their own: they come through while the others wait for a throttled table."""


class _Threads:
    """The pools of this process; a thread is made when it is needed."""

    def __init__(self) -> None:
        self.begin()

    def begin(self) -> None:
        self.requests = ThreadPoolExecutor(MOST_REQUESTS, thread_name_prefix="status-tracker-request")
        self.beats = ThreadPoolExecutor(MOST_BEATS, thread_name_prefix="status-tracker-beat")


threads = _Threads()
if hasattr(os, "register_at_fork"):  # a forked child has none of its parent's threads
    os.register_at_fork(after_in_child=threads.begin)


class _Turns:
    """Who waits for a thread waits on the loop: a burst of calls would otherwise contend with the threads for the pool.

    What a task that is held asks for, whose lease runs, so waits behind a few others only, however many there are.

    Attributes:
        beginning: waited for first by starts, and by what is asked outside of any block.
        within: waited for first by what else is asked within a block, but for its own updates and its end.
        request: waited for by every call.
    """

    def __init__(self) -> None:
        self.beginning = asyncio.Semaphore(MOST_REQUESTS)
        self.within = asyncio.Semaphore(MOST_REQUESTS)
        self.request = asyncio.Semaphore(MOST_REQUESTS)

    def first(self, *, holding: bool, starting: bool) -> AbstractAsyncContextManager[None]:
        """What is waited for before `request`."""
        if holding:
            return nullcontext()
        return self.within if within_block.get() and not starting else self.beginning


_turns: WeakKeyDictionary[asyncio.AbstractEventLoop, _Turns] = WeakKeyDictionary()

within_block: ContextVar[bool] = ContextVar("within_block", default=False)
"""Whether who asks is in the block of a task, which is held until that is answered."""


class Carried(NamedTuple):
    """A call that was made.

    Attributes:
        error: what it raised, if it did.
        cancelled: the cancellation that came meanwhile, and was held back.
    """

    error: BaseException | None
    cancelled: asyncio.CancelledError | None


async def carry_out(
    call: Callable[[], object],
    *,
    unawaited: Callable[[], object] = lambda: None,
    holding: bool = False,
    starting: bool = False,
) -> Carried:
    """Make a call in a thread and wait until it is over, whatever comes meanwhile.

    A cancellation is held back: what a request has stored must be known, and one that was sent cannot be called back.

    Args:
        unawaited: called after it if the waiting coroutine is closed, as by a loop that ends without cancelling it.
        holding: whether it is an update of a task that is held.
        starting: whether it starts a task.

    Raises:
        CancelledError: it came before a thread was free, and the call was not made.
    """
    turns = _turns_of_this_loop()
    async with turns.first(holding=holding, starting=starting), turns.request:
        return await _made(call, unawaited)


async def carry_out_in_any_case(call: Callable[[], object]) -> Carried:
    """As `carry_out` for a task that is held, also where a cancellation comes before a thread is free."""
    cancelled = None
    turns = _turns_of_this_loop().request
    while True:
        try:
            await turns.acquire()
            break
        except asyncio.CancelledError as error:
            cancelled = error
        except BaseException:
            threads.requests.submit(call)
            raise
    try:
        made = await _made(call, lambda: None)
    finally:
        turns.release()
    return made._replace(cancelled=made.cancelled or cancelled)


def handed_over(call: Callable[[], object]) -> bool:
    """Make a call in a thread without waiting for it, where a loop runs in this one; whether one does."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    threads.requests.submit(copy_context().run, call)
    return True


def until_cancelled(given: Iterable[Any] | Mapping[Any, Any]) -> Iterable[Any]:
    """What is given, for a call that is made in a thread; it ends once the task that calls this is cancelled."""
    if isinstance(given, str | bytes):
        return given  # whoever is given it refuses it
    task = asyncio.current_task()
    before = 0 if task is None else task.cancelling()
    each = given.items() if isinstance(given, Mapping) else given
    return takewhile(lambda _: task is None or task.cancelling() == before, each)


async def _made(call: Callable[[], object], unawaited: Callable[[], object]) -> Carried:
    made: Future[BaseException | None] = threads.requests.submit(copy_context().run, _error_of, call)
    waited_for = asyncio.wrap_future(made)
    cancelled = None
    while not waited_for.done():
        try:
            await asyncio.wait([waited_for])
        except asyncio.CancelledError as error:
            cancelled = error
        except BaseException:
            made.add_done_callback(lambda _: unawaited())
            raise
    return Carried(waited_for.result(), cancelled)


def _error_of(call: Callable[[], object]) -> BaseException | None:
    """Make the call; returns what it raised, since a future of asyncio never ends with a `StopIteration`."""
    try:
        call()
    except BaseException as error:  # noqa: BLE001  # whoever waits raises it
        return error
    return None


def _turns_of_this_loop() -> _Turns:
    loop = asyncio.get_running_loop()
    if loop not in _turns:
        _forget_closed_loops()
        _turns[loop] = _Turns()
    return _turns[loop]


def _forget_closed_loops() -> None:
    """A semaphore that was waited for keeps its loop alive, which is a key here."""
    for each in _turns.keyrefs():
        loop = each()
        if loop is not None and loop.is_closed():
            _turns.pop(loop, None)


async def in_thread(call: Callable[[], AnswerT], *, holding: bool = False) -> AnswerT:
    """The answer of a call that is made in a thread; `holding` as for `carry_out`.

    Raises:
        CancelledError: it came while a thread was waited for, and nothing was called; or the call is over.
    """
    answers: list[AnswerT] = []
    error, cancelled = await carry_out(lambda: answers.append(call()), holding=holding)
    if cancelled is not None:
        raise cancelled
    if error is not None:
        raise error
    return answers[0]
