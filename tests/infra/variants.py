"""Every template that is looked at: each stage, each choice of settings that changes what is deployed, and a worker."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from aws_cdk import App, Stack, Validations, assertions
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_sns as sns
from cdk_nag import AwsSolutionsChecks

from app import build
from status_tracker_cdk import FunctionCommons, SqsWorker, TaskTable, TrackerLayer, WorkerPace
from status_tracker_cdk.access import allow
from tests.infra.synthesis import STAGES, Synthesized, new_app, prod_settings

ROOT = Path(__file__).parents[2]
TEXTRACT: Mapping[str, Any] = {
    "reader": "textract",
    "textract_usd_per_thousand_pages": 50,
    "alarm_no_progress_minutes": 1200,
    "alarm_oldest_unfinished_minutes": 1200,
}
BEDROCK: Mapping[str, Any] = {"answerer": "bedrock", "bedrock_model_id": "example.model-v1:0"}
PROFILE: Mapping[str, Any] = {
    "answerer": "bedrock",
    "bedrock_model_id": "us.example.model-v1:0",
    "bedrock_model_regions": "us-east-1,us-west-2",
}
KEY = "arn:aws:kms:us-east-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"
SETTINGS: Mapping[str, tuple[str, Mapping[str, Any]]] = {
    **{stage: (stage, {}) for stage in STAGES},
    "email": ("prod", {"alarm_email": "operations@example.com", "step_reserved_concurrency": 5}),
    "textract": ("prod", TEXTRACT),
    "bedrock": ("prod", BEDROCK),
    "both": ("prod", {**TEXTRACT, **BEDROCK}),
    "profile": ("prod", PROFILE),
    "deletes": ("prod", {"widget_deletes": True, "bulk_deletes": True}),
    "key": ("prod", {**TEXTRACT, "document_key_arn": KEY}),
}
"""The stage of each variant of the application, and what is set besides."""
WORKER = "worker"
VARIANTS = (*SETTINGS, WORKER)
PACE = WorkerPace(seconds_per_record=5, timeout_seconds=60, batch_size=8, max_concurrency=4, alarm_age_minutes=45)


@cache
def synthesized(variant: str) -> Synthesized:
    """That one of the `VARIANTS`, with cdk-nag on, as `cdk synth` does it: a finding fails it."""
    if variant == WORKER:
        return _worker_alone()
    stage, settings = SETTINGS[variant]
    return Synthesized.of(build(new_app(stage, **settings)))


def worker(app: App, pace: WorkerPace = PACE) -> Stack:
    """A stack of a table and a worker on a queue."""
    stack = Stack(app, "Example")
    settings = prod_settings()
    table = TaskTable(stack, "Tasks", props=settings.data)
    commons = FunctionCommons(
        name="example",
        code=lambda_.Code.from_asset(str(ROOT / "lambdas")),
        layer=TrackerLayer(stack, "Layer", functions=ROOT / "lambdas"),
        pipeline="example.tasks:PIPELINE",
        use_case_id="example",
        table_name=table.table.table_name,
        retries=settings.retries,
        logs=settings.logs,
    )
    SqsWorker(
        stack,
        "Worker",
        commons=commons,
        table=table,
        handler="notify.handler",
        step="Notify",
        pace=pace,
        alarm_topic=sns.Topic(stack, "Alarms", master_key=kms.Key(stack, "Key", enable_key_rotation=True)),
        environment={"MINE": "1"},
        statements=[allow(["s3:GetObject"], "arn:aws:s3:::example/one")],
    )
    return stack


def _worker_alone() -> Synthesized:
    app = new_app(None)
    Validations.of(app).add_plugins(AwsSolutionsChecks())
    stack = worker(app)
    return Synthesized(stack, prod_settings(), assertions.Template.from_stack(stack).to_json())
