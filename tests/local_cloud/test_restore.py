"""A table that was restored from PITR under the running application: what docs/runbook.md says is true then."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from status_tracker_ops.executions import start_workflow
from tests.docs.test_runbook import copy_back
from tests.local_cloud.application import STEPS, SUCCEEDED, Application, sample

PENDING = 10


@pytest.fixture
def _unswept(app: Application) -> Iterator[None]:
    """A sweep would take on a task that is pending since long before, as the restored one is."""
    with app.unswept():
        yield


@pytest.mark.usefixtures("_unswept")
def test_a_restored_task_is_back_in_time_and_its_next_run_does_it_again(
    app: Application, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in app.cloud.environment.items():
        monkeypatch.setenv(name, value)
    table, workflow = app.outputs["TaskTableName"], app.outputs["WorkflowArn"]
    dynamodb = app.cloud.client("dynamodb")
    task_id = app.upload("restored.pdf", sample("invoice-1001"))
    step = type(app.ended(task_id))
    step.rerun(task_id, reason="a moment at which it is pending")
    dynamodb.update_continuous_backups(
        TableName=table, PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": True}
    )
    dynamodb.restore_table_to_point_in_time(
        SourceTableName=table, TargetTableName=f"{table}-restored", UseLatestRestorableTime=True
    )

    assert start_workflow(app.states, workflow, task_id, run=1)
    done = app.ended(task_id)
    assert (done.status, done.run, done.fence) == (SUCCEEDED, 1, 2 * len(STEPS))
    assert copy_back()(f"{table}-restored", table, lambda item: item["key"].endswith(task_id)) == 1
    restored = app.task(task_id)
    assert (restored.status, restored.run, restored.fence) == (PENDING, 1, len(STEPS))

    app.executions(task_id)
    assert not start_workflow(app.states, workflow, task_id, run=1)
    assert step.restart(task_id, run=1, reason="its run had ended").run == 2
    assert start_workflow(app.states, workflow, task_id, run=2)
    again = app.ended(task_id)
    assert (again.status, again.run, again.fence) == (SUCCEEDED, 2, 2 * len(STEPS))
    dynamodb.delete_table(TableName=f"{table}-restored")
