"""What the processes of a run share: which tasks are open, how far the producers are, whether to stop.

Only a hint of where work is left. The checker never sees it, and a process killed at any point leaves it usable.
"""

from __future__ import annotations

import mmap
import struct

from .plan import Options

UNMADE, OPEN, ENDED = 0, 1, 2
_COUNTER = struct.Struct("q")


class Board:
    """Memory that forked processes share: a byte a task, a counter a producer, and a byte that says stop."""

    def __init__(self, options: Options) -> None:
        self._tasks = options.lifecycles
        self._memory = mmap.mmap(-1, self._tasks + options.producers * _COUNTER.size + 1)
        self._first = 0

    @property
    def stopped(self) -> bool:
        return self._memory[-1] == 1

    def stop(self) -> None:
        self._memory[-1] = 1

    def open(self, index: int) -> None:
        if self._memory[index] == UNMADE:
            self._memory[index] = OPEN

    def end(self, index: int) -> None:
        self._memory[index] = ENDED

    def ended(self) -> int:
        return self._memory[: self._tasks].count(ENDED)

    def first_unended(self) -> int:
        """The first task that has not ended, or the number of tasks."""
        while self._first < self._tasks and self._memory[self._first] == ENDED:
            self._first += 1
        return self._first

    def open_tasks(self, limit: int) -> list[int]:
        """The first tasks that are open, at most `limit`."""
        first = self.first_unended()
        states = self._memory[first : min(first + 1000, self._tasks)]
        return [first + place for place, state in enumerate(states) if state == OPEN][:limit]

    def progress(self, producer: int) -> int:
        """The task that the producer is to create next."""
        index: int = _COUNTER.unpack_from(self._memory, self._tasks + producer * _COUNTER.size)[0]
        return index

    def set_progress(self, producer: int, index: int) -> None:
        _COUNTER.pack_into(self._memory, self._tasks + producer * _COUNTER.size, index)
