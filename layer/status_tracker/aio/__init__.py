"""asyncio: the same attempts, rules and stores, with their requests in threads.

The task classes have the methods of this room: `Step.astart` and so on, one for each method that makes requests, with
an ``a`` before its name. What a block or a query gives keeps its names and is awaited. The names here are for
annotations; they, and asyncio, are imported on first use.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .blocks import AsyncBlock, AsyncContext
    from .queries import AsyncQuery
    from .tasks import AsyncListing, AsyncTask

__all__ = ["AsyncBlock", "AsyncContext", "AsyncListing", "AsyncQuery", "AsyncTask"]

_WHERE = {
    "AsyncBlock": "blocks",
    "AsyncContext": "blocks",
    "AsyncListing": "tasks",
    "AsyncQuery": "queries",
    "AsyncTask": "tasks",
}


def __getattr__(name: str) -> object:
    if name not in _WHERE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f".{_WHERE[name]}", __name__), name)
    globals()[name] = value
    return value
