"""Blocks of `async with`: an attempt that is entered and left in threads, and works on the event loop."""

from __future__ import annotations

import asyncio
import inspect
import threading
from collections.abc import Callable, Coroutine, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, suppress
from contextvars import Token
from datetime import datetime
from functools import partial, wraps
from types import TracebackType
from typing import TYPE_CHECKING, Any, Generic, ParamSpec, Protocol, Self, TypeVar

from ..core.execution import ExecutionContext
from ..core.heartbeat import Beating, Heartbeat
from .heartbeat import LoopHeartbeat
from .threads import carry_out, carry_out_in_any_case, handed_over, in_thread, within_block

EnteredT = TypeVar("EnteredT")
EnteredT_co = TypeVar("EnteredT_co", covariant=True)
ShownT = TypeVar("ShownT")
TaskT = TypeVar("TaskT")
AnswerT = TypeVar("AnswerT")
ParamsT = ParamSpec("ParamsT")


class Attempt(Protocol[EnteredT_co]):
    """An attempt that has not been made yet: an `Execution`, or what a backend has in its place."""

    def beat_by(self, other: Callable[[Heartbeat], Beating]) -> None: ...

    def __enter__(self) -> EnteredT_co: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> bool | None: ...


class OneAtATime:
    """The requests of one block: several tasks of the loop may make them, and each waits for the one before."""

    def __init__(self) -> None:
        self._lock = threading.Lock()

    def of(self, call: Callable[[], AnswerT]) -> Callable[[], AnswerT]:
        def alone() -> AnswerT:
            with self._lock:
                return call()

        return alone

    async def make(self, call: Callable[[], AnswerT]) -> AnswerT:
        return await in_thread(self.of(call), holding=True)


class AsyncBlock(Generic[EnteredT, ShownT]):
    """What `astart` returns: a block of `async with`, or a decorator for a coroutine function.

    It is never half entered or half left. A cancellation that comes while it is entered ends the attempt before the
    block begins, and is recorded as one that comes within it; one that comes while it is left is raised when its end is
    stored. No signal handler is set: on an event loop, signals are the application's.

    Args:
        make: makes the attempt; for use as a decorator, once for each call.
        show: makes what the block gets from what the attempt gives.
    """

    def __init__(self, make: Callable[[], Attempt[EnteredT]], show: Callable[[EnteredT, OneAtATime], ShownT]) -> None:
        self._make = make
        self._attempt = make()
        self._show = show
        self._requests = OneAtATime()
        self._outside: Token[bool] | None = None

    if not TYPE_CHECKING:  # a type checker tells it by itself

        def __enter__(self) -> None:
            raise TypeError("astart() gives a block of `async with`: write `with ….start(…)` where there is no loop.")

        def __exit__(self, *_: object) -> None:
            raise NotImplementedError  # nobody enters

    async def __aenter__(self) -> ShownT:
        self._attempt.beat_by(partial(LoopHeartbeat, loop=asyncio.get_running_loop()))
        entered: list[EnteredT] = []
        error, cancelled = await carry_out(
            lambda: entered.append(self._attempt.__enter__()),
            unawaited=lambda: entered and self._attempt.__exit__(GeneratorExit, GeneratorExit(), None),
            starting=True,
        )
        if cancelled is not None:
            if error is None:
                await self._leave(cancelled)
            raise cancelled
        if error is not None:
            raise error
        self._outside = within_block.set(True)
        return self._show(entered[0], self._requests)

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> bool | None:
        if self._outside is not None:
            with suppress(ValueError):  # it is left in another context than it was entered in
                within_block.reset(self._outside)
        if isinstance(error, GeneratorExit):  # the coroutine is closed and cannot wait
            leave = partial(self._attempt.__exit__, kind, error, traceback)
            return False if handed_over(self._requests.of(leave)) else leave()
        return await self._leave(error)

    async def _leave(self, error: BaseException | None) -> bool | None:
        suppressed: list[bool | None] = []
        traceback = None if error is None else error.__traceback__
        kind = None if error is None else type(error)

        def leave() -> None:
            suppressed.append(self._attempt.__exit__(kind, error, traceback))

        raised, cancelled = await carry_out_in_any_case(self._requests.of(leave))
        try:
            if raised is not None:
                raise raised
            return suppressed[0]
        finally:
            if cancelled is not None and not isinstance(error, asyncio.CancelledError):
                raise cancelled

    def __call__(
        self, work: Callable[ParamsT, Coroutine[Any, Any, AnswerT]]
    ) -> Callable[ParamsT, Coroutine[Any, Any, AnswerT]]:
        """Decorate a coroutine function: each call of it is an attempt of its own at the task.

        Raises:
            TypeError: `work` is no coroutine function.
        """
        if not inspect.iscoroutinefunction(work):
            raise TypeError(f"{work!r} is no coroutine function: astart() decorates an `async def`, start() a `def`.")

        @wraps(work)
        async def attempt(*args: ParamsT.args, **kwargs: ParamsT.kwargs) -> AnswerT:
            async with AsyncBlock(self._make, self._show):
                return await work(*args, **kwargs)

        return attempt


class AsyncContext(Generic[TaskT]):
    """The `ctx` of an `async with ….astart(…) as ctx` block: an `ExecutionContext` whose requests are awaited."""

    def __init__(self, context: ExecutionContext[TaskT], requests: OneAtATime) -> None:
        self._context = context
        self._requests = requests

    async def update(self) -> None:
        """Store the data set with `set_data` now; see `ExecutionContext.update`."""
        await self._requests.make(self._context.update)

    async def extend_lock(self, seconds: float | None = None) -> None:
        """Renew the lease; see `ExecutionContext.extend_lock`."""
        await self._requests.make(lambda: self._context.extend_lock(seconds))

    @property
    def task(self) -> TaskT:
        """The task as last stored; after the block, as its end stored it."""
        return self._context.task

    @property
    def pending_data(self) -> dict[str, Any] | None:
        """Data given to `set_data` and not stored yet; None if there is none."""
        return self._context.pending_data

    @property
    def fence(self) -> int:
        """See `ExecutionContext.fence`."""
        return self._context.fence

    @property
    def taken_over(self) -> Mapping[str, Any] | None:
        """See `ExecutionContext.taken_over`."""
        return self._context.taken_over

    @property
    def also(self) -> Any:
        """See `ExecutionContext.also`."""
        return self._context.also

    @property
    def lost(self) -> bool:
        """See `ExecutionContext.lost`."""
        return self._context.lost

    @property
    def cancelled(self) -> Mapping[str, Any] | None:
        """See `ExecutionContext.cancelled`: the record of the task's cancellation (R18), not asyncio's."""
        return self._context.cancelled

    @property
    def postponed_until(self) -> datetime | None:
        """See `ExecutionContext.postponed_until`."""
        return self._context.postponed_until

    def set_data(self, data: dict[str, Any] | None) -> Self:
        """Set the data to store with the success; makes no request. See `ExecutionContext.set_data`."""
        self._context.set_data(data)
        return self

    def begin_update(self) -> AbstractContextManager[Self]:
        """A block whose `set_data` is taken back if it raises; makes no request."""
        return _within(self._context.begin_update(), self)

    def to_update_actions(self) -> list[Any]:
        """See `ExecutionContext.to_update_actions`."""
        return self._context.to_update_actions()

    def raise_if_lost(self) -> None:
        """See `ExecutionContext.raise_if_lost`."""
        self._context.raise_if_lost()


@contextmanager
def _within(block: AbstractContextManager[object], shown: ShownT) -> Iterator[ShownT]:
    with block:
        yield shown
