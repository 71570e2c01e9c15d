"""The deployed application has the rights that it needs, and no others but those that are explained here."""

from __future__ import annotations

import json
from fnmatch import fnmatchcase
from typing import Any

import pytest

from tests.local_cloud.application import IGNORED, SUCCEEDED, Application, different, sample
from tests.local_cloud.permissions.rights import Right, Rights
from tests.local_cloud.support import wait_for
from tests.unit.widget.page import Page

NEVER_USED = {}
"""Rights that nothing here uses, by role and action, and why they are granted all the same."""


@pytest.fixture(scope="module")
def rights(app: Application) -> Rights:
    """What was granted, and what was asked for by the time that all kinds of work were done."""
    _do_everything(app)
    return Rights(app.cloud)


def _do_everything(app: Application) -> None:
    good = app.upload("rights/good.pdf", sample("invoice-1001"))
    hopeless = app.upload("rights/scan.pdf", different(sample("hopeless-scan"), "rights"))
    gone = app.upload("rights/gone.pdf", different(sample("invoice-1001"), "gone"))
    app.s3.delete_object(Bucket=app.outputs["DocumentBucketName"], Key="rights/gone.pdf")
    assert [app.ended(each).status for each in (good, hopeless, gone)] == [SUCCEEDED, IGNORED[0], IGNORED[0]]
    app.extract_task().rerun(good, reason="and then left to the sweep")
    _backfill(app)
    _run(app, "BulkRerunArn", filter={"statuses": ["ignored"], "id_prefix": "rights/scan"}, reason="r", run_id="rights")
    _widget(app, good)

    def swept() -> bool:
        _invoke(app, next(name for name in app.cloud.processes() | _names(app) if "Sweep" in name), {})
        return app.task(good).run == 1 and app.task(good).status == SUCCEEDED

    wait_for("the sweep of a task that nobody has started", swept)


def _backfill(app: Application) -> None:
    bucket = app.outputs["ResultBucketName"]
    app.s3.put_object(Bucket=bucket, Key="manifests/rights.jsonl", Body=b'"rights/good.pdf"\n"rights/nowhere.pdf"\n')
    manifest = f"s3://{bucket}/manifests/rights.jsonl"
    assert _run(app, "BackfillArn", prefix="rights/")["counts"]["failed"] == 0
    assert _run(app, "BackfillArn", manifest=manifest, tolerated_failures=5)["counts"]["failed"] == 1


def _widget(app: Application, task_id: str) -> None:
    viewer = f"{app.cloud.stack_name}-widget-viewer"
    _invoke(app, viewer, {})
    shown = Page(_invoke(app, viewer, {"view": "task", "task_id": task_id}))
    assert task_id in shown.text


def _run(app: Application, machine: str, **given: Any) -> Any:
    execution = app.states.start_execution(stateMachineArn=app.outputs[machine], input=json.dumps(given))[
        "executionArn"
    ]

    def ended() -> Any:
        found = app.states.describe_execution(executionArn=execution)
        return found if found["status"] != "RUNNING" else None

    found = wait_for(f"the end of {machine}", ended)
    assert found["status"] == "SUCCEEDED", found
    return json.loads(found["output"])


def _invoke(app: Application, function: str, event: dict[str, Any]) -> Any:
    answer = app.cloud.client("lambda").invoke(FunctionName=function, Payload=json.dumps(event).encode())
    assert "FunctionError" not in answer, answer["Payload"].read()
    return json.load(answer["Payload"])


def _names(app: Application) -> dict[str, Any]:
    return {each["FunctionName"]: each for each in app.cloud.client("lambda").list_functions()["Functions"]}


def test_nothing_that_the_application_asks_for_is_refused(rights: Rights) -> None:
    assert rights.refused() == []


def explained(right: Right) -> bool:
    return any(fnmatchcase(f"{right.name} {right.action}", each) for each in NEVER_USED)


def test_what_is_granted_and_never_used_is_explained(rights: Rights) -> None:
    assert [str(right) for right in rights.unused() if not explained(right)] == []
