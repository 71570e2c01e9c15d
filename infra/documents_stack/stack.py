"""The stack: composes the constructs and publishes its outputs."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from aws_cdk import CfnOutput, DefaultStackSynthesizer, Stack
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from documents_stack.buckets import DocumentBuckets
from documents_stack.settings import Settings
from documents_stack.steps import DocumentSteps
from status_tracker_cdk.bulk import Backfill, BulkRerun
from status_tracker_cdk.bulk_machine import BulkCommons, BulkMachine
from status_tracker_cdk.functions import FunctionCommons
from status_tracker_cdk.intake import Intake
from status_tracker_cdk.layer import TrackerLayer
from status_tracker_cdk.monitoring.metrics import Watched
from status_tracker_cdk.monitoring.monitoring import Monitoring
from status_tracker_cdk.sweep import Sweep
from status_tracker_cdk.table import TaskTable
from status_tracker_cdk.widget import Widget
from status_tracker_cdk.workflow import TaskWorkflow

USE_CASE_ID = "pdf_processing"
_CHECKOUT = Path(__file__).parents[2]


class StatusTrackerStack(Stack):
    """The whole application of one stage, as the stack ``status-tracker-{stage}``.

    Attributes:
        settings: those of the stage.
        table, buckets: what is stored.
        commons: what all functions share.
        workflow: the steps of a document.
        intake, sweep: start the execution of a new document, and restart abandoned ones.
        widget: the view of the tasks on the dashboard.
        bulk_machines: the state machines for very many documents, by their names.
        monitoring: the dashboard and the alarms.
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
        self.table = TaskTable(self, "Tasks", props=settings.data)
        self.buckets = DocumentBuckets(self, "Buckets", props=settings.data, encryption=settings.encryption)
        self.commons = self._commons()
        steps = DocumentSteps(
            self, settings=settings, commons=self.commons, table=self.table, buckets=self.buckets
        ).steps
        self.workflow = TaskWorkflow(self, "Workflow", steps=steps, logs=settings.logs)
        self.intake = Intake(
            self,
            "DocumentIntake",
            commons=self.commons,
            props=settings.intake,
            bucket=self.buckets.documents,
            table=self.table,
            state_machine=self.workflow.state_machine,
        )
        self.sweep = Sweep(
            self,
            "Operations",
            commons=self.commons,
            props=settings.sweep,
            bucket=self.buckets.documents,
            table=self.table,
            state_machine=self.workflow.state_machine,
        )
        self.widget = self._widget()
        self.bulk_machines = self._bulk_machines()
        self.monitoring = self._monitoring()
        for name, value in self._outputs().items():
            CfnOutput(self, name, value=value)

    def _commons(self) -> FunctionCommons:
        return FunctionCommons(
            code=lambda_.Code.from_asset(str(_CHECKOUT / "lambdas"), exclude=["**/__pycache__", "**/.*_cache"]),
            layer=TrackerLayer(self, "Layer", source=_CHECKOUT / "layer", functions=_CHECKOUT / "lambdas"),
            use_case_id=USE_CASE_ID,
            table_name=self.table.table.table_name,
            retries=self.settings.retries,
            logs=self.settings.logs,
        )

    def _widget(self) -> Widget:
        of_steps = [function for step in self.workflow.steps for function in step.functions.values()]
        return Widget(
            self,
            "Widget",
            commons=self.commons,
            table=self.table,
            state_machine=self.workflow.state_machine,
            logged_by=[self.intake.function, *of_steps, self.sweep.function],
        )

    def _bulk_machines(self) -> Mapping[str, BulkMachine]:
        commons = BulkCommons(
            functions=self.commons,
            props=self.settings.bulk,
            work_memory_mb=self.settings.intake.intake_memory_mb,
            bucket=self.buckets.documents,
            results=self.buckets.results,
            table=self.table,
            workflow=self.workflow.state_machine,
        )
        return {kind.__name__: kind(self, kind.__name__, commons=commons) for kind in (Backfill, BulkRerun)}

    def _monitoring(self) -> Monitoring:
        watched = Watched(
            name=self.stack_name,
            use_case_id=USE_CASE_ID,
            alarms=self.settings.alarms,
            sweep_interval_minutes=self.settings.sweep.sweep_interval_minutes,
            task_table=self.table,
            intake=self.intake,
            workflow=self.workflow,
            sweep=self.sweep.function,
            bulk_machines=self.bulk_machines,
            attended_functions={"Widget": self.widget.viewer, "WidgetActions": self.widget.actor},
        )
        return Monitoring(self, "Monitoring", watched=watched, extra_widgets=[self.widget.widget])

    def _outputs(self) -> Mapping[str, str]:
        return {
            "TaskTableName": self.table.table.table_name,
            "DocumentBucketName": self.buckets.documents.bucket_name,
            "ResultBucketName": self.buckets.results.bucket_name,
            "WorkflowArn": self.workflow.state_machine.state_machine_arn,
            "IntakeQueueUrl": self.intake.queue.queue_url,
            "IntakeDeadLetterQueueUrl": self.intake.dead_letter_queue.queue_url,
            "SweepFunctionName": self.sweep.function.function_name,
            "DashboardName": self.stack_name,
            "WidgetViewersPolicyArn": self.widget.viewers.managed_policy_arn,
            "WidgetOperatorsPolicyArn": self.widget.operators.managed_policy_arn,
            **{f"{name}Arn": machine.state_machine.state_machine_arn for name, machine in self.bulk_machines.items()},
        }
