"""The widget on the dashboard, and who may look and who may act."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.infra.expected import DEPLOYED, DOCUMENTS, INTAKE, RESULTS, STEP_FUNCTIONS, SWEEP, TABLE
from tests.infra.synthesis import Synthesized, listed
from tests.infra.test_functions import rights
from tests.infra.variants import synthesized

VIEWER, ACTOR, ADMIN = (f"<Widget{role}Function.Arn>" for role in ("Viewer", "Actor", "Admin"))


def named(stage: Synthesized, role: str) -> str:
    name = f"status-tracker-{stage.settings.stack.stage}-widget-{role}"
    return f"arn:<AWS::Partition>:lambda:<AWS::Region>:<AWS::AccountId>:function:{name}"


def test_the_dashboard_shows_it(stage: Synthesized) -> None:
    body = json.loads(stage.properties("AWS::CloudWatch::Dashboard")["DashboardBody"])
    [widget] = [each for each in body["widgets"] if each["type"] == "custom"]
    assert widget["properties"]["endpoint"] == VIEWER
    assert widget["properties"]["title"] == "Tasks"
    assert widget["properties"]["updateOn"] == {"refresh": True, "resize": False, "timeRange": False}
    assert widget["width"] == 24


@pytest.mark.parametrize(
    ("policy", "functions"),
    [
        ("WidgetViewers", {VIEWER}),
        ("WidgetOperators", {VIEWER, ACTOR}),
        ("WidgetAdministrators", {VIEWER, ACTOR, ADMIN}),
    ],
)
def test_who_may_invoke_what(stage: Synthesized, policy: str, functions: set[str]) -> None:
    document = stage.properties("AWS::IAM::ManagedPolicy", policy)["PolicyDocument"]
    [statement] = document["Statement"]
    assert (statement["Effect"], listed(statement["Action"])) == ("Allow", ["lambda:InvokeFunction"])
    assert set(listed(statement["Resource"])) == functions


def test_nobody_else_is_let_in(stage: Synthesized) -> None:
    """No resource policy, no address: only who has the right by IAM can invoke them."""
    assert not stage.of_type("AWS::Lambda::Url")
    allowed = [
        permission["Properties"]["FunctionName"] for permission in stage.of_type("AWS::Lambda::Permission").values()
    ]
    assert not set(allowed) & {VIEWER, ACTOR, ADMIN}
    assert set(stage.of_type("AWS::IAM::ManagedPolicy")) == {
        *("WidgetViewers", "WidgetOperators", "WidgetAdministrators"),
    }


@pytest.mark.parametrize(
    ("role", "handler"),
    [
        ("Viewer", f"{DEPLOYED}.widget.viewer"),
        ("Actor", f"{DEPLOYED}.widget.actor"),
        ("Admin", f"{DEPLOYED}.widget.admin"),
    ],
)
def test_each_knows_all(stage: Synthesized, role: str, handler: str) -> None:
    function: dict[str, Any] = stage.properties("AWS::Lambda::Function", f"Widget{role}")
    variables = function["Environment"]["Variables"]
    assert function["Handler"] == handler
    assert named(stage, role.lower()).endswith(function["FunctionName"])
    assert variables["WIDGET_VIEWER_ARN"] == named(stage, "viewer")
    assert variables["WIDGET_ACTOR_ARN"] == named(stage, "actor")
    assert variables["WIDGET_ADMIN_ARN"] == named(stage, "admin")
    assert "WIDGET_DELETES" not in variables
    assert variables["WORKFLOW_ARN"] == "<WorkflowStateMachine>"
    logged_by = (INTAKE, *STEP_FUNCTIONS.values(), SWEEP)
    assert variables["LOG_GROUPS"] == ",".join(f"<{owner}Logs>" for owner in logged_by)
    assert (function["Timeout"], function["MemorySize"]) == (30, 1024)


def test_tasks_are_deleted_from_it_only_where_the_stack_says_so(stage: Synthesized) -> None:
    told = {"WIDGET_DELETES", "RESULT_BUCKET"}
    deleting = synthesized("deletes")
    assert not told & set(stage.properties("AWS::Lambda::Function", "WidgetAdmin")["Environment"]["Variables"])
    variables = deleting.properties("AWS::Lambda::Function", "WidgetAdmin")["Environment"]["Variables"]
    assert {name: variables.get(name) for name in told} == {
        "WIDGET_DELETES": "yes",
        "RESULT_BUCKET": "<BucketsResults>",
    }
    assert rights(deleting, "WidgetAdmin") - rights(stage, "WidgetAdmin") == {
        ("dynamodb:DeleteItem", TABLE),
        ("s3:GetObject", f"{DOCUMENTS}/*"),
        ("s3:ListBucket", DOCUMENTS),
        ("s3:DeleteObject", f"{DOCUMENTS}/*"),
        ("s3:DeleteObject", f"{RESULTS}/*/*"),
        ("s3:ListBucket", RESULTS),
    }
    assert rights(deleting, "WidgetViewer") == rights(stage, "WidgetViewer")
