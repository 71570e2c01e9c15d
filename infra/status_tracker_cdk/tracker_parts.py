"""What a tracker consists of, and what of it operates the tasks; made when all steps are known."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import cast

from aws_cdk import CfnOutput, Duration, Stack
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_sns as sns
from constructs import Construct

from status_tracker_cdk.access import acknowledge
from status_tracker_cdk.bulk import Backfill, BulkCancel, BulkDelete, BulkRerun
from status_tracker_cdk.bulk_machine import BulkCommons, BulkMachine, BulkProps
from status_tracker_cdk.deletion import Deletion
from status_tracker_cdk.dispatch import Dispatch
from status_tracker_cdk.events import TaskEvents
from status_tracker_cdk.functions import FunctionCommons
from status_tracker_cdk.intake import Intake, IntakeProps
from status_tracker_cdk.monitoring.alarm_props import AlarmProps
from status_tracker_cdk.monitoring.metrics import WIDGET, Watched
from status_tracker_cdk.monitoring.monitoring import Monitoring
from status_tracker_cdk.retention import DataProps
from status_tracker_cdk.sweep import Sweep, SweepProps
from status_tracker_cdk.table import TableRights
from status_tracker_cdk.widget import Widget
from status_tracker_cdk.worker_queue import WorkerQueue
from status_tracker_cdk.workflow import TaskWorkflow, TrackedStep

_FILES_DAYS = 90


@dataclass(frozen=True, kw_only=True)
class Choices:
    """What a tracker has beside its steps; None is for what it has not."""

    sweep: SweepProps | None
    widget: bool
    deletion: Deletion | None
    alarms: AlarmProps | None
    alarm_topic: sns.ITopic | None
    bulk_rerun: BulkProps | None
    bulk_cancel: BulkProps | None
    bulk_delete: BulkProps | None
    results: s3.IBucket | None
    data: DataProps


@dataclass(frozen=True, kw_only=True)
class Uploads:
    """Whose objects become tasks, and how; see `Tracker.on_upload`."""

    bucket: s3.IBucket
    construct_id: str
    intake: IntakeProps
    backfill: BulkProps | None


@dataclass(kw_only=True)
class Parts:
    """What a tracker was given so far.

    Attributes:
        known_steps: the names of the pipeline's steps, in their order; None where they cannot be read from the code.
        queues: the queue and its worker of a step, by the step's name.
        queue_variables: the environment variable of each queue's URL, likewise.
        beside: the viewers of other trackers, by their use cases.
    """

    commons: FunctionCommons
    table: TableRights
    choices: Choices
    events: TaskEvents | None = None
    known_steps: Sequence[str] | None = None
    steps: dict[str, TrackedStep] = field(default_factory=dict)
    workflow: Sequence[TrackedStep] = ()
    workflow_runs: Dispatch = field(default_factory=Dispatch)
    queues: dict[str, WorkerQueue] = field(default_factory=dict)
    queue_variables: dict[str, str] = field(default_factory=dict)
    uploads: Uploads | None = None
    beside: dict[str, str] = field(default_factory=dict)

    def dispatch_of(self, step: str) -> Dispatch:
        """What starts the runs of one step."""
        if step in self.queues:
            return Dispatch(queues={self.queue_variables[step]: self.queues[step].queue})
        return self.workflow_runs

    @property
    def first_dispatch(self) -> Dispatch:
        """What starts the runs of new tasks."""
        return self.dispatch_of(next(iter(self.steps)))

    @property
    def dispatch(self) -> Dispatch:
        """What starts the runs of any step."""
        return Dispatch.joined(self.dispatch_of(step) for step in self.steps)

    def let_steps_dispatch(self) -> None:
        """Let each step start the run of the next, where the same workflow does not go on with it."""
        for step, following in pairwise(self.steps.values()):
            if following.name in self.queues or step.name in self.queues:
                dispatch = self.dispatch_of(following.name)
                step.handler.allow(*dispatch.allow_starting())
                step.handler.tell(dispatch.environment)

    def problems(self) -> list[str]:
        """What is missing."""
        return [*self.problems_of_first(), *self._problems_of_order(), *self._unused(list(self.steps)[1:])]

    def problems_of_first(self) -> list[str]:
        """What is missing to start the runs of new tasks."""
        if not self.steps:
            return ["the tracker has no step: add one with step(), and give it to workflow() or queue_worker()"]
        return self._unused(list(self.steps)[:1])

    def _unused(self, steps: Sequence[str]) -> list[str]:
        worked_on = {*self.queues, *(step.name for step in self.workflow)}
        return [
            f"step {name!r} is in no workflow and has no queue: give it to workflow() or queue_worker()"
            for name in steps
            if name not in worked_on
        ]

    def _problems_of_order(self) -> Iterator[str]:
        known = self.known_steps
        if self.steps and known is not None and list(self.steps) != list(known):
            yield (
                f"the steps are {', '.join(self.steps)}, and those of {self.commons.pipeline} are {', '.join(known)}: "
                "add each with step(), in this order"
            )


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


def workflow_of(scope: Construct, steps: Sequence[TrackedStep], commons: FunctionCommons) -> TaskWorkflow:
    """The workflow of a tracker."""
    return TaskWorkflow(scope, "Workflow", steps=steps, logs=commons.logs, name=commons.name)
