"""Whatever happens to a task, every backend tells the same of it as the one in memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeAlias

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some

import status_tracker as st
from status_tracker.testing import Clock
from status_tracker.testing.contract import Backend, Seen, Step
from status_tracker.testing.contract.steps import STEP1_CODES, STEP2_CODES, LaterError, Worker, WorkError, enter
from tests.contract.backends.dynamodb import DynamoBackend, DynamoTable
from tests.contract.backends.memory import MemoryBackend
from tests.contract.backends.places import NoFaults
from tests.contract.backends.sql import FaultyCommits, SqlBackend, sqlite_engine
from tests.contract.backends.trackers import FileBackend
from tests.support.engines import Engine

EXAMPLES = 25
ERRORS = (st.TaskExecutionError, ValueError)
Happening: TypeAlias = tuple[str, Any]

one_step: Any = some.one_of(
    some.tuples(some.sampled_from(["start", "create"]), some.just(0)),
    some.tuples(some.just("leave"), some.sampled_from([None, WorkError("no"), LaterError(45), st.NonRetryableError()])),
    some.tuples(some.just("advance"), some.sampled_from([1.0, 45.0, 60.0])),
    some.tuples(some.just("extend"), some.sampled_from([None, 10.0, 300.0])),
    some.tuples(some.just("update"), some.sampled_from([{}, {"page": 1}])),
    some.tuples(some.just("act"), some.sampled_from(["rerun", "ignore", "unignore", "unlock"])),
)
two_steps: Any = some.one_of(one_step, some.tuples(some.just("start"), some.sampled_from([0, 1])))


class World:
    """A task on one backend, and those who work on it."""

    def __init__(self, backend: Backend, several: bool) -> None:
        self.clock = Clock()
        usual: dict[str, Any] = {"max_retry": 2, "lock_expire_seconds": 60}
        codes = [STEP1_CODES, STEP2_CODES] if several else [STEP1_CODES]
        self.steps: list[Step] = [backend.step(each, self.clock, **usual) for each in codes]
        self.workers: list[Worker] = []

    def happen(self, what: str, how: Any) -> str:
        """What came of it: nothing, or the kind of the error."""
        try:
            getattr(self, f"_{what}")(how)
        except ERRORS as error:
            return next(kind.__name__ for kind in type(error).__mro__ if kind in vars(st).values())
        return ""

    def seen(self) -> Seen | None:
        task = self.steps[0].read("t")
        return task and replace(task, errors={"history": _told(task.history), "actions": _told(task.actions)})

    def _create(self, _how: int) -> None:
        self.steps[0].create("t", {"page": 0})

    def _start(self, nth: int) -> None:
        self.workers.append(enter(self.steps[nth]))

    def _leave(self, error: BaseException | None) -> None:
        if self.workers:
            self.workers.pop(0).leave(error)

    def _advance(self, seconds: float) -> None:
        self.clock.advance(seconds)

    def _extend(self, seconds: float | None) -> None:
        if self.workers:
            self.workers[0].attempt.extend_lock(seconds)

    def _update(self, data: dict[str, Any]) -> None:
        if self.workers:
            self.workers[-1].attempt.set_data(data)
            self.workers[-1].attempt.update()

    def _act(self, act: str) -> None:
        getattr(self.steps[0], act)("t", reason="because")

    def end(self) -> None:
        self.clock.advance(10_000)
        for worker in self.workers:
            with suppress(Exception):
                worker.leave()


def _told(entries: Any) -> list[dict[str, Any]]:
    """The entries, without what is another one in each attempt."""
    return [{name: value for name, value in each.items() if name not in {"id", "traceback"}} for each in entries]


def _agree(backend: Backend, happenings: list[Happening], *, several: bool) -> None:
    tested, reference = World(backend, several), World(MemoryBackend(), several)
    try:
        for what, how in happenings:
            assert tested.happen(what, how) == reference.happen(what, how)
            assert tested.seen() == reference.seen()
    finally:
        tested.end()
        reference.end()


def _lives(kinds: Any) -> Any:
    usual = settings(
        max_examples=EXAMPLES, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck), database=None
    )
    created = some.lists(kinds, max_size=12).map(lambda rest: [("create", 0), *rest])
    return lambda test: usual(given(happenings=created)(test))


@pytest.fixture(scope="module")
def table(dynamodb_local_engine: Engine) -> Iterator[DynamoTable]:
    with closing(DynamoTable(dynamodb_local_engine.host)) as table:
        yield table


@pytest.fixture(scope="module")
def jobs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[], Backend]]:
    engine = sqlite_engine(str(tmp_path_factory.mktemp("sqlite") / "jobs.db"), wal=True)
    faults = FaultyCommits(engine)
    yield lambda: SqlBackend(engine, faults)
    engine.dispose()


@_lives(two_steps)
def test_dynamodb_agrees(table: DynamoTable, happenings: list[Happening]) -> None:
    _agree(DynamoBackend(table), happenings, several=True)


@_lives(two_steps)
def test_sql_agrees(jobs: Callable[[], Backend], happenings: list[Happening]) -> None:
    _agree(jobs(), happenings, several=True)


@_lives(one_step)
def test_files_agree(tmp_path_factory: pytest.TempPathFactory, happenings: list[Happening]) -> None:
    folder: Path = tmp_path_factory.mktemp("files")
    _agree(FileBackend(folder, NoFaults()), happenings, several=False)
