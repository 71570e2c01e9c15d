"""One task, some actors, and a network between them that loses, delays and repeats: which states follow from which.

A state is a tuple of numbers, so that a million of them fit; what they number is kept once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

from status_tracker.core.port import Write, admits, changed

from .ledger import FAILED, POSTPONED, SUCCEEDED, Ledger, ViolationError, entered
from .replay import Actor, Entry, Logs, Records

GONE = -1


class Message(NamedTuple):
    """A write that is on its way with nobody waiting for its answer any more.

    Attributes:
        write: its number.
        applied: whether a copy of it was applied already.
    """

    write: int
    applied: bool


class Budget(NamedTuple):
    """How often what may go wrong may still do so: answers lost, messages repeated, actors killed."""

    lost: int = 1
    repeated: int = 0
    killed: int = 0


ONE_LOST = Budget()


class Answered(NamedTuple):
    """An actor whose answer is on its way to it."""

    log: int
    entry: Entry
    since: int


class State(NamedTuple):
    """All of the world at one moment.

    Attributes:
        now: the tick.
        record: the stored task, by its number; -1 for none.
        actors: for each the number of its log; `GONE` for one that has ended or was killed; or the answer that is on
            its way to it.
        late: messages on their way, in an order of their own.
        ledger: by its number.
    """

    now: int
    record: int
    actors: tuple[int | Answered, ...]
    late: tuple[Message, ...]
    budget: Budget
    ledger: int


@dataclass(frozen=True)
class Setting:
    """What is explored.

    Attributes:
        actors: who takes part.
        ticks: how long time goes on.
        admits: whether a store admits a write; a broken variant is careless.
    """

    actors: tuple[Actor, ...]
    record: dict[str, Any] | None = None
    budget: Budget = ONE_LOST
    ticks: int = 4
    admits: Callable[[dict[str, Any] | None, Write], bool] = admits


class World:
    """Which states follow from a state."""

    def __init__(self, setting: Setting) -> None:
        self._setting = setting
        self._skewed = any(actor.skew for actor in setting.actors)
        self.records = Records()
        self.logs = Logs(setting.actors, self.records)
        self._writes: list[Write] = []
        self._write_numbers: dict[str, int] = {}
        self._write_of_log: dict[int, int] = {}
        self._applied: dict[tuple[int, int], int | None] = {}
        self._ledgers: list[Ledger] = [Ledger()]
        self._ledger_numbers: dict[Ledger, int] = {Ledger(): 0}

    def beginning(self) -> State:
        record = -1 if self._setting.record is None else self.records.number(self._setting.record)
        return State(0, record, tuple(range(len(self._setting.actors))), (), self._setting.budget, 0)

    def following(self, state: State) -> Iterator[tuple[str, State]]:
        """Everything that may happen next, and the state that it leads to. Raises `ViolationError`."""
        if state.now < self._setting.ticks:
            yield "a tick", state._replace(now=state.now + 1)
        for number, actor in enumerate(state.actors):
            name = self._setting.actors[number].name
            if isinstance(actor, Answered):
                if actor.since < state.now:
                    entry = actor.entry._replace(now=state.now)
                    yield f"{name} gets its answer", self._goes_on(state, number, actor.log, entry)
            elif actor != GONE:
                yield from self._acts(state, number, name, actor)
        for message in dict.fromkeys(state.late):
            rest = list(state.late)
            rest.remove(message)
            applied, there = self._apply(state, message.write, again=message.applied)
            told = "applied" if applied else "refused"
            yield f"{self._told(message.write)} comes late, {told}", there._replace(late=tuple(rest))

    def _acts(self, state: State, number: int, name: str, log: int) -> Iterator[tuple[str, State]]:
        asked = self.logs.asked[log]
        if asked.kind == "write":
            yield from self._sends(state, number, name, log)
        elif asked.kind == "choose":
            for choice in asked.value:
                entry = Entry(state.now, "choice", choice)
                yield f"{name} chooses to {choice}", self._goes_on(state, number, log, entry)
        elif asked.kind == "read":
            entry = Entry(state.now, "answer", record=state.record)
            yield f"{name} reads", self._goes_on(state, number, log, entry)
        else:
            yield f"{name} begins", self._goes_on(state, number, log, Entry(state.now, "begin"))
        if state.budget.killed and asked.kind in {"write", "choose"}:
            poorer = state.budget._replace(killed=state.budget.killed - 1)
            killed = _with_actor(state, number, GONE)._replace(budget=poorer)
            yield f"{name} is killed", killed
            if asked.kind == "write":
                late = Message(self._write_at(log), applied=False)
                yield f"{name} is killed, its write under way", _with_late(killed, late)

    def _sends(self, state: State, number: int, name: str, log: int) -> Iterator[tuple[str, State]]:
        """The write arrives, and its answer at once, later, or never; or it does not arrive for now."""
        write, budget = self._write_at(log), state.budget
        applied, there = self._apply(state, write, again=False)
        told = f"{self._told(write)} {'applied' if applied else 'refused'}"
        answer = Entry(state.now, "answer", applied, there.record)
        answered = self._goes_on(there, number, log, answer)
        yield f"{name}: {told}", answered
        if state.now < self._setting.ticks:
            under_way = Answered(log, answer, state.now)
            yield f"{name}: {told}, its answer under way", _with_actor(there, number, under_way)
        if budget.repeated:
            copied = _with_late(answered, Message(write, applied))
            yield (
                f"{name}: {told}, to come again",
                copied._replace(budget=budget._replace(repeated=budget.repeated - 1)),
            )
        if budget.lost:
            poorer, lost = budget._replace(lost=budget.lost - 1), Entry(state.now, "lost")
            yield f"{name}: {told}, no answer", self._goes_on(there, number, log, lost)._replace(budget=poorer)
            late = _with_late(state, Message(write, applied=False))
            yield f"{name}: no answer, to come late", self._goes_on(late, number, log, lost)._replace(budget=poorer)

    def _goes_on(self, state: State, number: int, log: int, entry: Entry) -> State:
        longer = self.logs.longer(log, entry)
        asked = self.logs.asked[longer]
        if asked.kind == "done":
            self._check_told(self._setting.actors[number].name, asked.value, self._ledgers[state.ledger])
            return _with_actor(state, number, GONE)  # so that those who came to it in different ways are one
        return _with_actor(state, number, longer)

    def _apply(self, state: State, write: int, *, again: bool) -> tuple[bool, State]:
        key = (state.record, write)
        if key not in self._applied:
            self._applied[key] = self._applied_record(*key)
        record = self._applied[key]
        if record is None:
            return False, state
        if again:
            raise ViolationError(f"a message is applied again: {self._told(write)}")
        before, after = self.records.of(state.record), self.records.of(record)
        assert after is not None
        ledger = entered(
            self._ledgers[state.ledger], before, self._writes[write], after, state.now, skewed=self._skewed
        )
        number = self._ledger_numbers.setdefault(ledger, len(self._ledgers))
        if number == len(self._ledgers):
            self._ledgers.append(ledger)
        return True, state._replace(record=record, ledger=number)

    def _applied_record(self, record: int, write: int) -> int | None:
        stored = self.records.of(record)
        if not self._setting.admits(stored, self._writes[write]):
            return None
        return self.records.number(changed(stored, self._writes[write]))

    def _write_at(self, log: int) -> int:
        if log not in self._write_of_log:
            write = self.logs.asked[log].value
            number = self._write_numbers.setdefault(repr(write), len(self._writes))
            if number == len(self._writes):
                self._writes.append(write)
            self._write_of_log[log] = number
        return self._write_of_log[log]

    def _told(self, write: int) -> str:
        found = self._writes[write]
        return f"{type(found.guard).__name__} -> {', '.join(sorted(found.changes))}"

    @staticmethod
    def _check_told(name: str, told: str, ledger: Ledger) -> None:
        """What a worker is told of its end, with what is stored of it."""
        stored = dict(ledger.ends).get(name)
        if told == "succeeded" and stored != SUCCEEDED:
            raise ViolationError(f"{name} was told that its success is stored, and stored is {stored}")
        if told == "TaskLockLostError" and stored is not None:
            raise ViolationError(f"{name} was told that nothing is stored, and stored is {stored}")
        if told == "Postponed stored" and stored not in {POSTPONED, FAILED}:
            raise ViolationError(f"{name} was told that its postponement is stored, and stored is {stored}")
        if told.endswith(" stored") and stored in {None, SUCCEEDED}:
            raise ViolationError(f"{name} was told that its failure is stored, and stored is {stored}")


def _with_actor(state: State, number: int, actor: int | Answered) -> State:
    actors = state.actors
    return state._replace(actors=(*actors[:number], actor, *actors[number + 1 :]))


def _with_late(state: State, message: Message) -> State:
    return state._replace(late=tuple(sorted((*state.late, message))))
