"""What the blocks of `astart` and `astart_next` give."""

from __future__ import annotations

from typing import Any, TypeVar

import sqlalchemy as sa

from ..aio.blocks import OneAtATime
from .updates import Updates

JobT = TypeVar("JobT")


class AsyncUpdates:
    """`Updates` whose requests are awaited."""

    def __init__(self, updates: Updates, requests: OneAtATime) -> None:
        self._updates = updates
        self._requests = requests

    async def update(self) -> None:
        """Store what was set so far now; see `Updates.update`."""
        await self._requests.make(self._updates.update)

    async def extend_lock(self, seconds: float | None = None) -> None:
        """Renew the lease; see `Updates.extend_lock`."""
        await self._requests.make(lambda: self._updates.extend_lock(seconds))

    @property
    def values(self) -> dict[str, Any]:
        """The new values by column."""
        return self._updates.values

    def set(self, key: str, value: Any) -> None:
        """Set the new value of a column; makes no request. See `Updates.set`."""
        self._updates.set(key, value)

    def also(self, statement: sa.Executable) -> None:
        """Carry out a statement together with the success; see `Updates.also`."""
        self._updates.also(statement)

    @property
    def lost(self) -> bool:
        """See `Updates.lost`."""
        return self._updates.lost

    def raise_if_lost(self) -> None:
        """See `Updates.raise_if_lost`."""
        self._updates.raise_if_lost()

    @property
    def fence(self) -> int:
        """See `Updates.fence`."""
        return self._updates.fence


def shown(entered: tuple[JobT, Updates], requests: OneAtATime) -> tuple[JobT, AsyncUpdates]:
    """What the block gets: the job, and its updates."""
    job, updates = entered
    return job, AsyncUpdates(updates, requests)
