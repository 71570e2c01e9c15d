"""Backfill and bulk rerun on the deployed application: their state machines, run for real."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.local_cloud.application import IGNORED, SUCCEEDED, Application, different, sample
from tests.local_cloud.support import wait_for

GOOD, HOPELESS = 34, 6


class Machine:
    """One of the two state machines."""

    def __init__(self, app: Application, output: str) -> None:
        self._app = app
        self._arn = app.outputs[output]

    def run(self, name: str, **given: Any) -> dict[str, Any]:
        """The execution, when it has ended; its output as ``summary``."""
        states = self._app.states
        arn = states.start_execution(stateMachineArn=self._arn, name=name, input=json.dumps(given))["executionArn"]

        def ended() -> dict[str, Any] | None:
            found = states.describe_execution(executionArn=arn)
            return dict(found) if found["status"] != "RUNNING" else None

        found = wait_for(f"the end of {name}", ended)
        return {**found, "summary": json.loads(found.get("output") or "null")}

    def stored(self, address: str) -> list[dict[str, Any]]:
        bucket, _, key = address.removeprefix("s3://").partition("/")
        body = self._app.s3.get_object(Bucket=bucket, Key=key)["Body"].read().decode()
        return [json.loads(line) for line in body.splitlines()]


@pytest.fixture(scope="module")
def backfill(app: Application) -> Machine:
    return Machine(app, "BackfillArn")


@pytest.fixture(scope="module")
def bulk_rerun(app: Application) -> Machine:
    return Machine(app, "BulkRerunArn")


@pytest.fixture(scope="module")
def untold(app: Application) -> Iterator[list[str]]:
    """The ids of the tasks of 40 documents, six of them hopeless, of which no event told; no sweep registers them."""
    good, hopeless = sample("invoice-1001"), sample("hopeless-scan")
    with app.unswept():
        with app.untold():
            ids = [app.upload(f"2024/ü {number}.pdf", different(good, f"untold {number}")) for number in range(GOOD)]
            ids += [app.upload(f"2024/scan+{n}.pdf", different(hopeless, str(n))) for n in range(HOPELESS)]
        yield ids


def executions_of(app: Application, tasks: list[str]) -> dict[str, tuple[int, ...]]:
    """The runs of which there are executions, by task."""
    listed = app.states.get_paginator("list_executions").paginate(stateMachineArn=app.outputs["WorkflowArn"])
    arns = [each["executionArn"] for page in listed for each in page["executions"]]
    inputs = [json.loads(app.states.describe_execution(executionArn=arn)["input"]) for arn in arns]
    return {task_id: tuple(sorted(each["run"] for each in inputs if each["task_id"] == task_id)) for task_id in tasks}


def test_what_was_there_before_is_backfilled_once(app: Application, backfill: Machine, untold: list[str]) -> None:
    assert [app.task(task_id) for task_id in untold] == [None] * len(untold)
    first = backfill.run("first", prefix="2024/", max_concurrency=2)
    assert first["status"] == "SUCCEEDED", first.get("cause")
    assert first["summary"]["counts"] == {"planned": 40, "created": 40, "failed": 0}
    statuses = [app.ended(task_id).status for task_id in untold]
    assert statuses == [SUCCEEDED] * GOOD + [IGNORED[0]] * HOPELESS
    again = backfill.run("again", prefix="2024/")
    assert again["summary"]["counts"] == {"planned": 40, "existing": 40, "failed": 0}
    assert executions_of(app, untold) == dict.fromkeys(untold, (0,))


def test_what_cannot_be_registered_is_told_and_tolerated(
    app: Application, backfill: Machine, untold: list[str]
) -> None:
    bucket = app.outputs["ResultBucketName"]
    keys = [task_id.rpartition("#")[0] for task_id in untold[:2]]
    content = "\n".join(map(json.dumps, [*keys, "2024/gone.pdf", 17]))
    app.s3.put_object(Bucket=bucket, Key="manifests/some.jsonl", Body=content.encode())
    given = {"manifest": f"s3://{bucket}/manifests/some.jsonl"}
    tolerated = backfill.run("tolerated", **given, tolerated_failures=2)
    assert tolerated["status"] == "SUCCEEDED", tolerated.get("cause")
    assert tolerated["summary"]["counts"]["failed"] == 2
    told = backfill.stored(tolerated["summary"]["failed"])
    assert {entry.get("key") or entry["found"] for entry in told} == {"2024/gone.pdf", "17"}
    for limit, last_map in ((1, "MapStateSucceeded"), (0, "MapStateFailed")):
        failed = backfill.run(f"tolerated-{limit}", **given, tolerated_failures=limit)
        assert (failed["status"], failed["error"]) == ("FAILED", "TooManyFailures")
        assert f"2 failed, {limit} are tolerated: see failed.jsonl in s3://" in failed["cause"]
        history = app.states.get_execution_history(executionArn=failed["executionArn"])["events"]
        assert last_map in {event["type"] for event in history}


def test_bad_input_is_refused(backfill: Machine, bulk_rerun: Machine) -> None:
    for machine, reason in ((backfill, '{"prefix": ""} is the whole bucket'), (bulk_rerun, "reason is null")):
        refused = machine.run("refused")
        assert (refused["status"], refused["error"]) == ("FAILED", "BadInput")
        assert reason in refused["cause"]


def test_the_ignored_ones_are_rerun_once_a_run_id(app: Application, bulk_rerun: Machine, untold: list[str]) -> None:
    scans = untold[GOOD:]
    assert {app.ended(task_id).status for task_id in scans} == {IGNORED[0]}
    given = {"filter": {"statuses": ["ignored"], "id_prefix": "2024/scan"}, "reason": "try", "run_id": "once"}
    dry = bulk_rerun.run("dry", **given, dry_run=True)
    assert dry["status"] == "SUCCEEDED", dry.get("cause")
    assert dry["summary"]["counts"] == {"planned": HOPELESS, "failed": 0}
    assert {each["task_id"] for each in dry["summary"]["sample"]} == set(scans)
    assert executions_of(app, scans) == dict.fromkeys(scans, (0,))
    done = bulk_rerun.run("done", **given)
    assert done["summary"]["counts"] == {"planned": HOPELESS, "done": HOPELESS, "failed": 0}
    wait_for("all to be ignored again", lambda: all(len(app.task(each).errors["history"]) == 2 for each in scans))
    for task_id in scans:
        [action] = app.ended(task_id).errors["actions"]
        assert (action["action"], action["id"], action["reason"]) == ("rerun", "once", "try")
        assert action["by"] == "execution done"
    again = bulk_rerun.run("again", **given)
    assert again["summary"]["counts"] == {"planned": HOPELESS, "repeated": HOPELESS, "failed": 0}
    assert executions_of(app, scans) == dict.fromkeys(scans, (0, 1))
