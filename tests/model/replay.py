"""Runs the library's own code one request at a time.

What a worker or an operator does next follows from what it was answered so far, and when. So an actor is a log of
answers: to go on, its code is run again from the beginning over the log, until it asks for something the log does not
have. Each log is run once; what it asks for is remembered.
"""

from __future__ import annotations

import random
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple
from unittest.mock import patch

from status_tracker.core.port import StoreError, Write, WriteResult, state_of
from status_tracker.core.state import TaskState

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


def moment(tick: int) -> datetime:
    """The time of a tick; ticks are seconds."""
    return NOON + timedelta(seconds=tick)


class Entry(NamedTuple):
    """What an actor was answered.

    Attributes:
        now: the tick at which it goes on.
        kind: "begin", "answer", "lost" (no answer came), "choice".
        value: the choice, or whether the write was applied.
        record: the task as the answer has it, by its number; -1 for none.
    """

    now: int
    kind: str
    value: Any = None
    record: int = -1


class Asked(NamedTuple):
    """What an actor does next.

    Attributes:
        kind: "write", "read", "choose", or "done".
        value: the write, the choices, or the result.
    """

    kind: str
    value: Any


class Suspended(BaseException):
    """The log is at its end."""


class Conversation:
    """One run of an actor's code over a log: the store and the clock that the code works with."""

    def __init__(self, log: tuple[Entry, ...], records: Records, skew: int) -> None:
        self._log = iter(log)
        self._records = records
        self._skew = skew
        self._tick = 0
        self.asked: Asked | None = None
        self._next(Asked("begin", None))

    def now(self) -> datetime:
        return moment(self._tick + self._skew)

    def choose(self, *options: str) -> str:
        return str(self._next(Asked("choose", options)).value)

    def read(self) -> Mapping[str, Any] | None:
        return self._records.of(self._next(Asked("read", None)).record)

    def create(self, _task: Any) -> WriteResult[Any]:
        raise AssertionError("the model creates tasks by start(create=True)")

    def write(self, write: Write) -> WriteResult[Any]:
        entry = self._next(Asked("write", write))
        return WriteResult(bool(entry.value), self._records.of(entry.record))

    succeed = write

    def state(self, task: Mapping[str, Any]) -> TaskState:
        return state_of(task)

    def _next(self, asked: Asked) -> Entry:
        entry = next(self._log, None) if self.asked is None else None
        if entry is None:
            self.asked = self.asked or asked
            raise Suspended
        self._tick = entry.now
        if entry.kind == "lost":
            raise StoreError(ConnectionError("no answer"), transient=True)
        return entry


class Records:
    """The states that the stored task has been in, each with a number, so that equal ones are one."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}
        self._records: list[dict[str, Any]] = []

    def of(self, number: int) -> dict[str, Any] | None:
        return None if number < 0 else self._records[number]

    def number(self, record: dict[str, Any]) -> int:
        known = self._numbers.setdefault(repr(sorted(record.items())), len(self._records))
        if known == len(self._records):
            self._records.append(record)
        return known


@dataclass(frozen=True)
class Actor:
    """Somebody who works with the task.

    Attributes:
        name: its token, and what the trace calls it.
        play: what it does with the store and clock that it is given; returns what it was told in the end.
        skew: by how many ticks its clock is fast.
    """

    name: str
    play: Callable[[Conversation], str]
    skew: int = 0


class Logs:
    """All logs of all actors, each with a number, and what is asked for at its end."""

    def __init__(self, actors: tuple[Actor, ...], records: Records) -> None:
        self._actors = actors
        self._records = records
        self._logs: list[tuple[int, tuple[Entry, ...]]] = [(each, ()) for each in range(len(actors))]
        self._longer: dict[tuple[int, Entry], int] = {}
        self.asked: list[Asked] = [Asked("begin", None) for _ in actors]

    def longer(self, number: int, entry: Entry) -> int:
        """The number of that log with one more entry."""
        found = self._longer.get((number, entry))
        if found is None:
            actor, log = self._logs[number]
            found = self._longer[number, entry] = len(self._logs)
            self._logs.append((actor, (*log, entry)))
            self.asked.append(self._run(self._actors[actor], (*log, entry)))
        return found

    def _run(self, actor: Actor, log: tuple[Entry, ...]) -> Asked:
        conversation: Conversation | None = None
        try:
            with _reproducible(actor.name):
                conversation = Conversation(log, self._records, actor.skew)
                return Asked("done", actor.play(conversation))
        except Suspended:
            assert conversation is not None
            assert conversation.asked is not None
            return conversation.asked


@contextmanager
def _reproducible(token: str) -> Iterator[None]:
    """Tokens are names, pauses take no time and are not drawn by chance."""
    named = type("Named", (), {"hex": token})
    with (
        patch.object(uuid, "uuid4", lambda: named),
        patch.object(time, "sleep", lambda _: None),
        patch.object(random, "uniform", lambda _low, _high: 0.0),
    ):
        yield
