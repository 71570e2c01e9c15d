"""The application in operation: under a burst, and with documents that are run again."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

from tests.local_cloud.application import STEPS, SUCCEEDED, Application, different, sample

ROOT = Path(__file__).parents[2]


def test_a_burst_of_documents_ends_well(app: Application) -> None:
    """Far more at once than there are environments: who finds none is throttled and comes again."""
    tasks = [app.upload(f"burst/{number}.pdf", different(sample("invoice-1001"), str(number))) for number in range(60)]
    found = [app.ended(task_id) for task_id in tasks]
    assert {task.status for task in found} == {SUCCEEDED}
    assert {(task.fence, len(task.errors["history"])) for task in found} == {(len(STEPS), 0)}


def test_a_document_is_run_again(app: Application) -> None:
    task_id = app.upload("run again.pdf", sample("invoice-1001"))
    assert app.ended(task_id).run in {None, 0}
    output = rerun(app, task_id, "new questions")
    assert output.returncode == 0, output.stderr
    assert app.executions(task_id) == ["SUCCEEDED", "SUCCEEDED"]
    task = app.ended(task_id)
    assert (task.status, task.run, task.fence) == (SUCCEEDED, 1, 2 * len(STEPS))
    (action,) = task.errors["actions"]
    assert (action["action"], action["reason"]) == ("rerun", "new questions")
    assert action["by"].startswith("arn:aws:")


def test_a_document_is_run_again_by_the_key_in_the_table(app: Application) -> None:
    task_id = app.upload("by its key.pdf", sample("invoice-1001"))
    output = rerun(app, app.ended(task_id).key, "try it")
    assert output.returncode == 0, output.stderr
    assert app.ended(task_id).run == 1


def test_what_cannot_be_run_again_is_told(app: Application) -> None:
    output = rerun(app, "nothing.pdf#0", "why not")
    assert output.returncode != 0
    assert "nothing.pdf#0: vanished: There is no such task." in output.stderr
    assert "Traceback" not in output.stderr


def test_a_stack_that_is_not_there_is_told(app: Application) -> None:
    output = make(app, "env", STAGE="nowhere")
    assert output.returncode != 0
    assert output.stdout == ""
    assert "status-tracker-nowhere does not exist" in output.stderr


def test_ignored_documents_are_run_again_by_their_error(app: Application) -> None:
    """As an operator would: look, rehearse, rerun all that match, and see that they have run."""
    tasks = [app.upload(f"scans/{n}.pdf", different(sample("hopeless-scan"), str(n))) for n in range(3)]
    assert {app.ended(task_id).run for task_id in tasks} <= {None, 0}
    chosen = "--status ignored --error-text 'looks like a scan' --id-prefix scans/"
    script = f"""
        status-tracker ls {chosen} --json &&
        status-tracker rerun {chosen} --dry-run --json &&
        status-tracker rerun {chosen} --reason 'try it' --yes --run-id first --json &&
        {{ status-tracker rerun {chosen} --reason 'try it' --yes --run-id first --json || true; }}
    """
    settings = make(app, "env", STAGE="local").stdout
    output = subprocess.run(["/bin/sh", "-c", settings + script], check=False, **_process(app))  # noqa: S603 - our own commands
    assert output.returncode == 0, output.stderr
    listed, rehearsed, first, second = map(json.loads, output.stdout.splitlines())
    assert sorted(each["task_id"] for each in listed["tasks"]) == sorted(tasks)
    assert (rehearsed["matching"], first["counts"]) == (3, {"done": 3})
    assert set(second["counts"]) <= {"repeated"}
    for task_id in tasks:
        assert len(app.executions(task_id)) == 2
        assert len(app.ended(task_id).errors["actions"]) == 1


def rerun(app: Application, task_id: str, reason: str) -> subprocess.CompletedProcess[str]:
    return make(app, "rerun", STAGE="local", TASK=task_id, REASON=reason)


def make(app: Application, target: str, **variables: str) -> subprocess.CompletedProcess[str]:
    process = _process(app)
    process["env"] |= variables
    command = ["make", "--silent", target, f"STAGE={variables['STAGE']}"]
    return subprocess.run(command, check=False, **process)  # noqa: S603 - our own command


def _process(app: Application) -> dict[str, Any]:
    environment = {**os.environ, **app.cloud.environment}
    return {"env": environment, "cwd": ROOT, "capture_output": True, "text": True}


def test_finished_tasks_can_be_given_a_time_to_live(app: Application) -> None:
    table = app.cloud.client("dynamodb").describe_time_to_live(TableName=app.outputs["TaskTableName"])
    assert table["TimeToLiveDescription"] == {"TimeToLiveStatus": "ENABLED", "AttributeName": "expire_at"}
