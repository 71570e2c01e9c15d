"""docs/your-own-use-case.md, deployed beside the application: a third step.

Its name makes it the last: others look for *the* function of a name, and from here on there are two of each.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from status_tracker_local.cloud import LocalCloud
from status_tracker_local.deployment import App
from tests.local_cloud.application import Application, different, sample
from tests.local_cloud.support import wait_for
from tests.local_cloud.test_bulk_machines import Machine
from tests.support.guide import changes, copied_checkout

ARCHIVED = 140


class Own:
    """The guide's checkout, deployed as the stage ``own``."""

    def __init__(self, cloud: LocalCloud, checkout: Path) -> None:
        self.checkout = checkout
        self.cloud = cloud
        self.app = Application(cloud, "status-tracker-own")
        self.outputs = self.app.outputs

    def run(self, code: str) -> str:
        """What the code prints, in the environment that the guide gives to its commands."""
        told = {"USE_CASE_ID": "pdf_processing", "MAX_ATTEMPTS": "3", "TASK_TABLE_NAME": self.outputs["TaskTableName"]}
        told |= {"WORKFLOW_ARN": self.outputs["WorkflowArn"]}
        ran = subprocess.run(  # noqa: S603 - our own documentation
            [sys.executable, "-c", code],
            cwd=self.checkout,
            env={**os.environ, **self.cloud.environment, **told, "PYTHONPATH": "layer:lambdas"},
            capture_output=True,
            text=True,
            check=False,
        )
        assert ran.returncode == 0, ran.stderr
        return ran.stdout


@pytest.fixture(scope="module")
def own(application: LocalCloud, tmp_path_factory: pytest.TempPathFactory) -> Own:
    checkout = copied_checkout(tmp_path_factory.mktemp("checkout"))
    for change in changes():
        change.apply(checkout)
    settings = json.loads((checkout / "cdk.json").read_text())
    deletes = {"widget_deletes": True, "bulk_deletes": True}
    settings["context"]["stages"]["own"] = settings["context"]["stages"]["local"] | deletes
    (checkout / "cdk.json").write_text(json.dumps(settings))
    application.deploy(App(checkout, context={"stage": "own"}))
    return Own(application, checkout)


def archived(own: Own, task_id: str) -> Any:
    """The task, when it has ended in the third step."""

    def look() -> Any:
        task = own.app.task(task_id)
        return task if task and task.status == ARCHIVED else None

    return wait_for(f"{task_id} in the archive", look)


def test_a_document_ends_in_the_third_step(own: Own) -> None:
    task_id = own.app.upload("2026/invoice.pdf", sample("invoice-1001"))
    task = archived(own, task_id)
    assert (task.fence, task.errors["history"]) == (3, [])
    bucket, _, key = task.data["archived"]["result"].removeprefix("s3://").partition("/")
    assert key.startswith(f"archive/{task.create_time:%Y-%m-%d}/")
    filed = json.load(own.app.s3.get_object(Bucket=bucket, Key=key)["Body"])
    assert filed["document"] == "2026/invoice.pdf"
    assert {each["id"]: each["answer"] for each in filed["answers"]}["total"] == "EUR 1,190.00"
    assert own.app.executions(task_id) == ["SUCCEEDED"]


def test_a_document_from_before_is_archived_by_a_new_run(own: Own) -> None:
    printed = own.run(
        f"""
from status_tracker_ops.clients import s3_client
from documents.storage import address_of, write_result
from documents.tasks import ArchiveTask
# As it was left by the two steps of the stack before.
address = address_of({own.outputs["ResultBucketName"]!r}, "old/answers.json")
ArchiveTask.make_and_save("old.pdf#1", data={{"key": "old.pdf", "answered": {{"result": address}}}}, _status=90)
write_result(s3_client(), address, {{"answers": []}})
for task in ArchiveTask.query_by_status(ArchiveTask.config.pending_status):
    ArchiveTask.dispatch(ArchiveTask.rerun(task.task_id, reason="to the archive"))
    print(task.task_id)
""",
    )
    assert printed.split() == ["old.pdf#1"]
    task = archived(own, "old.pdf#1")
    assert (task.run, task.fence, task.errors["history"]) == (1, 1, [])
    assert own.app.executions("old.pdf#1") == ["SUCCEEDED"]


def test_tasks_are_deleted_in_bulk_where_the_stage_says_so(own: Own) -> None:
    """With document and results, by a machine that has the rights for it."""
    app, documents = own.app, own.outputs["DocumentBucketName"]
    task_id = app.upload("forgotten/invoice.pdf", different(sample("invoice-1001"), "forgotten"))
    results = Path(archived(own, task_id).data["answered"]["result"].removeprefix("s3://"))
    assert app.executions(task_id) == ["SUCCEEDED"]
    folder = {"Bucket": results.parts[0], "Prefix": f"{results.parts[1]}/"}
    assert app.s3.list_objects_v2(**folder)["KeyCount"] > 0
    chosen = {"statuses": ["succeeded"], "id_prefix": "forgotten/"}
    deleted = Machine(app, "BulkDeleteArn").run("forget", filter=chosen, reason="asked to forget it")
    assert deleted["status"] == "SUCCEEDED", deleted.get("cause")
    assert deleted["summary"]["counts"] == {"planned": 1, "done": 1, "failed": 0}
    assert app.task(task_id) is None
    assert app.s3.list_objects_v2(**folder)["KeyCount"] == 0
    assert app.s3.list_objects_v2(Bucket=documents, Prefix="forgotten/")["KeyCount"] == 0
