"""What the processes of a run share: which tasks are open, how far everyone is, whether to stop.

Only a hint of where work is left. The checker never sees it, and a process killed at any point leaves it usable.
"""

from __future__ import annotations

import mmap
import struct

from .plan import Options

UNMADE, OPEN, ENDED = 0, 1, 2
_COUNTER = struct.Struct("q")


class Board:
    """Memory that forked processes share: two bytes a task, counters, and a byte that says stop.

    There is a counter for the progress of each producer and operator, and one for what each seat has committed.
    """

    def __init__(self, options: Options) -> None:
        self._tasks = options.lifecycles
        self._producers = options.producers
        self._goers = options.producers + options.operators
        self._seats = options.workers + self._goers
        self._memory = mmap.mmap(-1, 2 * self._tasks + (self._goers + self._seats) * _COUNTER.size + 1)
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

    def begin(self, index: int) -> None:
        """A worker is inside of its block."""
        self._memory[self._tasks + index] = 1

    def has_begun(self, index: int) -> bool:
        return self._memory[self._tasks + index] == 1

    def progress(self, producer: int) -> int:
        """The task that the producer is to create next."""
        return self._counter(producer)

    def acted(self, operator: int) -> int:
        """The task that the operator is to look at next."""
        return self._counter(self._producers + operator)

    def set_acted(self, operator: int, index: int) -> None:
        self._set_counter(self._producers + operator, index)

    def set_progress(self, producer: int, index: int) -> None:
        self._set_counter(producer, index)

    def count(self, seat: int) -> None:
        """One more commit of the process in that seat."""
        self._set_counter(self._goers + seat, self._counter(self._goers + seat) + 1)

    def commits(self) -> int:
        """Those of all seats."""
        return sum(self._counter(self._goers + seat) for seat in range(self._seats))

    def _counter(self, number: int) -> int:
        value: int = _COUNTER.unpack_from(self._memory, 2 * self._tasks + number * _COUNTER.size)[0]
        return value

    def _set_counter(self, number: int, value: int) -> None:
        _COUNTER.pack_into(self._memory, 2 * self._tasks + number * _COUNTER.size, value)
