"""`kept`: what is built once for the same arguments."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import ParamSpec, TypeVar, cast

BuildP = ParamSpec("BuildP")
BuiltT = TypeVar("BuiltT")

_KEPT = 256
"""How many results of a function are kept."""


def kept(build: Callable[BuildP, BuiltT]) -> Callable[BuildP, BuiltT]:
    """Build the same for the same arguments once."""
    return cast("Callable[BuildP, BuiltT]", lru_cache(maxsize=_KEPT)(build))
