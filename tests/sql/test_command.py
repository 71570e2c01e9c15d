"""`status-tracker` on jobs in a SQL database, and what it works on them with."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy import orm
from typer.testing import CliRunner

from status_tracker.cli.app import app
from status_tracker.operations.bulk import Kind, act_on_all
from status_tracker.operations.filters import TaskFilter
from status_tracker.sql import OperableJobs
from tests.sql.command_jobs import Base, Job, OldJob

NOON = datetime(2026, 1, 2, 12, tzinfo=UTC)
RERUN = ("rerun", "--status", "failed", "--reason", "mended", "--by", "ann", "--yes")


@pytest.fixture
def jobs(engine: sa.Engine) -> OperableJobs[Job]:
    Base.metadata.create_all(engine)
    return OperableJobs(Job, engine)


@pytest.fixture
def run(engine: sa.Engine, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    monkeypatch.setenv("STATUS_TRACKER_TASK", "tests.sql.command_jobs:Job")
    monkeypatch.setenv("STATUS_TRACKER_URL", engine.url.render_as_string(hide_password=False))
    return lambda *arguments: CliRunner().invoke(app, arguments, catch_exceptions=False)


def add(engine: sa.Engine, count: int, status: int = 30, kind: Any = Job, same_moment: bool = False) -> list[str]:
    ids = [f"j-{n:04}" for n in range(count)]
    errors = {"history": [{"error": "KeyError('x')", "traceback": ""}]}
    with orm.Session(engine) as session:
        for nth, job_id in enumerate(ids):
            job = kind.create(job_id, status)
            job.errors, job.update_at = errors, NOON if same_moment else NOON + timedelta(seconds=nth)
            session.add(job)
        session.commit()
    return ids


def ids(query: Any) -> list[str]:
    return [task.task_id for task in query]


@pytest.mark.parametrize("kept", [4096, 0])
@pytest.mark.parametrize("same_moment", [False, True])
def test_listing_goes_on_over_pages_and_cursors(
    engine: sa.Engine, jobs: OperableJobs[Job], monkeypatch: pytest.MonkeyPatch, same_moment: bool, kept: int
) -> None:
    monkeypatch.setattr("status_tracker.core.cursors.KEPT_CHARACTERS", kept)
    monkeypatch.setattr("status_tracker.sql.job_table._PAGE", 3)
    every = add(engine, 11, same_moment=same_moment)
    assert ids(jobs.query_by_status([30], None)) == every
    assert ids(jobs.query_by_status([30, 30, 10], None, older_task_first=False)) == every[::-1]
    first = jobs.query_by_status([30], 5)
    assert ids(first) == every[:5]
    assert ids(jobs.query_by_status([30], None, cursor=first.cursor)) == every[5:]
    newest = jobs.query_by_status([30], 4, older_task_first=False)
    assert ids(newest) == every[:-5:-1]
    assert ids(jobs.query_by_status([30], None, older_task_first=False, cursor=newest.cursor)) == every[:-4][::-1]
    if not same_moment:
        window = {"since": NOON + timedelta(seconds=2), "until": NOON + timedelta(seconds=9)}
        assert ids(jobs.query_by_status([30], None, error_class="KeyError", **window)) == every[2:9]
    assert ids(jobs.query_by_status([30], None, error_class="ValueError")) == []


def test_bulk_rerun_is_once_a_run_id(
    engine: sa.Engine, jobs: OperableJobs[Job], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("status_tracker.sql.job_table._PAGE", 7)
    every = add(engine, 25)
    results = [act_on_all(jobs, "rerun", TaskFilter((30,)), reason="mended", run_id="r1") for _ in range(2)]
    assert [result.counts for result in results] == [{Kind.DONE: 25}, {Kind.REPEATED: 25}]
    with orm.Session(engine) as session:
        found = session.scalars(sa.select(Job)).all()
        assert sorted(job.id for job in found) == every
        assert {(job.run_number, len(job.errors["actions"])) for job in found} == {(1, 1)}


def test_two_at_once_with_one_run_id(engine: sa.Engine, jobs: OperableJobs[Job]) -> None:
    add(engine, 40)
    results: list[Any] = []

    def rerun() -> None:
        results.append(act_on_all(jobs, "rerun", TaskFilter((30,)), reason="mended", run_id="r1"))

    threads = [threading.Thread(target=rerun) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {kind for result in results for kind in result.counts} <= {Kind.DONE, Kind.REPEATED}
    with orm.Session(engine) as session:
        found = session.scalars(sa.select(Job)).all()
        assert {(job.status, job.run_number, len(job.errors["actions"])) for job in found} == {(10, 1, 1)}


@pytest.mark.usefixtures("jobs")
def test_commands_work_on_jobs(run: Any, engine: sa.Engine, tmp_path: Path) -> None:
    every = add(engine, 3)
    stats = json.loads(run("stats", "--json").stdout)
    assert {each["status"]: each["tasks"] for each in stats["statuses"]}["failed"] == 3
    assert [line.split()[0] for line in run("ls", "--oldest").stdout.splitlines()[1:]] == every
    done = run(*RERUN, "--error-class", "KeyError")
    assert (done.exit_code, done.stdout.split()[-2:]) == (0, ["done", "3"])
    task = json.loads(run("show", every[0], "--json").stdout)
    assert (task["status"], task["run"], task["errors"]["actions"][0]["by"]) == ("pending", 1, "ann")
    Job.start(engine, every[0]).__enter__()
    assert run("rerun", every[0], "--reason", "no").exit_code == 1
    for action in ("unlock", "rerun", "ignore", "unignore"):
        assert run(action, every[0], "--reason", "try it").exit_code == 0, action
    output = tmp_path / "jobs.csv"
    assert run("export", "--output", str(output)).exit_code == 0
    assert len(output.read_text().splitlines()) == 4
    assert run("watch", "--looks", "1").stdout.startswith("pending 3, in_progress 0")


def test_statuses_are_named_for_a_class_without_config(run: Any, engine: sa.Engine) -> None:
    Base.metadata.create_all(engine)
    add(engine, 2, kind=OldJob)
    task = ("--task", "tests.sql.command_jobs:OldJob")
    refused = run("stats", *task)
    assert refused.exit_code == 2
    assert "give --statuses" in refused.stderr
    for wrong in ("10,20,30", "a,b,c,d,e", "10,10,30,40,50"):
        assert run("stats", *task, "--statuses", wrong).exit_code == 2
    done = run(*RERUN, *task, "--statuses", "10,20,30,40,50")
    assert done.exit_code == 0, done.stderr
    with orm.Session(engine) as session:
        assert set(session.scalars(sa.select(OldJob.status))) == {10}


@pytest.mark.parametrize(
    ("url", "code", "told"),
    [
        ("", 2, "give its --url"),
        ("nonsense", 2, "--url cannot be used"),
        ("nosuchdatabase://host/x", 2, "--url cannot be used"),
        ("sqlite:////no/such/file.db", 2, "There is no file /no/such/file.db"),
        ("postgresql+psycopg://nobody@127.0.0.1:1/none", 3, "The database refuses or cannot be reached"),
        ("sqlite://", 3, "no such table: job. There is no table 'job' in this database: make it with"),
    ],
)
def test_database_that_cannot_be_used_is_told_in_one_line(
    monkeypatch: pytest.MonkeyPatch, url: str, code: int, told: str
) -> None:
    monkeypatch.setenv("STATUS_TRACKER_URL", url)
    monkeypatch.setenv("STATUS_TRACKER_TASK", "tests.sql.command_jobs:Job")
    result = CliRunner().invoke(app, ["stats"], catch_exceptions=False)
    assert (result.exit_code, result.stdout) == (code, "")
    assert told in result.stderr
    assert result.stderr.count("\n") == 1


def test_jobs_need_no_sweep(run: Any, jobs: OperableJobs[Job]) -> None:
    assert jobs.count_by_status()[30] == 0
    result = run("sweep")
    assert result.exit_code == 2
    assert "needs no sweep" in result.stderr


def test_jobs_are_cancelled_and_deleted_by_a_filter(engine: sa.Engine, run: Callable[..., Any]) -> None:
    Base.metadata.create_all(engine)
    kept = [*add(engine, 60)][:20]
    until = (NOON + timedelta(seconds=20)).isoformat()
    assert run("cancel", "--status", "failed", "--until", until, "--reason", "wrong", "--yes").exit_code == 0
    assert run("delete", "--status", "failed", "--reason", "old", "--yes").exit_code == 0
    with orm.Session(engine) as session:
        left = session.scalars(sa.select(Job).order_by(Job.id)).all()
        assert [(job.id, job.status) for job in left] == [(job_id, 50) for job_id in kept]


def test_jobs_are_created_pending(jobs: OperableJobs[Job], run: Callable[..., Any]) -> None:
    assert run("create", "a", "b", "--dispatch").exit_code == 0
    answer = run("create", "b", "c", "--json")
    assert (answer.exit_code, json.loads(answer.stdout)["counts"]) == (0, {"existed": 1, "created": 1})
    assert jobs.count_by_status()[10] == 3
    assert run("create", "d", "--dry-run").exit_code == 0
    assert jobs.count_by_status()[10] == 3
