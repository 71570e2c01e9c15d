"""`status-tracker verify` on the deployed application, sound and broken."""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.local_cloud.application import Application
from tests.local_cloud.support import wait_for

ROOT = Path(__file__).parents[2]
PREFIX = "status-tracker-verify/"
CHECKS = ["take in", "cancel", "good", "hopeless", "big", "duplicate", "alarms", "widget", "command", "rerun", "clean"]


@pytest.fixture(scope="module")
def environment(app: Application) -> dict[str, str]:
    """What an operator has after `eval "$(make env STAGE=local)"`, without make."""
    given = {**os.environ, **app.cloud.environment, "PYTHONPATH": f"{ROOT / 'layer'}:{ROOT / 'lambdas'}"}
    command = f"{shlex.quote(sys.executable)} -m status_tracker.cli env {app.stack}"
    script = f'settings=$({command}) && eval "$settings" && env -0'
    printed = subprocess.check_output(["/bin/sh", "-c", script], cwd=ROOT, env=given, text=True)  # noqa: S603
    return dict(line.split("=", 1) for line in printed.split("\0") if line)


def verify(environment: dict[str, str], *options: str) -> subprocess.CompletedProcess[str]:
    command = [str(ROOT / "bin" / "status-tracker"), "verify", *options]
    return subprocess.run(command, check=False, capture_output=True, text=True, env=environment, cwd=ROOT)  # noqa: S603


def results_of(output: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    return {check["name"]: check for check in json.loads(output.stdout)["checks"]}


def failing(output: subprocess.CompletedProcess[str]) -> dict[str, str]:
    """What was seen by the checks that do not hold."""
    return {name: check["told"] for name, check in results_of(output).items() if check["holds"] is False}


@pytest.fixture
def there_before(app: Application) -> frozenset[str]:
    """What a test that failed has left of its verification: no other one is to fail for it."""
    return frozenset(left(app))


def left(app: Application, before: frozenset[str] = frozenset()) -> list[str]:
    """What is there of any verification and was not there before: objects and tasks."""
    listed = app.s3.list_objects_v2(Bucket=app.outputs["DocumentBucketName"], Prefix=PREFIX)
    tasks = app.cloud.client("dynamodb").scan(TableName=app.outputs["TaskTableName"], ConsistentRead=True)["Items"]
    found = [each["Key"] for each in listed.get("Contents", [])]
    found += [item["key"]["S"] for item in tasks if PREFIX in item["key"]["S"]]
    return [each for each in found if each not in before]


def result_folders(app: Application) -> set[str]:
    pages = app.s3.get_paginator("list_objects_v2").paginate(Bucket=app.outputs["ResultBucketName"])
    return {each["Key"].partition("/")[0] for page in pages for each in page.get("Contents", [])}


def test_a_sound_stack_is_proved_and_left_as_it_was(
    app: Application, environment: dict[str, str], there_before: frozenset[str]
) -> None:
    kept = app.upload("of somebody else.pdf", (ROOT / "samples" / "documents" / "invoice-1001.pdf").read_bytes())
    app.ended(kept)
    before = result_folders(app)
    done = verify(environment)
    assert done.returncode == 0, done.stdout + done.stderr
    rows = [line for line in done.stdout.splitlines() if line and not line.startswith(" ")]
    assert [re.split(r"  +", row)[0] for row in rows] == ["Check", *CHECKS]
    assert max(map(len, done.stdout.splitlines())) <= 80
    assert "INV-1001" in done.stdout
    assert re.search(r"^alarms +yes ", done.stdout, re.MULTILINE), done.stdout
    assert re.search(r"^(1\d) of \1 checks hold\.$", done.stderr, re.MULTILINE), done.stderr
    assert left(app, there_before) == []
    assert result_folders(app) == before
    assert app.task(kept) is not None


def test_an_intake_that_takes_nothing_in_is_told(
    app: Application, environment: dict[str, str], there_before: frozenset[str]
) -> None:
    with app.unswept(), app.untold():
        done = verify(environment, "--timeout", "8s", "--json")
        assert done.returncode == 1, done.stderr
        assert left(app, there_before) == []
    assert (json.loads(done.stdout)["holds"], json.loads(done.stdout)["interrupted"]) == (False, False)
    told = failing(done)
    assert told["good"] == "waited 8 s in vain for its end: no task was made of it"
    assert set(told) == {"cancel", "good", "hopeless", "big", "widget", "command", "rerun"}
    assert "of 4 no task was seen: one that still comes is set aside" in results_of(done)["clean"]["told"]


@contextmanager
def answer_told_another_bucket(app: Application) -> Iterator[None]:
    functions = app.cloud.client("lambda")
    listed = functions.list_functions()["Functions"]
    [answer] = [each for each in listed if each["FunctionName"].startswith("status-tracker-local-Answer")]
    name, variables = answer["FunctionName"], answer["Environment"]["Variables"]
    broken = {**variables, "RESULT_BUCKET": "no-such-bucket"}
    functions.update_function_configuration(FunctionName=name, Environment={"Variables": broken})
    try:
        yield
    finally:
        functions.update_function_configuration(FunctionName=name, Environment={"Variables": variables})


def test_a_step_that_cannot_work_is_told_by_what_it_met(
    app: Application, environment: dict[str, str], there_before: frozenset[str]
) -> None:
    with answer_told_another_bucket(app):
        done = verify(environment, "--timeout", "90s", "--json")
    assert done.returncode == 1, done.stderr
    told = failing(done)
    assert told["good"].startswith("it is ignored in Answer: ")
    assert "AccessDenied" in told["good"]  # its role has rights on the results' bucket alone
    assert set(told) == {"good", "big", "rerun"}
    assert results_of(done)["hopeless"]["holds"]
    assert left(app, there_before) == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_deletes_what_was_made(
    app: Application, environment: dict[str, str], there_before: frozenset[str], number: signal.Signals
) -> None:
    before = result_folders(app)
    command = [str(ROOT / "bin" / "status-tracker"), "verify", "--json"]
    process = subprocess.Popen(  # noqa: S603
        command, env=environment, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    wait_for("what was submitted", lambda: left(app, there_before))
    process.send_signal(number)
    out, err = process.communicate(timeout=600)
    assert process.returncode == 130, err
    assert "Interrupted: deleting what was made." in err
    told = json.loads(out)
    assert (told["holds"], told["interrupted"]) == (False, True)
    assert {check["name"]: check["holds"] for check in told["checks"]}["clean"], out
    assert left(app, there_before) == []
    assert result_folders(app) == before


def test_what_cannot_be_verified_is_told(environment: dict[str, str]) -> None:
    nothing = verify(environment, "--task", "documents.tasks:ExtractTask")
    assert nothing.returncode == 2
    assert "give a pipeline" in nothing.stderr
    unwise = verify(environment, "--timeout", "soon")
    assert unwise.returncode == 2
    assert shlex.quote("soon") in unwise.stderr or "'soon'" in unwise.stderr
