"""Lets a `start` decorate a function."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import ParamSpec, TypeVar

ParamsT = ParamSpec("ParamsT")
ReturnedT = TypeVar("ReturnedT")


class Decorating:
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
                "done: use `with ….start(…)` within it."
            )

        @functools.wraps(work)
        def attempt(*args: ParamsT.args, **kwargs: ParamsT.kwargs) -> ReturnedT:
            with self.anew():
                return work(*args, **kwargs)

        return attempt
