"""Lets a worker report back before it is ended by SIGTERM or interrupted by Ctrl-C (SIGINT).

By default SIGTERM ends a Python process on the spot, and a task it works on stays in progress until its lease is over.
While a task is worked on in the main thread, SIGTERM raises `SystemExit` in the block instead, as SIGINT raises
`KeyboardInterrupt`, so that the attempt is recorded and the task released. An application's own
handler is kept.

A signal that comes while an attempt is entered is held back, and then raised before the block begins; one that comes
while it is left is raised after its end is stored. A second SIGINT is not held back. A process has only one handler
per signal; nested attempts share it.
"""

from __future__ import annotations

import _signal  # type: ignore[import-not-found]  # `signal` tries to make an enum of each handler, at ten times the cost
import inspect
import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from functools import wraps
from types import FrameType, TracebackType
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar
from weakref import WeakSet

EnteredT = TypeVar("EnteredT")
ParamsT = ParamSpec("ParamsT")
ReturnedT = TypeVar("ReturnedT")

# SIGINT is taken first and given back last: what comes between is held back too.
_DEFAULTS: dict[int, Any] = {
    int(signal.SIGINT): signal.default_int_handler,
    int(signal.SIGTERM): int(signal.SIG_DFL),
}


@dataclass
class _Process:
    """State shared by the attempts of the main thread.

    Attributes:
        attempts: those under way; one that was dropped without being left is gone by itself.
        entering: those that have not come to their block yet.
        restoring: whether the last one is giving the handlers back.
    """

    attempts: WeakSet[Termination] = field(default_factory=WeakSet)
    entering: WeakSet[Termination] = field(default_factory=WeakSet)
    restoring: bool = False
    held_back: int | None = None
    handled: list[int] = field(default_factory=list)

    def on_signal(self, number: int, frame: FrameType | None) -> None:
        if not (self.attempts or self.restoring) and signal.getsignal(number) == self.on_signal:
            # The last one ended in another thread, which can give no handler back.
            self.restore()
            signal.signal(number, _DEFAULTS[number])
            signal.raise_signal(number)
            return
        impatient = number == signal.SIGINT and self.held_back == signal.SIGINT
        self.held_back = number
        if impatient or not (self.entering or self.restoring or _is_leaving(frame)):
            self.raise_held_back()

    def raise_held_back(self) -> None:
        if self.held_back is not None:
            number, self.held_back = self.held_back, None
            raise KeyboardInterrupt if number == signal.SIGINT else SystemExit(128 + number)

    def install(self) -> None:
        for number, default in _DEFAULTS.items():
            handler = _signal.getsignal(number)
            ours = handler == self.on_signal or (handler == default and _set_handler(number, self.on_signal))
            if ours and number not in self.handled:
                self.handled.append(number)

    def restore(self) -> None:
        while self.handled:
            number = self.handled.pop()
            if _signal.getsignal(number) == self.on_signal:  # else the block has set a handler of its own
                _signal.signal(number, _DEFAULTS[number])


_process = _Process()


class Termination:
    """One attempt's share of the signal handlers."""

    def __init__(self) -> None:
        self._shares: _Process | None = None

    def begin(self) -> None:
        """The attempt is entered; signals are held back."""
        if not _in_main_thread():
            return
        self._shares = _process
        _process.entering.add(self)
        _process.attempts.add(self)
        _process.install()  # also for a nested one: somebody may have given the handlers back meanwhile

    def check(self) -> None:
        """The attempt is entered, and the block begins: raise the signal that was held back."""
        if self._shares is _process:
            if _process.held_back is None:
                self._entered()
            _process.raise_held_back()

    def end(self) -> None:
        """The attempt has ended; raise the signal that was held back."""
        if self._shares is not _process:
            return
        if not _in_main_thread():
            self._forget()
            return
        _process.restoring = len(_process.attempts) == 1
        try:
            self._forget()
            if _process.restoring:
                _process.restore()
        finally:
            _process.restoring = False
        _process.raise_held_back()

    def _forget(self) -> None:
        self._shares = None
        _process.attempts.discard(self)
        self._entered()

    def _entered(self) -> None:
        _process.entering.discard(self)


class Waiting:
    """A block of `with`; taken for one of `async with`, it says what to write."""

    if not TYPE_CHECKING:  # a type checker tells it by itself

        def __aenter__(self) -> None:
            raise TypeError("start() gives a block of `with`: write `async with ….astart(…)`, or `with ….start(…)`.")

        def __aexit__(self, *_: object) -> None:
            raise NotImplementedError  # nobody enters


class Decorating(Waiting):
    """A context manager that may also be used as a decorator."""

    def anew(self) -> AbstractContextManager[object]:
        """Another attempt at the same task, with the same arguments."""
        raise NotImplementedError

    def __call__(self, work: Callable[ParamsT, ReturnedT]) -> Callable[ParamsT, ReturnedT]:
        """Decorate a function: each call of it is an attempt of its own at the task.

        Raises:
            TypeError: `work` is a coroutine function or a generator function. Its call returns before its work is
                done, so a success would be stored too early.
        """
        if inspect.iscoroutinefunction(work) or inspect.isgeneratorfunction(work) or inspect.isasyncgenfunction(work):
            raise TypeError(
                f"{work.__qualname__} is a coroutine or a generator function, whose call returns before its work is "
                "done: use `with ….start(…)` within it; decorate an `async def` with astart(…), or use "
                "`async with ….astart(…)` within it."
            )

        @wraps(work)
        def attempt(*args: ParamsT.args, **kwargs: ParamsT.kwargs) -> ReturnedT:
            with self.anew():
                return work(*args, **kwargs)

        return attempt


class Whole(Decorating, AbstractContextManager[EnteredT]):
    """A context manager around an attempt, which no signal interrupts while it is entered or left.

    A signal that is held back meanwhile ends the attempt before the block begins, or is raised after its end.

    Args:
        make: makes the context manager.
    """

    def __init__(self, make: Callable[[], AbstractContextManager[EnteredT]]) -> None:
        self._make = make
        self._inner = make()
        self._termination = Termination()

    def anew(self) -> Whole[EnteredT]:
        return Whole(self._make)

    def __enter__(self) -> EnteredT:
        try:
            self._termination.begin()
            entered = self._inner.__enter__()
        except BaseException:
            self._termination.end()
            raise
        try:
            self._termination.check()
            return entered  # noqa: TRY300  # in here, for a signal that comes just before it
        except BaseException as error:
            self.__exit__(type(error), error, error.__traceback__)
            raise

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> bool | None:
        try:
            return self._inner.__exit__(kind, error, traceback)
        finally:
            self._termination.end()


def whole(function: Callable[ParamsT, Iterator[EnteredT]]) -> Callable[ParamsT, Whole[EnteredT]]:
    """As `contextlib.contextmanager`, for a generator in which an attempt is made."""
    made = contextmanager(function)

    @wraps(function)
    def start(*args: ParamsT.args, **kwargs: ParamsT.kwargs) -> Whole[EnteredT]:
        return Whole(lambda: made(*args, **kwargs))

    return start


def _let_go() -> None:
    """A forked child works on no task: it handles signals as any process does."""
    global _process  # noqa: PLW0603  # one a process, as the handlers are
    _process.restore()
    _process = _Process()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_let_go)


def _in_main_thread() -> bool:
    return threading.current_thread() is threading.main_thread()


def _set_handler(number: int, handler: Callable[[int, FrameType | None], None]) -> bool:
    """Whether that was possible: in a sub-interpreter it is not."""
    try:
        _signal.signal(number, handler)
    except ValueError:
        return False
    return True


def _is_leaving(frame: FrameType | None) -> bool:
    """Whether the signal met the main thread while it leaves an attempt."""
    while frame is not None:
        module = str(frame.f_globals.get("__name__"))
        if module.startswith("status_tracker.") and frame.f_code.co_name == "__exit__":
            return True
        frame = frame.f_back
    return False
