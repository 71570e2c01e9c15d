"""R1 on every backend that promises many workers: 8 threads, and 8 processes, on 60 tasks; each has one winner.

`RACE_RUNS=10` makes ten runs of each.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import uuid
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any, TypeAlias

import pytest

from status_tracker.testing import Clock
from status_tracker.testing.contract import Step, race
from tests.contract.backends.dynamodb import DynamoTable
from tests.contract.backends.memory import MemoryBackend
from tests.contract.backends.places import open_step
from tests.contract.backends.s3 import BUCKET, one_by_one, s3_client
from tests.support.engines import Engine
from tests.support.mariadb import fresh_schema
from tests.support.postgres import fresh_database
from tests.support.steps import STEP1_CODES

# The same lines a hundred thousand times: other tests measure them.
pytestmark = pytest.mark.no_cover

ROOT = Path(__file__).parents[2]
RUNS = range(int(os.environ.get("RACE_RUNS", "1")))
WORKERS = 8
TASK_IDS = [f"t-{n}" for n in range(30)]
SUCCEEDED = STEP1_CODES["succeeded_status"]

Place: TypeAlias = dict[str, Any]


def _dynamodb(request: pytest.FixtureRequest, stack: ExitStack) -> Place:
    engine: Engine = request.getfixturevalue("dynamodb_local_engine")
    table = stack.enter_context(closing(DynamoTable(engine.host)))
    return {"kind": "dynamodb", "host": engine.host, "table": table.name}


def _sqlite(request: pytest.FixtureRequest, _stack: ExitStack, journal: str = "delete") -> Place:
    folder = request.getfixturevalue("tmp_path_factory").mktemp("sqlite")
    return {"kind": "sql", "url": str(folder / "jobs.db"), "journal": journal}


def _sqlite_wal(request: pytest.FixtureRequest, stack: ExitStack) -> Place:
    return _sqlite(request, stack, "wal")


def _postgres(request: pytest.FixtureRequest, stack: ExitStack) -> Place:
    url = stack.enter_context(fresh_database(request.getfixturevalue("postgres_url")))
    return {"kind": "sql", "url": url}


def _mariadb(request: pytest.FixtureRequest, stack: ExitStack) -> Place:
    url = stack.enter_context(fresh_schema(request.getfixturevalue("mariadb_url")))
    return {"kind": "sql", "url": url}


def _files(request: pytest.FixtureRequest, _stack: ExitStack) -> Place:
    return {"kind": "files", "folder": str(request.getfixturevalue("tmp_path_factory").mktemp("files"))}


def _s3(_request: pytest.FixtureRequest, stack: ExitStack) -> Place:
    host = stack.enter_context(one_by_one())
    stack.enter_context(closing(s3_client(host))).create_bucket(Bucket=BUCKET)
    return {"kind": "s3", "host": host}


PLACES = {
    "DynamoDB Local": _dynamodb,
    "SQLite": _sqlite,
    "SQLite WAL": _sqlite_wal,
    "PostgreSQL": _postgres,
    "MariaDB": _mariadb,
    "files": _files,
    "S3": _s3,
}
_NEW = {"dynamodb": "use_case_id", "sql": "table", "files": "folder", "s3": "prefix"}


@pytest.fixture(scope="module", params=PLACES)
def backend(request: pytest.FixtureRequest) -> Iterator[Place]:
    """A backend, for as long as its races last."""
    with ExitStack() as stack:
        yield PLACES[request.param](request, stack)


@pytest.fixture
def place(backend: Place) -> Place:
    """A place on the backend that no other race has used."""
    name, unique = _NEW[backend["kind"]], f"race_{uuid.uuid4().hex}"
    return {**backend, name: str(Path(backend[name], unique)) if name == "folder" else unique}


@pytest.fixture
def step(place: Place) -> Iterator[Step]:
    """The tasks, all of them pending."""
    with open_step(**place) as step:
        for task_id in TASK_IDS:
            step.create(task_id)
        yield step


class Racer:
    """A process that takes part in races."""

    def __init__(self) -> None:
        paths = os.pathsep.join([str(ROOT / "layer"), str(ROOT), *sys.path])
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.contract.backends.racer"],
            env={**os.environ, "PYTHONPATH": paths},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def tell(self, line: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(f"{line}\n")
        self._process.stdin.flush()

    def answer(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline()

    def end(self) -> None:
        self._process.communicate()


@pytest.fixture(scope="module")
def racers() -> Iterator[list[Racer]]:
    racers = [Racer() for _ in range(WORKERS)]
    yield racers
    for racer in racers:
        racer.end()


def _check(step: Step, entered: Counter[str]) -> None:
    assert entered == dict.fromkeys(TASK_IDS, 1)
    for task_id in TASK_IDS:
        task = step.read(task_id)
        assert task is not None
        assert (task.status, task.fence, task.retry, task.history) == (SUCCEEDED, 1, 0, [])


@pytest.mark.parametrize("_run", RUNS)
def test_r1_one_winner_of_each_task_among_threads(step: Step, _run: int) -> None:
    _check(step, race(step, TASK_IDS, WORKERS))


@pytest.mark.parametrize("_run", RUNS)
def test_r1_one_winner_of_each_task_among_threads_in_memory(_run: int) -> None:
    step = MemoryBackend().step(STEP1_CODES, Clock())
    for task_id in TASK_IDS:
        step.create(task_id)
    _check(step, race(step, TASK_IDS, WORKERS))


@pytest.mark.parametrize("_run", RUNS)
def test_r1_one_winner_of_each_task_among_processes(step: Step, place: Place, racers: list[Racer], _run: int) -> None:
    for racer in racers:
        racer.tell(json.dumps({"place": place, "task_ids": TASK_IDS}))
    assert [racer.answer() for racer in racers] == ["ready\n"] * WORKERS
    for racer in racers:
        racer.tell("go")
    answers = [json.loads(racer.answer()) for racer in racers]
    _check(step, Counter(task_id for answer in answers for task_id in answer["entered"]))
    assert sum(len(answer["refused"]) for answer in answers) == (WORKERS - 1) * len(TASK_IDS)
