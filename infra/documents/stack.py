"""The stack: composes the constructs and says what others need to know of it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from aws_cdk import CfnOutput, DefaultStackSynthesizer, Stack
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from infra.documents.buckets import COPIES, COPIES_REASON, DocumentBuckets
from infra.documents.reading import answerer_needs, reader_needs
from infra.documents.reading_settings import TEXTRACT
from infra.documents.settings import Settings
from infra.documents.textract import TextractAnalysis
from infra.status_tracker_cdk.access import acknowledge, allow, objects_finding
from infra.status_tracker_cdk.backfill import Backfill
from infra.status_tracker_cdk.bulk_rerun import BulkRerun
from infra.status_tracker_cdk.functions import FunctionCommons
from infra.status_tracker_cdk.intake import DocumentIntake
from infra.status_tracker_cdk.layer import TrackerLayer
from infra.status_tracker_cdk.monitoring.monitoring import Monitoring
from infra.status_tracker_cdk.sweep import Operations
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
        name = f"status-tracker-{settings.stage}"
        super().__init__(
            scope,
            name,
            description="status-tracker: documents processed once each, with their status tracked",
            synthesizer=DefaultStackSynthesizer(generate_bootstrap_version_rule=settings.check_bootstrap_version),
            termination_protection=settings.retain_data,
        )
        self.settings = settings
        table = TaskTable(self, "Tasks", settings=settings)
        buckets = DocumentBuckets(self, "Buckets", settings=settings)
        commons = self._commons(table)
        steps = document_steps(self, commons, table, buckets)
        workflow = TaskWorkflow(self, "Workflow", steps=steps, settings=settings)
        intake = DocumentIntake(
            self,
            "DocumentIntake",
            commons=commons,
            documents=buckets.documents,
            table=table,
            state_machine=workflow.state_machine,
        )
        operations = Operations(
            self,
            "Operations",
            commons=commons,
            documents=buckets.documents,
            table=table,
            state_machine=workflow.state_machine,
        )
        widget = Widget(
            self,
            "Widget",
            commons=commons,
            table=table,
            state_machine=workflow.state_machine,
            logged_by=[
                intake.function,
                *(each for step in steps for each in step.functions.values()),
                operations.sweep,
            ],
        )
        bulk_machines = self._bulk_machines(commons, table, buckets, workflow)
        self._watch(table, intake, workflow, operations, widget, bulk_machines)
        outputs = {
            "TaskTableName": table.table.table_name,
            "DocumentBucketName": buckets.documents.bucket_name,
            "ResultBucketName": buckets.results.bucket_name,
            "WorkflowArn": workflow.state_machine.state_machine_arn,
            "IntakeQueueUrl": intake.queue.queue_url,
            "IntakeDeadLetterQueueUrl": intake.dead_letter_queue.queue_url,
            "SweepFunctionName": operations.sweep.function_name,
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
            settings=self.settings,
        )

    def _watch(
        self,
        table: TaskTable,
        intake: DocumentIntake,
        workflow: TaskWorkflow,
        operations: Operations,
        widget: Widget,
        bulk_machines: Mapping[str, Backfill | BulkRerun],
    ) -> Monitoring:
        bulk_functions = {
            f"{name}{state}": function
            for name, machine in bulk_machines.items()
            for state, function in machine.functions.items()
        }
        helpers = {name: function for step in workflow.steps for name, function in step.helpers.items()}
        return Monitoring(
            self,
            "Monitoring",
            name=self.stack_name,
            use_case_id=USE_CASE_ID,
            table=table,
            intake=intake,
            workflow=workflow,
            settings=self.settings,
            further_functions={**helpers, "Sweep": operations.sweep},
            attended_functions={"Widget": widget.viewer, "WidgetActions": widget.actor, **bulk_functions},
            bulk_machines={name: machine.state_machine for name, machine in bulk_machines.items()},
            extra_widgets=[widget.widget],
        )

    def _bulk_machines(
        self, commons: FunctionCommons, table: TaskTable, buckets: DocumentBuckets, workflow: TaskWorkflow
    ) -> dict[str, Backfill | BulkRerun]:
        return {
            machine.__name__: machine(
                self,
                machine.__name__,
                commons=commons,
                documents=buckets.documents,
                results=buckets.results,
                table=table,
                workflow=workflow.state_machine,
            )
            for machine in (Backfill, BulkRerun)
        }


def document_steps(
    scope: Construct, commons: FunctionCommons, table: TaskTable, buckets: DocumentBuckets
) -> list[TrackedStep]:
    """The steps that a document goes through, in their order."""
    documents, results = buckets.documents, buckets.results
    every_document, every_result = documents.arn_for_objects("*"), results.arn_for_objects("*")
    reader, answerer = reader_needs(commons.settings, buckets), answerer_needs(commons.settings)
    extract = TrackedStep(
        scope,
        "Extract",
        commons=commons,
        handler="extract.handler",
        environment={
            "DOCUMENT_BUCKET": documents.bucket_name,
            "RESULT_BUCKET": results.bucket_name,
            "MAX_DOCUMENT_BYTES": str(commons.settings.max_document_bytes),
            **reader.environment,
        },
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
    if commons.settings.reader == TEXTRACT:
        TextractAnalysis(scope, "Analysis", commons=commons, table=table, buckets=buckets, step=extract)
        acknowledge(extract, objects_finding(results, COPIES), COPIES_REASON)
    answer = TrackedStep(
        scope,
        "Answer",
        commons=commons,
        handler="answer.handler",
        environment={"RESULT_BUCKET": results.bucket_name, **answerer.environment},
        statements=[
            table.allow_items("UpdateItem"),
            allow(["s3:GetObject", "s3:PutObject"], every_result),
            allow(["s3:ListBucket"], results.bucket_arn),
            *answerer.statements,
        ],
    )
    steps = [extract, answer]
    acknowledge(extract, objects_finding(documents), "Documents are uploaded under keys of the users' choosing.")
    for step in steps:
        acknowledge(step, objects_finding(results), "Results have a key of their own for every task.")
    return steps
