"""The stack of the documents application: its buckets and steps, around which `Tracker` puts all else."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from aws_cdk import CfnOutput, DefaultStackSynthesizer, Stack
from constructs import Construct

from documents_stack.buckets import DocumentBuckets
from documents_stack.settings import Settings
from documents_stack.steps import DocumentSteps
from status_tracker_cdk import Tracker

USE_CASE_ID = "pdf_processing"
PIPELINE = "documents.tasks:PIPELINE"
_CODE = Path(__file__).parents[2] / "lambdas"


class StatusTrackerStack(Stack):
    """The whole application of one stage, as the stack ``status-tracker-{stage}``.

    Attributes:
        settings: those of the stage.
        buckets: where documents and results are stored.
        tracker: all else.
    """

    def __init__(self, scope: Construct, settings: Settings) -> None:
        super().__init__(
            scope,
            f"status-tracker-{settings.stack.stage}",
            description="status-tracker: documents processed once each, with their status tracked",
            synthesizer=DefaultStackSynthesizer(generate_bootstrap_version_rule=settings.stack.check_bootstrap_version),
            termination_protection=settings.data.retain_data,
        )
        self.settings = settings
        self.buckets = DocumentBuckets(self, "Buckets", props=settings.data, encryption=settings.encryption)
        self.tracker = Tracker(
            self,
            "Default",  # does not count in logical ids
            pipeline=PIPELINE,
            code=_CODE,
            requirements=_CODE / "requirements.txt",
            use_case_id=USE_CASE_ID,
            data=settings.data,
            log_props=settings.logs,
            retries=settings.retries,
            sweep=settings.sweep,
            events=settings.events,
            monitoring=replace(settings.alarms, alarm_runbook=settings.alarms.alarm_runbook or "docs/runbook.md"),
            bulk_rerun=settings.bulk,
            bulk_delete=settings.bulk if settings.deletion.bulk_deletes else None,
            results=self.buckets.results,
            deletion=self.buckets.deletion() if settings.deletion.widget_deletes else None,
        )
        self.tracker.workflow(*DocumentSteps(self.tracker, settings=settings, buckets=self.buckets).steps)
        self.tracker.on_upload(
            self.buckets.documents, intake=settings.intake, backfill=settings.bulk, construct_id="DocumentIntake"
        )
        deleting = [self.tracker.widget] if settings.deletion.widget_deletes else []
        for each in (*deleting, self.tracker.bulk_machines.get("BulkDelete")):
            if each is not None:
                self.buckets.accept_deleting(each)
        CfnOutput(self, "DocumentBucketName", value=self.buckets.documents.bucket_name)
        CfnOutput(self, "ResultBucketName", value=self.buckets.results.bucket_name)
