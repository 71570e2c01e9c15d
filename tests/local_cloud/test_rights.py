"""The deployed application has the rights that it needs, and no others but those that are explained here."""

from __future__ import annotations

import json
import uuid
from fnmatch import fnmatchcase
from typing import Any

import pytest

from tests.local_cloud.application import IGNORED, LAST, SUCCEEDED, Application, different, sample
from tests.local_cloud.permissions.rights import Right, Rights
from tests.local_cloud.support import wait_for
from tests.unit.widget.page import Page

NEVER_USED = {
    "* logs:CreateLogStream": "Lambda itself writes the functions' log; here it is a file",
    "* logs:PutLogEvents": "the same",
    "* logs:*LogDeliver*": "Step Functions itself sends its log to CloudWatch; moto keeps none",
    "* logs:DescribeLogGroups": "the same",
    "* logs:*ResourcePolic*": "the same",
    "* xray:*": "Lambda and Step Functions send traces by themselves; there is no X-Ray here",
    **{
        f"{machine}Role states:{action}": "Step Functions looks after a Map's executions; here they run within its own"
        for machine in ("Backfill", "BulkRerun", "BulkCancel")
        for action in ("DescribeExecution", "StopExecution")
    },
    "OperationsSweepRole states:DescribeExecution": "the sweep asks so only where its time is over before "
    "all running executions are listed",
    "B* s3:AbortMultipartUpload": "Step Functions writes the results of a Map in parts; here they are written at once",
    "B* s3:ListMultipartUploadParts": "the same",
    "AnswerHandlerRole s3:ListBucket": "tells a text that somebody has deleted from one that may not be read; "
    "tests/handlers have it",
}
"""Rights that nothing here uses, by role and action, and why they are granted all the same."""


BACK, BACK_UNTOLD = "rights/back.pdf", "rights/back-untold.pdf"


@pytest.fixture(scope="module")
def rights(app: Application) -> Rights:
    """What was granted, and what was asked for by the time that all kinds of work were done."""
    good, hopeless = app.upload("rights/good.pdf", sample("invoice-1001")), different(sample("hopeless-scan"), "rights")
    gone = [app.upload_and_delete(name, _content(name)) for name in (BACK, BACK_UNTOLD)]
    ended = [app.ended(each).status for each in (good, app.upload("rights/scan.pdf", hopeless), *gone)]
    assert ended == [SUCCEEDED, *[IGNORED[0]] * 3]
    assert app.upload(BACK, _content(BACK)) == gone[0]
    wait_for("what is there again", lambda: app.task(gone[0]).status == SUCCEEDED)
    with app.unswept():  # which takes on what is left to the others here
        _backfill(app)
        _rerun_and_cancel_many(app)
        _use_the_widget(app, good)
    _leave_to_the_sweep(app, good)
    wait_for("an invocation by the schedule", lambda: _is_asked_for(app, "ScheduleRights", "lambda:InvokeFunction"))
    counting = ("OperationsSweepRole", "dynamodb:ConditionCheckItem")
    wait_for("the first count by a sweep", lambda: _is_asked_for(app, *counting))
    return Rights(app.cloud, app.stack)


def _content(key: str) -> bytes:
    return different(sample("invoice-1001"), key)


def _backfill(app: Application) -> None:
    """By a prefix, by a manifest, by what failed of that, and by a manifest that is not there."""
    bucket = app.outputs["ResultBucketName"]
    untold = _upload_untold(app)
    counts = _run(app, "BackfillArn", prefix="rights/")["counts"]
    assert (counts["created"], counts["begun_again"]) == (1, 1)
    assert app.ended(untold).status == SUCCEEDED
    app.s3.put_object(Bucket=bucket, Key="manifests/rights.jsonl", Body=b'"rights/good.pdf"\n"rights/nowhere.pdf"\n')
    manifest = f"s3://{bucket}/manifests/rights.jsonl"
    first = _run(app, "BackfillArn", manifest=manifest, tolerated_failures=5)
    assert first["counts"]["failed"] == 1
    assert _run(app, "BackfillArn", manifest=first["failed"], tolerated_failures=5)["counts"]["failed"] == 1
    assert "manifests/none.jsonl" in _ended(app, "BackfillArn", manifest=f"s3://{bucket}/manifests/none.jsonl")["cause"]


def _upload_untold(app: Application) -> str:
    """A document of which no event tells; and of one that was gone, that it is there again."""
    with app.untold():
        app.upload(BACK_UNTOLD, _content(BACK_UNTOLD))
        return app.upload("rights/untold.pdf", different(sample("invoice-1001"), "untold by rights"))


def _rerun_and_cancel_many(app: Application) -> None:
    scans = {"statuses": ["ignored"], "id_prefix": "rights/scan", "error_text": "looks like a scan"}
    assert _run(app, "BulkRerunArn", filter=scans, reason="again", run_id="rights")["counts"]["done"] == 1
    app.extract_task().make_and_save("rights/not-wanted#1")
    chosen = {"statuses": ["pending"], "id_prefix": "rights/not-wanted"}
    cancelled = _run(app, "BulkCancelArn", filter=chosen, reason="nobody wants it", run_id="rights")
    assert cancelled["counts"]["done"] == 1


def _use_the_widget(app: Application, task_id: str) -> None:
    viewer = f"{app.stack}-widget-viewer"
    overview = Page(_invoke(app, viewer, {}))
    [listing, *_] = [call for call in overview.calls if f"succeeded in {LAST}" in call.label]
    [task] = [call for call in Page(_invoke(app, viewer, listing.values)).calls if call.label == task_id]
    button = Page(_invoke(app, viewer, task.values)).call("Rerun from Extract")
    assert Page(_invoke(app, button.endpoint, button.values)).text.startswith("Done: ")
    wait_for("the rerun", lambda: app.ended(task_id).run == 1)
    actor = f"{app.stack}-widget-actor"
    assert actor in button.endpoint
    app.extract_task().make_and_save("rights/cancelled.pdf#1")
    place = {"step": "Extract", "status": "pending"}  # from that list, which is shown again
    opened = {"view": "task", "task_id": "rights/cancelled.pdf#1", **place}
    cancel = Page(_invoke(app, viewer, opened)).call("Cancel in Extract")
    assert f"{app.stack}-widget-admin" in cancel.endpoint
    typed = {"widgetContext": {"forms": {"all": {"reason": "nobody wants it"}}}}
    assert Page(_invoke(app, cancel.endpoint, {**cancel.values, **typed})).text.startswith("Done: Cancelled. ")
    for endpoint in (button.endpoint, cancel.endpoint):  # who asks for nothing is shown the overview
        assert Page(_invoke(app, endpoint, {})).text.startswith("Not done: ")


def _leave_to_the_sweep(app: Application, task_id: str) -> None:
    app.extract_task().rerun(task_id, reason="and then left to the sweep")
    wait_for("the sweep", lambda: (task := app.task(task_id)).status == SUCCEEDED and task.run == 2)


def _is_asked_for(app: Application, role: str, action: str) -> bool:
    kinds = app.cloud.permission_checks()["kinds"]
    return any(role in each["principal"] and each["action"] == action for each in kinds)


def _run(app: Application, machine: str, **given: Any) -> Any:
    """The output of an execution that has succeeded."""
    found = _ended(app, machine, **given)
    assert found["status"] == "SUCCEEDED", found
    return json.loads(found["output"])


def _ended(app: Application, machine: str, **given: Any) -> Any:
    name = f"rights-{uuid.uuid4()}"
    begun = app.states.start_execution(stateMachineArn=app.outputs[machine], name=name, input=json.dumps(given))

    def look() -> Any:
        found = app.states.describe_execution(executionArn=begun["executionArn"])
        return found if found["status"] != "RUNNING" else None

    return wait_for(f"the end of {machine}", look)


def _invoke(app: Application, function: str, event: dict[str, Any]) -> Any:
    answer = app.cloud.client("lambda").invoke(FunctionName=function, Payload=json.dumps(event).encode())
    assert "FunctionError" not in answer, answer["Payload"].read()
    return json.load(answer["Payload"])


def test_nothing_that_the_application_asks_for_is_refused(rights: Rights) -> None:
    assert rights.refused() == []


def is_explained(right: Right) -> bool:
    return any(fnmatchcase(f"{right.name} {right.action}", each) for each in NEVER_USED)


def test_what_is_granted_and_never_used_is_explained(rights: Rights) -> None:
    unexplained = [str(right) for right in rights.unused() if not is_explained(right)]
    assert not unexplained, "\n".join(unexplained)


def test_what_is_explained_is_not_used_after_all(rights: Rights) -> None:
    unused = set(rights.unused())
    used = [str(right) for right in rights.granted if is_explained(right) and right not in unused]
    assert not used, "\n".join(used)


@pytest.mark.parametrize(
    ("role", "action"),
    [
        ("DocumentIntakeRole", "dynamodb:PutItem"),
        ("DocumentIntakeRole", "states:StartExecution"),
        ("DocumentIntakeRole", "sqs:DeleteMessage"),
        ("ExtractHandlerRole", "s3:GetObject"),
        ("ExtractHandlerRole", "s3:ListBucket"),
        ("AnswerHandlerRole", "dynamodb:UpdateItem"),
        ("WorkflowRole", "lambda:InvokeFunction"),
        ("BackfillRole", "states:StartExecution"),
        ("BackfillReportRole", "s3:ListBucket"),
        ("OperationsSweepRole", "dynamodb:Query"),
        ("OperationsScheduleRightsRole", "lambda:InvokeFunction"),
        ("WidgetViewerRole", "dynamodb:BatchGetItem"),
    ],
)
def test_without_a_right_what_needs_it_would_be_refused(rights: Rights, role: str, action: str) -> None:
    granted = [right for right in rights.granted if (right.name, right.action) == (role, action)]
    assert granted
    for right in granted:
        [why, *_] = rights.missed_without(right)
        assert f"because no identity-based policy allows the {action} action" in why


def test_each_right_that_is_used_is_missed(rights: Rights) -> None:
    """One by one: none of them is granted twice, so that a template test that names one is worth something."""
    unused = set(rights.unused())
    assert len(unused) < len(rights.granted)
    assert all(rights.missed_without(right) for right in rights.granted if right not in unused)


def test_a_refusal_reaches_the_user(app: Application, rights: Rights) -> None:
    """The widget's viewer may not read the index for once, and says so where it lists tasks."""
    listing = {"view": "list", "step": "Extract", "status": "succeeded"}
    [right] = [each for each in rights.granted if (each.name, each.action) == ("WidgetViewerRole", "dynamodb:Query")]
    iam = app.cloud.client("iam")
    role = {"RoleName": right.role.rpartition("/")[2], "PolicyName": "Rights"}
    before = json.dumps(iam.get_role_policy(**role)["PolicyDocument"])
    iam.put_role_policy(**role, PolicyDocument=json.dumps(rights.without(right)))
    try:
        shown = Page(_invoke(app, f"{app.stack}-widget-viewer", listing))
        assert "AccessDeniedException" in shown.text
    finally:
        iam.put_role_policy(**role, PolicyDocument=before)
    assert "AccessDenied" not in Page(_invoke(app, f"{app.stack}-widget-viewer", listing)).text
