"""The sweep on its schedule: what was left to itself is done, without anybody doing anything."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

import pytest

from tests.local_cloud.application import STEPS, SUCCEEDED, Application, different, sample
from tests.local_cloud.support import wait_for


@dataclass
class Left:
    """The ids of the tasks that were left to themselves."""

    rerun: str
    stopped: str
    unknown: str


@pytest.fixture(scope="module")
def left(app: Application) -> Left:
    """All at once, so that one sweep finds them."""
    return Left(_rerun_without_dispatch(app), _stopped(app), _object_without_event(app))


def test_a_task_that_was_made_pending_and_not_started_is_done(app: Application, left: Left) -> None:
    task = _succeeded_in_run(app, left.rerun, 1)
    assert (task.fence, task.errors["history"]) == (2 * len(STEPS), [])
    assert app.executions(left.rerun) == ["SUCCEEDED", "SUCCEEDED"]


def test_a_task_whose_execution_was_stopped_is_done_once_by_another(app: Application, left: Left) -> None:
    task = _succeeded_in_run(app, left.stopped, 1)
    statuses = app.executions(left.stopped)
    assert (len(statuses), statuses.count("SUCCEEDED")) == (2, 1)  # moto may call the stopped one FAILED
    [action] = task.errors["actions"]
    assert (action["action"], action["by"]) == ("restart", "sweep")
    assert [entry["error"].partition("(")[0] for entry in task.errors["history"]] == ["LeaseExpired"]


def test_an_object_of_which_no_event_told_is_registered_and_processed(app: Application, left: Left) -> None:
    task = _succeeded_in_run(app, left.unknown, None)
    assert (task.fence, task.errors["history"]) == (len(STEPS), [])
    assert app.executions(left.unknown) == ["SUCCEEDED"]


def _succeeded_in_run(app: Application, task_id: str, run: int | None) -> Any:
    def look() -> Any:
        task = app.task(task_id)
        return task if task and (task.status, task.run) == (SUCCEEDED, run) else None

    return wait_for(f"the success of {task_id}", look)


def _rerun_without_dispatch(app: Application) -> str:
    task_id = app.upload("swept/rerun.pdf", sample("invoice-1001"))
    app.ended(task_id)
    app.extract_task().rerun(task_id, reason="and then forgotten")
    return task_id


def _stopped(app: Application) -> str:
    """A worker vanishes, and while the execution waits for its lease to end, somebody stops that."""
    body = different(sample("invoice-1001"), "stopped")
    etag = hashlib.md5(body, usedforsecurity=False).hexdigest()
    task_id = f"swept/stopped.pdf#{etag}"
    bucket = app.outputs["DocumentBucketName"]
    data = {"bucket": bucket, "key": "swept/stopped.pdf", "etag": etag, "size": len(body)}
    app.extract_task().start(task_id, create=True, data=data, lock_expire_seconds=30).__enter__()
    assert app.upload("swept/stopped.pdf", body) == task_id
    [execution] = wait_for("the execution", lambda: app.running(task_id))
    app.states.stop_execution(executionArn=execution)
    return task_id


def _object_without_event(app: Application) -> str:
    events = app.cloud.client("events")
    [rule] = [rule["Name"] for rule in events.list_rules()["Rules"] if "ObjectCreated" in rule["Name"]]
    events.disable_rule(Name=rule)
    try:
        return app.upload("swept/unknown №1.pdf", sample("invoice-1001"))
    finally:
        events.enable_rule(Name=rule)
