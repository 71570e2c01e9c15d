"""The stack as a whole: its outputs, its synthesizer, and cdk-nag."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from aws_cdk import App, Stack, Validations
from aws_cdk import aws_s3 as s3

from app import build
from documents_stack.settings import SettingsError
from tests.infra import expected
from tests.infra.synthesis import CONTEXT, Synthesized, new_app, readable

NO_RESOURCE = "AwsSolutions-IAM5[Resource::*]"
DOCUMENTS = f"AwsSolutions-IAM5[Resource::{expected.DOCUMENTS}/*]"
EXECUTIONS = f"AwsSolutions-IAM5[Resource::{expected.EXECUTIONS}]"


def test_outputs(stage: Synthesized) -> None:
    outputs = {name: output["Value"] for name, output in stage.outputs.items()}
    assert outputs == {
        "TaskTableName": "<TasksTable>",
        "DocumentBucketName": "<BucketsDocuments>",
        "ResultBucketName": "<BucketsResults>",
        "WorkflowArn": "<WorkflowStateMachine>",
        "IntakeQueueUrl": "<DocumentIntakeQueue>",
        "IntakeDeadLetterQueueUrl": "<DocumentIntakeDeadLetterQueue>",
        "BackfillArn": "<BackfillStateMachine>",
        "BulkRerunArn": "<BulkRerunStateMachine>",
        "BulkCancelArn": "<BulkCancelStateMachine>",
        "DashboardName": f"status-tracker-{stage.settings.stack.stage}",
        "SweepFunctionName": "<OperationsSweepFunction>",
        "EventBusName": "<EventsBus>",
        "EventsDeadLetterQueueUrl": "<EventsDeadLetterQueue>",
        "WidgetViewersPolicyArn": "<WidgetViewers>",
        "WidgetOperatorsPolicyArn": "<WidgetOperators>",
        "WidgetAdministratorsPolicyArn": "<WidgetAdministrators>",
    }
    assert stage.stack.stack_name == f"status-tracker-{stage.settings.stack.stage}"


def test_bootstrap_version_is_checked_in_prod_only(local: Synthesized, prod: Synthesized) -> None:
    assert "Rules" not in local.template
    assert "CheckBootstrapVersion" in prod.template["Rules"]


def acknowledgements(stack: Stack) -> Iterator[tuple[str, str, str]]:
    """Where a finding is accepted, which one, and why."""
    key = Validations.ACKNOWLEDGED_RULES_METADATA_KEY
    for construct in stack.node.find_all():
        for entry in construct.node.metadata:
            if entry.type == key:
                for finding, reason in entry.data.items():
                    path = construct.node.path.partition("/")[2]
                    yield path, finding.removeprefix("Annotation::"), reason


def in_folder(folder: str) -> str:
    return f"AwsSolutions-IAM5[Resource::<BucketsResults.Arn>/{folder}*]"


def children_of(stage: Synthesized, machine: str) -> str:
    account = "arn:<AWS::Partition>:states:<AWS::Region>:<AWS::AccountId>"
    name = f"status-tracker-{stage.settings.stack.stage}-{machine}"
    return f"AwsSolutions-IAM5[Resource::{account}:execution:{name}:*]"


def test_findings_of_cdk_nag_are_accepted_here_only_and_for_a_reason(stage: Synthesized) -> None:
    found = list(acknowledgements(stage.stack))
    steps = {(f"{name}/Handler/Role", NO_RESOURCE) for name in expected.STEPS} | {
        (name, f"AwsSolutions-IAM5[Resource::{resource}]")
        for name, step in expected.STEPS.items()
        for _, resource in step.rights
        if "*" in resource
    }
    bulk = {
        *(
            (f"{machine}/{name}Role", NO_RESOURCE)
            for machine in expected.BULK_FOLDERS
            for name in ("", "Plan/", "Work/", "Report/")
        ),
        ("Backfill", DOCUMENTS),
        ("Backfill", in_folder("backfills/")),
        ("Backfill", in_folder("manifests/")),
        ("Backfill/Role", children_of(stage, "backfill")),
        ("BulkRerun", in_folder("reruns/")),
        ("BulkRerun/Role", children_of(stage, "bulk-rerun")),
        ("BulkCancel", in_folder("cancellations/")),
        ("BulkCancel/Role", children_of(stage, "bulk-cancel")),
        ("BulkCancel/Work", EXECUTIONS),
    }
    assert {(path.removeprefix("Default/"), readable(finding)) for path, finding, _ in found} == {
        ("DocumentIntake/Intake/Role", NO_RESOURCE),
        ("Workflow/Role", NO_RESOURCE),
        ("Operations/Sweep/Role", NO_RESOURCE),
        ("Events/Handler/Role", NO_RESOURCE),
        ("Events/DeadLetterQueue", "AwsSolutions-SQS3"),
        ("Operations/Sweep", EXECUTIONS),
        ("Widget/Viewer/Role", NO_RESOURCE),
        ("Widget/Actor/Role", NO_RESOURCE),
        ("Widget/Admin/Role", NO_RESOURCE),
        ("Widget/Admin", EXECUTIONS),
    } | bulk | steps
    assert all(len(reason.split()) >= 5 for _, _, reason in found)


def test_finding_of_cdk_nag_fails_synth() -> None:
    app = new_app("local")
    s3.Bucket(build(app), "OpenToPlainHttp")
    with pytest.raises(RuntimeError, match="AwsSolutions-S10"):
        app.synth()


def test_a_stage_is_chosen_where_none_is_given() -> None:
    """As by `cdk synth`, `cdk diff` and `cdk deploy` alone; `-c stage=` chooses another."""
    assert build(App(context={**CONTEXT, "aws:cdk:bundling-stacks": []})).stack_name == "status-tracker-prod"
    assert build(new_app("local")).stack_name == "status-tracker-local"


def test_the_app_of_cdk_json_needs_nothing_on_the_module_search_path(tmp_path: Path) -> None:
    """In a bare checkout `cdk synth` runs it with the packages of requirements.txt alone."""
    root = Path(__file__).parents[2]
    [command, script] = json.loads((root / "cdk.json").read_text())["app"].split()
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"} | {
        "CDK_CONTEXT_JSON": json.dumps({**CONTEXT, "aws:cdk:bundling-stacks": []}),
        "CDK_OUTDIR": str(tmp_path),
        "JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION": "1",
    }
    assert command == "python"
    subprocess.run([sys.executable, script], cwd=root, env=environment, check=True)  # noqa: S603 - our own script
    assert (tmp_path / "status-tracker-prod.template.json").exists()


def test_no_stage_no_stack() -> None:
    with pytest.raises(SettingsError, match="no stage was given"):
        build(new_app(None))
