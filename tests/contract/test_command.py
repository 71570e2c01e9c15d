"""`status-tracker` as a process: on a real table, killed, twice at once, and where nothing can be reached."""

from __future__ import annotations

import json
import os
import pty
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.contract.command import Command
from tests.support.engines import Engine
from tests.support.steps import STEP1_CODES, make_base, make_step
from tests.unit.steps import wait_until

RERUN = ("rerun", "--status", "failed", "--reason", "mended", "--by", "ann", "--yes", "--run-id", "r1")


@pytest.fixture
def command(dynamodb_local_engine: Engine, table_name: str, tmp_path: Path) -> Command:
    return Command(tmp_path, dynamodb_local_engine, table_name)


@pytest.fixture
def step(dynamodb_local_engine: Engine, table_name: str) -> Iterator[Any]:
    base = make_base(dynamodb_local_engine.host, table_name)
    base.create_table(wait=True)
    yield make_step(base, STEP1_CODES)
    base._get_connection().connection.client.close()


def make_failed(step: Any, count: int) -> list[str]:
    ids = [f"t-{n:03}" for n in range(count)]
    errors = {"history": [{"nth_retry": 1, "update_time": "", "error": "KeyError('x')", "traceback": ""}]}
    with step.batch_write() as batch:
        for task_id in ids:
            batch.save(step.make(task_id, _status=30, errors=errors, retry=1))
    return ids


def assert_each_was_rerun_once(step: Any, command: Command, ids: list[str]) -> None:
    tasks = {task.task_id: task for task in step.query_by_status(10, limit=None, auto_refresh=True)}
    assert sorted(tasks) == ids
    assert {(task.run, len(task.errors["actions"])) for task in tasks.values()} == {(1, 1)}
    assert set(command.dispatched) == {f"{task_id} 1" for task_id in ids}


def test_from_failure_to_rerun(command: Command, step: Any) -> None:
    ids = make_failed(step, 5)
    stats = json.loads(command.run("stats", "--json").stdout)
    assert {each["status"]: each["tasks"] for each in stats["statuses"]}["failed"] == 5
    listed = command.run("ls", "--error-class", "KeyError", "--oldest")
    assert [line.split()[0] for line in listed.stdout.splitlines()[1:]] == ids
    done = command.run(*RERUN)
    assert done.returncode == 0, done.stderr
    assert_each_was_rerun_once(step, command, ids)
    task = json.loads(command.run("show", ids[0], "--json").stdout)
    assert [(each["action"], each["by"], each["id"]) for each in task["errors"]["actions"]] == [("rerun", "ann", "r1")]
    exported = command.run("export", "--format", "jsonl").stdout
    assert sorted(json.loads(line)["task_id"] for line in exported.splitlines()) == ids
    assert command.run("watch", "--looks", "1").stdout.startswith("pending 5, in_progress 0")


@pytest.mark.parametrize("dies_at", ["recall t-030", "discard t-030"])
def test_killed_deletion_is_completed(command: Command, step: Any, dies_at: str) -> None:
    """Killed between the mark on a task and what follows: nothing begins on it, and the same run id completes it."""
    ids = make_failed(step, 60)
    delete = ("delete", "--status", "failed", "--reason", "asked to forget", "--by", "ann", "--yes", "--run-id", "d1")
    pipeline = {"STATUS_TRACKER_TASK": "shop:PIPELINE"}
    assert command.run(*delete, **pipeline, DIES_AT=dies_at).returncode == -9
    marked = step.get_one_or_none("t-030", consistent_read=True)
    assert (marked.is_ignored(), marked.errors["actions"][-1]["action"]) == (True, "delete")
    done = command.run(*delete, **pipeline)
    assert done.returncode == 0, done.stderr
    assert sum(step.count_by_status().values()) == 0
    assert set(command.noted("discarded")) == set(command.noted("recalled")) == set(ids)


def test_killed_cancellation_is_completed(command: Command, step: Any) -> None:
    ids = make_failed(step, 60)
    cancel = ("cancel", "--status", "failed", "--reason", "wrong", "--by", "ann", "--yes", "--run-id", "c1")
    assert command.run(*cancel, DIES_AT="recall t-030").returncode == -9
    done = command.run(*cancel)
    assert done.returncode == 0, done.stderr
    tasks = list(step.query_by_status(50, limit=None, auto_refresh=True))
    assert [len(task.errors["actions"]) for task in tasks] == [1] * 60
    assert set(command.noted("recalled")) == set(ids)


def test_killed_bulk_rerun_is_completed(command: Command, step: Any) -> None:
    """Killed twice: at any moment, and exactly between a rerun and its dispatch."""
    ids = make_failed(step, 300)
    first = command.start(*RERUN, "--rate", "200")
    wait_until(lambda: len(command.dispatched) >= 60)
    first.kill()
    first.communicate()
    assert step.count_by_status()[30] > 0
    assert command.run(*RERUN, DIES_AT="t-250").returncode == -9
    assert "t-250 1" not in command.dispatched
    last = command.run(*RERUN, "--json")
    assert last.returncode == 0, last.stderr
    assert set(json.loads(last.stdout)["counts"]) <= {"done", "repeated"}
    assert_each_was_rerun_once(step, command, ids)


def test_two_at_once_with_one_run_id(command: Command, step: Any) -> None:
    ids = make_failed(step, 200)
    both = [command.start(*RERUN, "--json") for _ in range(2)]
    outputs = [process.communicate(timeout=120) for process in both]
    for out, _ in outputs:
        assert set(json.loads(out)["counts"]) <= {"done", "repeated"}
    assert [process.returncode for process in both].count(0) >= 1
    assert_each_was_rerun_once(step, command, ids)


def test_reader_that_has_seen_enough_is_no_trouble(command: Command, step: Any) -> None:
    make_failed(step, 300)
    process = command.start("export")
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.readline()
    process.stdout.close()
    assert process.stderr.read() == ""
    process.stderr.close()
    assert process.wait() == 141


def test_person_at_a_terminal_is_asked(command: Command, step: Any) -> None:
    ids = make_failed(step, 3)
    ours, theirs = pty.openpty()
    process = subprocess.Popen(  # noqa: S603  # our own command
        [sys.executable, "-m", "status_tracker.cli", *RERUN[:5]],
        cwd=command.folder,
        env={**command.environment, "TERM": "xterm"},
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        close_fds=True,
    )
    os.close(theirs)
    seen = b""
    while b"[y/N]" not in seen:
        seen += os.read(ours, 4096)
    os.write(ours, b"y\n")
    while process.poll() is None:
        seen += _rest(ours)
    os.close(ours)
    assert process.returncode == 0
    assert b"Matching: 3 tasks." in seen
    assert step.count_by_status()[10] == len(ids)


def test_unreachable_endpoint_is_told_in_one_line(command: Command) -> None:
    with closing(socket.socket()) as unused:
        unused.bind(("127.0.0.1", 0))
        nowhere = f"http://127.0.0.1:{unused.getsockname()[1]}"
    for arguments in (("stats",), ("show", "t"), RERUN, ("export",)):
        done = command.run(*arguments, "--endpoint-url", nowhere)
        assert done.returncode == 3, arguments
        assert done.stderr.splitlines()[-1].startswith("Error: AWS cannot be reached: Could not connect")
        assert done.stdout == ""


@pytest.mark.parametrize(
    ("options", "environment", "told"),
    [
        (["--table", "no-such-table"], {}, "ResourceNotFoundException"),
        (["--profile", "nobody"], {}, "The config profile (nobody) could not be found"),
        ([], {"AWS_ACCESS_KEY_ID": "", "AWS_EC2_METADATA_DISABLED": "true"}, "there are no AWS credentials"),
    ],
)
def test_what_aws_refuses_is_told_in_one_line(
    command: Command, options: list[str], environment: dict[str, str], told: str
) -> None:
    done = command.run("ls", *options, **environment)
    assert (done.returncode, done.stdout) == (3, "")
    assert done.stderr.startswith("Error: ")
    assert told in done.stderr
    assert done.stderr.count("\n") == 1


def _rest(terminal: int) -> bytes:
    try:
        return os.read(terminal, 4096)
    except OSError:  # Linux's way to tell that the other end is closed
        return b""
