"""The stack: composes the constructs and says what others need to know of it."""

from __future__ import annotations

from pathlib import Path

from aws_cdk import CfnOutput, DefaultStackSynthesizer, Stack
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from documents.settings import AnswerSettings, ExtractSettings
from infra.documents.buckets import COPIES, COPIES_REASON, DocumentBuckets
from infra.documents.reading import answerer_needs, reader_needs
from infra.documents.settings import Settings
from infra.documents.textract import TextractAnalysis
from infra.status_tracker_cdk.access import acknowledge, allow, objects_finding
from infra.status_tracker_cdk.bulk import Backfill, BulkRerun
from infra.status_tracker_cdk.bulk_machine import BulkCommons, BulkMachine
from infra.status_tracker_cdk.functions import FunctionCommons
from infra.status_tracker_cdk.intake import Intake
from infra.status_tracker_cdk.layer import TrackerLayer
from infra.status_tracker_cdk.monitoring.metrics import Watched
from infra.status_tracker_cdk.monitoring.monitoring import Monitoring
from infra.status_tracker_cdk.sweep import Sweep
from infra.status_tracker_cdk.table import TaskTable
from infra.status_tracker_cdk.widget import Widget
from infra.status_tracker_cdk.workflow import TaskWorkflow, TrackedStep

USE_CASE_ID = "pdf_processing"
_CHECKOUT = Path(__file__).parents[2]


class StatusTrackerStack(Stack):
    """The whole application of one stage, as the stack ``status-tracker-{stage}``.

    Attributes:
        settings: those of the stage.
    """

    def __init__(self, scope: Construct, settings: Settings) -> None:
        name = f"status-tracker-{settings.stack.stage}"
        super().__init__(
            scope,
            name,
            description="status-tracker: documents processed once each, with their status tracked",
            synthesizer=DefaultStackSynthesizer(generate_bootstrap_version_rule=settings.stack.check_bootstrap_version),
            termination_protection=settings.data.retain_data,
        )
        self.settings = settings
        table = TaskTable(self, "Tasks", props=settings.data)
        buckets = DocumentBuckets(self, "Buckets", props=settings.data)
        commons = self._commons(table)
        steps = document_steps(self, settings, commons, table, buckets)
        workflow = TaskWorkflow(self, "Workflow", steps=steps, logs=settings.logs)
        machine = workflow.state_machine
        intake = Intake(
            self,
            "DocumentIntake",
            commons=commons,
            props=settings.intake,
            bucket=buckets.documents,
            table=table,
            state_machine=machine,
        )
        sweep = Sweep(
            self,
            "Operations",
            commons=commons,
            props=settings.sweep,
            bucket=buckets.documents,
            table=table,
            state_machine=machine,
        )
        widget = Widget(
            self,
            "Widget",
            commons=commons,
            table=table,
            state_machine=machine,
            logged_by=[
                intake.function,
                *(each for step in steps for each in step.functions.values()),
                sweep.function,
            ],
        )
        bulk_machines = self._bulk_machines(commons, table, buckets, workflow)
        watched = Watched(
            name=name,
            use_case_id=USE_CASE_ID,
            alarms=settings.alarms,
            sweep_interval_minutes=settings.sweep.sweep_interval_minutes,
            task_table=table,
            intake=intake,
            workflow=workflow,
            sweep=sweep.function,
            bulk_machines=bulk_machines,
            attended_functions={"Widget": widget.viewer, "WidgetActions": widget.actor},
        )
        Monitoring(self, "Monitoring", watched=watched, extra_widgets=[widget.widget])
        outputs = {
            "TaskTableName": table.table.table_name,
            "DocumentBucketName": buckets.documents.bucket_name,
            "ResultBucketName": buckets.results.bucket_name,
            "WorkflowArn": workflow.state_machine.state_machine_arn,
            "IntakeQueueUrl": intake.queue.queue_url,
            "IntakeDeadLetterQueueUrl": intake.dead_letter_queue.queue_url,
            "SweepFunctionName": sweep.function.function_name,
            "DashboardName": name,
            "WidgetViewersPolicyArn": widget.viewers.managed_policy_arn,
            "WidgetOperatorsPolicyArn": widget.operators.managed_policy_arn,
            **{f"{name}Arn": machine.state_machine.state_machine_arn for name, machine in bulk_machines.items()},
        }
        for key, value in outputs.items():
            CfnOutput(self, key, value=value)

    def _commons(self, table: TaskTable) -> FunctionCommons:
        return FunctionCommons(
            code=lambda_.Code.from_asset(str(_CHECKOUT / "lambdas"), exclude=["**/__pycache__", "**/.*_cache"]),
            layer=TrackerLayer(self, "Layer", source=_CHECKOUT / "layer", functions=_CHECKOUT / "lambdas"),
            use_case_id=USE_CASE_ID,
            table_name=table.table.table_name,
            retries=self.settings.retries,
            logs=self.settings.logs,
        )

    def _bulk_machines(
        self, commons: FunctionCommons, table: TaskTable, buckets: DocumentBuckets, workflow: TaskWorkflow
    ) -> dict[str, BulkMachine]:
        bulk_commons = BulkCommons(
            functions=commons,
            props=self.settings.bulk,
            work_memory_mb=self.settings.intake.intake_memory_mb,
            bucket=buckets.documents,
            results=buckets.results,
            table=table,
            workflow=workflow.state_machine,
        )
        return {kind.__name__: kind(self, kind.__name__, commons=bulk_commons) for kind in (Backfill, BulkRerun)}


def document_steps(
    scope: Construct, settings: Settings, commons: FunctionCommons, table: TaskTable, buckets: DocumentBuckets
) -> list[TrackedStep]:
    """The steps that a document goes through, in their order."""
    documents, results = buckets.documents, buckets.results
    every_document, every_result = documents.arn_for_objects("*"), results.arn_for_objects("*")
    reader, answerer = reader_needs(settings.reading, buckets), answerer_needs(settings.answering)
    extract_settings = settings.reading.settings(buckets)
    extract = TrackedStep(
        scope,
        ExtractSettings.STEP,
        commons=commons,
        props=settings.steps,
        handler="extract.handler",
        environment=extract_settings.to_environment(),
        statements=[
            table.allow_items("UpdateItem"),
            allow(["s3:GetObject"], every_document),
            # Without it S3 answers 403, not 404, for an object that is gone; so with the results below.
            allow(["s3:ListBucket"], documents.bucket_arn),
            allow(["s3:PutObject"], every_result),
            *reader.statements,
        ],
        actions_without_resource=reader.actions_without_resource,
        retried_elsewhere=reader.retried_elsewhere,
    )
    acknowledge(extract, objects_finding(documents), "Documents are uploaded under keys of the users' choosing.")
    if settings.reading.has_textract:
        TextractAnalysis(
            scope,
            "Analysis",
            commons=commons,
            props=settings.steps,
            settings=extract_settings,
            table=table,
            buckets=buckets,
            step=extract,
        )
        acknowledge(extract, objects_finding(results, COPIES), COPIES_REASON)
    answer = TrackedStep(
        scope,
        AnswerSettings.STEP,
        commons=commons,
        props=settings.steps,
        handler="answer.handler",
        environment={**settings.answering.settings(buckets).to_environment(), **answerer.environment},
        statements=[
            table.allow_items("UpdateItem"),
            allow(["s3:GetObject", "s3:PutObject"], every_result),
            allow(["s3:ListBucket"], results.bucket_arn),
            *answerer.statements,
        ],
    )
    steps = [extract, answer]
    for step in steps:
        acknowledge(step, objects_finding(results), "Results have a key of their own for every task.")
    return steps
