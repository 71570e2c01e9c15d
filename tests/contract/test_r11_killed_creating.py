"""R11: who is killed while creating thousands of tasks calls it again; each is there once, and told exactly."""

from __future__ import annotations

import os
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy import orm

from tests.contract.creating_worker import IDS, Base, Job, creating
from tests.support.engines import Engine
from tests.support.steps import STEP1_CODES, make_base, make_step

ROOT = Path(__file__).parents[2]
Stored = Callable[[], dict[str, Any]]


@pytest.fixture
def sqlite(tmp_path: Path) -> Iterator[tuple[list[str], Stored]]:
    engine = sa.create_engine(f"sqlite:///{tmp_path / 'jobs.db'}")
    Base.metadata.create_all(engine)

    def stored() -> dict[str, Any]:
        with orm.Session(engine) as session:
            return {row[0]: row[1] for row in session.execute(sa.select(Job.id, Job.data))}

    yield ["sqlite", str(tmp_path / "jobs.db")], stored
    engine.dispose()


@pytest.fixture
def dynamodb(dynamodb_local_engine: Engine) -> Iterator[tuple[list[str], Stored]]:
    table = f"tasks-{uuid.uuid4().hex}"
    base = make_base(dynamodb_local_engine.host, table)
    base.create_table(wait=True)
    step = make_step(base, STEP1_CODES)
    yield (
        ["dynamodb", dynamodb_local_engine.host, table],
        lambda: {task.task_id: task.data for task in step.scan(consistent_read=True)},
    )
    base.delete_table()
    base._get_connection().connection.client.close()


@pytest.mark.parametrize("kind", ["sqlite", "dynamodb"])
def test_r11_what_a_killed_process_has_left_out_is_created_by_the_same_call(
    request: pytest.FixtureRequest, kind: str
) -> None:
    where, stored = request.getfixturevalue(kind)
    worker = subprocess.Popen(  # noqa: S603  # the command is made here
        [sys.executable, str(ROOT / "tests" / "contract" / "creating_worker.py"), *where],
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "layer")])},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert worker.stdout is not None
    assert worker.stdout.readline() == "in the middle\n"
    worker.kill()
    worker.communicate(timeout=60)
    outcomes: list[Any] = []
    result = creating("again", *where)(each=outcomes.append)
    by = stored()
    assert by.keys() == set(IDS[kind])
    killed = {task_id for task_id, data in by.items() if data == {"by": "killed"}}
    assert 150 <= len(killed) < len(IDS[kind])
    assert {each.task_id for each in outcomes if each.found == "existed"} == killed
    assert (result.created, result.existed, result.failed) == (len(IDS[kind]) - len(killed), len(killed), 0)
