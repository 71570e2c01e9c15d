"""The threads in which requests are made, so that the event loop waits for none of them."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import copy_context
from typing import NamedTuple, TypeVar

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


class Carried(NamedTuple):
    """A call that was made.

    Attributes:
        error: what it raised, if it did.
        cancelled: the cancellation that came meanwhile, and was held back.
    """

    error: BaseException | None
    cancelled: asyncio.CancelledError | None


async def carry_out(
    call: Callable[[], object], *, in_any_case: bool = False, unawaited: Callable[[], object] = lambda: None
) -> Carried:
    """Make a call in a thread and wait until it is over, whatever comes meanwhile.

    A cancellation is held back: what a request has stored must be known, and one that was sent cannot be called back.

    Args:
        in_any_case: also where the cancellation comes before a thread was free for it.
        unawaited: called after it if the waiting coroutine is closed, as by a loop that ends without cancelling it.

    Raises:
        CancelledError: the call was not made.
    """
    made: Future[object] = threads.requests.submit(copy_context().run, call)
    waited_for = asyncio.wrap_future(made)
    cancelled = None
    while not waited_for.done():
        try:
            await asyncio.wait([waited_for])
        except asyncio.CancelledError as error:
            if not in_any_case and made.cancel():
                raise
            cancelled = error
        except BaseException:
            if in_any_case or not made.cancel():
                made.add_done_callback(lambda _: unawaited())
            raise
    return Carried(waited_for.exception(), cancelled)


async def in_thread(call: Callable[[], AnswerT]) -> AnswerT:
    """The answer of a call that is made in a thread.

    Raises:
        CancelledError: it came while a thread was waited for, and nothing was called; or the call is over.
    """
    answers: list[AnswerT] = []
    error, cancelled = await carry_out(lambda: answers.append(call()))
    if cancelled is not None:
        raise cancelled
    if error is not None:
        raise error
    return answers[0]
