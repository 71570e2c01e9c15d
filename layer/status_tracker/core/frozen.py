"""A dict that cannot be changed."""

from __future__ import annotations

from typing import Any, NoReturn, TypeVar

KeyT = TypeVar("KeyT")
ValueT = TypeVar("ValueT")


class FrozenDict(dict[KeyT, ValueT]):
    """A dict that refuses changes. Unlike a `MappingProxyType` it can be copied, pickled, and given to `asdict`."""

    def _refuse(self, *_args: Any, **_values: Any) -> NoReturn:
        raise TypeError(f"{dict(self)!r} is frozen: make a dict of your own from it, and change that.")

    __setitem__ = __delitem__ = __ior__ = _refuse
    clear = pop = popitem = setdefault = update = _refuse

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (dict(self),)
