"""What operates the tasks of a tracker; made once, when all its steps are known."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

import jsii
from aws_cdk import Aspects, CfnOutput, Duration, IAspect, Stack
from aws_cdk import aws_s3 as s3
from constructs import Construct, IConstruct, IValidation

from status_tracker_cdk.access import acknowledge
from status_tracker_cdk.bulk import Backfill, BulkCancel, BulkDelete, BulkRerun
from status_tracker_cdk.bulk_machine import BulkCommons, BulkMachine
from status_tracker_cdk.intake import Intake, IntakeProps, send_events
from status_tracker_cdk.monitoring.alarm_props import AlarmProps
from status_tracker_cdk.monitoring.metrics import WIDGET, Watched
from status_tracker_cdk.monitoring.monitoring import Monitoring
from status_tracker_cdk.props import PropsError
from status_tracker_cdk.sweep import Sweep
from status_tracker_cdk.tracker_checks import refuse
from status_tracker_cdk.tracker_parts import Parts
from status_tracker_cdk.widget import Widget

_FILES_DAYS = 90


class Operations:
    """The constructs that operate the tasks of a tracker, put into `scope`.

    Attributes:
        intake, sweep, widget, monitoring: None where the tracker has none.
        bulk_machines: the state machines for very many tasks, by their names.
    """

    def __init__(self, scope: Construct, parts: Parts) -> None:
        self._scope, self._parts = scope, parts
        parts.let_steps_dispatch()
        self.intake = self._intake()
        self.sweep = self._sweep()
        self.widget = self._widget() if parts.choices.widget else None
        self.bulk_machines = self._bulk_machines()
        self.monitoring = None if parts.choices.alarms is None else self._monitoring(parts.choices.alarms)
        outputs = Construct(scope, "Outputs")
        for name, value in self._outputs().items():
            output = CfnOutput(outputs, name, value=value)
            output.override_logical_id(f"{self._label()}{name}")

    def _intake(self) -> Intake | None:
        parts, uploads = self._parts, self._parts.uploads
        if uploads is None:
            return None
        return Intake(
            self._scope,
            uploads.construct_id,
            commons=parts.commons,
            props=uploads.intake,
            bucket=uploads.bucket,
            table=parts.table,
            dispatch=parts.first_dispatch,
        )

    def _sweep(self) -> Sweep | None:
        parts = self._parts
        if parts.choices.sweep is None:
            return None
        return Sweep(
            self._scope,
            "Operations",
            commons=parts.commons,
            props=parts.choices.sweep,
            bucket=None if parts.uploads is None else parts.uploads.bucket,
            table=parts.table,
            dispatch=parts.dispatch,
        )

    def _widget(self) -> Widget:
        parts = self._parts
        steps = [function for step in parts.steps.values() for function in step.functions.values()]
        operating = [None if each is None else each.function for each in (self.intake, self.sweep)]
        return Widget(
            self._scope,
            "Widget",
            commons=parts.commons,
            table=parts.table,
            dispatch=parts.dispatch,
            logged_by=[each for each in (operating[0], *steps, operating[1]) if each is not None],
            deletion=parts.choices.deletion,
            beside=parts.beside,
        )

    def _bulk_machines(self) -> Mapping[str, BulkMachine]:
        parts, choices, uploads = self._parts, self._parts.choices, self._parts.uploads
        backfill = None if uploads is None else uploads.backfill
        chosen = [
            (Backfill, backfill, parts.first_dispatch),
            (BulkRerun, choices.bulk_rerun, parts.dispatch),
            (BulkCancel, choices.bulk_cancel, parts.dispatch),
            (BulkDelete, choices.bulk_delete, parts.dispatch),
        ]
        if not any(props for _, props, _ in chosen):
            return {}
        results = choices.results or self._files()
        return {
            kind.__name__: kind(
                self._scope,
                kind.__name__,
                commons=BulkCommons(
                    functions=parts.commons,
                    props=props,
                    work_memory_mb=(IntakeProps() if uploads is None else uploads.intake).intake_memory_mb,
                    bucket=None if uploads is None else uploads.bucket,
                    results=results,
                    table=parts.table,
                    dispatch=dispatch,
                    deletion=choices.deletion,
                ),
            )
            for kind, props, dispatch in chosen
            if props is not None
        }

    def _files(self) -> s3.Bucket:
        bucket = s3.Bucket(
            self._scope,
            "Files",
            encryption=s3.BucketEncryption.S3_MANAGED,
            block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
            object_ownership=s3.ObjectOwnership.BUCKET_OWNER_ENFORCED,
            enforce_ssl=True,
            minimum_tls_version=1.2,
            removal_policy=self._parts.choices.data.removal_policy,
            lifecycle_rules=[
                s3.LifecycleRule(
                    expiration=Duration.days(_FILES_DAYS), abort_incomplete_multipart_upload_after=Duration.days(7)
                )
            ],
        )
        acknowledge(bucket, "S1", "It has the machines' own files only, and each execution's history names them.")
        return bucket

    def _monitoring(self, alarms: AlarmProps) -> Monitoring:
        parts, widget = self._parts, self.widget
        attended = {}
        if widget is not None:
            attended = {WIDGET: widget.viewer, "WidgetActions": widget.actor, "WidgetAdministration": widget.admin}
        watched = Watched(
            name=parts.commons.name,
            alarms=alarms,
            task_table=parts.table,
            tracked_steps=list(parts.steps.values()),
            state_machine=parts.workflow_runs.state_machine,
            workers=parts.queues,
            intake=self.intake,
            sweep=self.sweep,
            bulk_machines=self.bulk_machines,
            events=parts.events,
            attended_functions=attended,
        )
        return Monitoring(
            self._scope,
            "Monitoring",
            watched=watched,
            extra_widgets=[] if widget is None else [widget.widget],
            topic=parts.choices.alarm_topic,
        )

    def _label(self) -> str:
        """What the tracker's id adds to the names of outputs; nothing for ``Default``."""
        own = self._parts.commons.name.removeprefix(Stack.of(self._scope).stack_name)
        return "".join(character for character in own if character.isalnum())

    def _outputs(self) -> Mapping[str, str]:
        parts = self._parts
        found = {
            "TaskTableName": parts.table.table.table_name,
            "WorkflowArn": parts.dispatch.workflow_arn,
            **{f"{name}QueueUrl": worker.queue.queue_url for name, worker in parts.queues.items()},
            **{f"{name}DeadLetterQueueUrl": each.dead_letter_queue.queue_url for name, each in parts.queues.items()},
            "IntakeQueueUrl": self.intake and self.intake.queue.queue_url,
            "IntakeDeadLetterQueueUrl": self.intake and self.intake.dead_letter_queue.queue_url,
            "SweepFunctionName": self.sweep and self.sweep.function.function_name,
            "EventBusName": parts.events and parts.events.bus.event_bus_name,
            "EventsDeadLetterQueueUrl": parts.events and parts.events.dead_letter_queue.queue_url,
            "DashboardName": self.monitoring and parts.commons.name,
            "WidgetViewersPolicyArn": self.widget and self.widget.viewers.managed_policy_arn,
            "WidgetOperatorsPolicyArn": self.widget and self.widget.operators.managed_policy_arn,
            "WidgetAdministratorsPolicyArn": self.widget and self.widget.administrators.managed_policy_arn,
            **{f"{name}Arn": machine.state_machine.state_machine_arn for name, machine in self.bulk_machines.items()},
        }
        return {name: cast("str", value) for name, value in found.items() if value is not None}


@jsii.implements(IAspect, IValidation)
class Completion:
    """Makes the operations of `tracker` when somebody asks for them, at the latest when its app is synthesized."""

    def __init__(self, tracker: Construct, parts: Parts) -> None:
        self._tracker, self._parts = tracker, parts
        self._operations: Operations | None = None
        tracker.node.add_validation(self)
        Aspects.of(tracker).add(self)

    def operations(self) -> Operations:
        """The operations. Raises `PropsError` for what is missing in the parts."""
        refuse(self._parts.problems())
        if self._operations is None:
            self._operations = Operations(self._tracker, self._parts)
        return self._operations

    def refuse_more(self, what: str) -> None:
        """Raise `PropsError` for `what` is called when the operations are made: they would not know of it."""
        if self._operations is not None:
            raise PropsError([f"{what} comes too late: call it before sweep, widget and the like are asked for"])

    def validate(self) -> list[str]:
        return self._parts.problems()

    def visit(self, node: IConstruct) -> None:
        if node is self._tracker and not self._parts.problems():
            self.operations()
            if self._parts.uploads is not None:
                send_events(self._parts.uploads.bucket)
