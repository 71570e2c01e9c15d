"""The application in operation: under a burst, and with documents that are run again."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

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
    assert output.returncode == 1
    assert "nothing.pdf#0: no such document in status-tracker-local" in output.stderr
    assert "Traceback" not in output.stderr


def rerun(app: Application, task_id: str, reason: str) -> subprocess.CompletedProcess[str]:
    """`make rerun`, without the set-up that a target of the Makefile does first."""
    return subprocess.run(  # noqa: S603 - our own command
        [sys.executable, "-m", "documents.rerun", "status-tracker-local", task_id, reason],
        env={**os.environ, **app.cloud.environment, "PYTHONPATH": "layer:lambdas"},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )


def test_finished_tasks_can_be_given_a_time_to_live(app: Application) -> None:
    table = app.cloud.client("dynamodb").describe_time_to_live(TableName=app.outputs["TaskTableName"])
    assert table["TimeToLiveDescription"] == {"TimeToLiveStatus": "ENABLED", "AttributeName": "expire_at"}
