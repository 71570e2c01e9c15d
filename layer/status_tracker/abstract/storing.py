"""Sees to it that every `load` and `dump` of a user's class passes by `known`, whoever calls it."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from .known import exposed, loaded


class NotedLoad(classmethod):  # type: ignore[type-arg]
    """A `load`, the objects of which are taken note of."""

    def __get__(self, instance: Any, owner: type[Any] | None = None) -> Callable[..., Any]:
        load = super().__get__(instance, owner)

        @functools.wraps(load)
        def noted(*arguments: Any, **further: Any) -> Any:
            tracker = load(*arguments, **further)
            if tracker is not None:
                loaded(tracker)
            return tracker

        return noted


class WholeDump:
    """A `dump` that finds in `errors` all that is to be stored."""

    def __init__(self, dump: Callable[..., Any]) -> None:
        functools.update_wrapper(self, dump)  # type: ignore[arg-type]
        self._dump = dump
        self.__closure__ = getattr(dump, "__closure__", None)  # in which attrs replaces the class, for `super()`

    def __get__(self, instance: Any, owner: type[Any] | None = None) -> Callable[..., Any]:
        @functools.wraps(self._dump)
        def whole(tracker: Any, *arguments: Any, **further: Any) -> Any:
            with exposed(tracker, lambda: type(tracker).load(tracker.id)):
                return self._dump(tracker, *arguments, **further)

        return whole if instance is None else functools.partial(whole, instance)


def see_to(tracker_class: type[Any]) -> None:
    """Replace the `load` and `dump` that this class defines by those above."""
    own = vars(tracker_class)
    load, dump = own.get("load"), own.get("dump")
    if isinstance(load, classmethod) and not isinstance(load, NotedLoad):
        tracker_class.load = NotedLoad(load.__func__)
    if callable(dump):
        tracker_class.dump = WholeDump(dump)
