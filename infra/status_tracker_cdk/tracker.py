"""Everything that an application with tracked tasks needs on AWS, around its own steps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

from aws_cdk import Duration
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_events as events_
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sqs as sqs
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from status_tracker_cdk.bulk_machine import BulkMachine, BulkProps
from status_tracker_cdk.code import CodeFolder
from status_tracker_cdk.deletion import Deletion
from status_tracker_cdk.dispatch import Dispatch
from status_tracker_cdk.events import EventsProps, TaskEvents
from status_tracker_cdk.functions import FunctionCommons
from status_tracker_cdk.intake import Intake, IntakeProps, send_events
from status_tracker_cdk.layer import TrackerLayer
from status_tracker_cdk.monitoring.alarm_props import AlarmProps
from status_tracker_cdk.monitoring.monitoring import Monitoring
from status_tracker_cdk.naming import name_of
from status_tracker_cdk.operations import Completion, Operations
from status_tracker_cdk.props import PropsError
from status_tracker_cdk.retention import DataProps, LogProps
from status_tracker_cdk.retries import RetryProps
from status_tracker_cdk.sweep import Sweep, SweepProps
from status_tracker_cdk.table import ExistingTable, TableRights, TaskTable
from status_tracker_cdk.tracker_checks import (
    chosen,
    chosen_events,
    problems_of_beside,
    problems_of_deletion,
    problems_of_events,
    problems_of_layer,
    problems_of_props,
    problems_of_queue,
    problems_of_resource,
    problems_of_step,
    problems_of_tracker,
    problems_of_workflow,
    refuse,
    step_props,
    take_or_refuse,
    use_case_of,
)
from status_tracker_cdk.tracker_parts import Choices, Parts, Uploads
from status_tracker_cdk.widget import Widget, viewer_arn
from status_tracker_cdk.worker_pace import WorkerPace
from status_tracker_cdk.worker_queue import WorkerQueue
from status_tracker_cdk.workflow import TaskWorkflow, TrackedStep


class Tracker(Construct):
    """Table and index, layer, steps in a workflow or on queues, sweep, widget, dashboard, alarms, and bulk actions.

    What is optional is switched off with ``False``, set with the props of its construct, or replaced by a resource of
    your own. The defaults are for production: data outlives the stack, and the table is protected from deletion.

    All physical names, and the ``service`` of metrics and logs, begin with the stack's name and, unless it is
    ``Default``, the id of this construct: trackers and stacks in one account do not meet.

    Args:
        pipeline: the `Pipeline` of your tasks, as ``module:NAME`` in `code`.
        code: the folder with the code of your functions, relative to that of ``cdk.json``.
        use_case_id: the use case of its tasks in the table; by default the construct's id. Trackers that share a table
            have one each.
        table: a table of your own, with the key and the index of a `TaskTable`, or another tracker's; by default a new
            one.
        stream: whether changes of a new table are streamed for readers of your own; events stream them, too.
        events: events on a bus, and exact counts; by default where the table is new or has a stream, unless that has
            two readers already.
        event_bus: the bus for the events; by default a new one.
        data: whether data outlives the stack; by default it does.
        log_props: what is logged, and how long logs are kept; by default a year.
        retries: how often a task is tried, and how soon again.
        layer: a layer of your own, or another tracker's with the same code; by default a new one, made from the
            installed packages.
        requirements: a ``requirements.txt`` of your own, all of which is in the new layer.
        sweep: restarts what nothing works on any more, and counts.
        widget: shows the tasks on the dashboard, and acts on them.
        deletion: lets administrators delete tasks on the widget, and `bulk_delete` do so; by default nobody can.
        monitoring: the dashboard, the alarms and the saved queries.
        alarm_topic: where alarms are sent; by default a new topic.
        bulk_rerun: the state machine that reruns every task that a filter admits.
        bulk_cancel: the one that cancels them; by default as `bulk_rerun`.
        bulk_delete: the one that deletes them, with the rights of `deletion`; by default there is none.
        results: the bucket for the files of bulk machines; by default a new one, which keeps them for 90 days. Like a
            table, import one that has a KMS key of its own with that key.

    Attributes:
        name: what physical names begin with; the ``service`` of metrics and logs. It is the stack's with the ids below,
            and no two trackers of an app in the same account and region have the same.
        table: the task table, and the rights to it.
        layer: the layer with the library and what it needs.
        events: what tells of changes, and lets rules start something; None where it is off.

    Raises:
        PropsError: something cannot be used as given; lists everything that is wrong. What can only be known when all
            steps are there fails the synthesis.

    Example::

        tracker = Tracker(self, "Orders", pipeline="orders.tasks:PIPELINE", code="src")
        invoice = tracker.step("Invoice", handler="invoice.handler", timeout=Duration.minutes(2))
        mail = tracker.step("Mail", handler="mail.handler")
        tracker.workflow(invoice)
        tracker.queue_worker(mail)
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        pipeline: str,
        code: str | Path,
        use_case_id: str | None = None,
        table: TableRights | dynamodb.ITable | None = None,
        stream: bool = False,
        events: EventsProps | bool | None = None,
        event_bus: events_.IEventBus | None = None,
        data: DataProps | None = None,
        log_props: LogProps | None = None,
        retries: RetryProps | None = None,
        layer: lambda_.ILayerVersion | None = None,
        requirements: str | Path | None = None,
        sweep: SweepProps | bool | None = True,
        widget: bool = True,
        deletion: Deletion | None = None,
        monitoring: AlarmProps | bool | None = True,
        alarm_topic: sns.ITopic | None = None,
        bulk_rerun: BulkProps | bool | None = True,
        bulk_cancel: BulkProps | bool | None = None,
        bulk_delete: BulkProps | bool | None = False,
        results: s3.IBucket | None = None,
    ) -> None:
        super().__init__(scope, construct_id)
        self.name, folder = name_of(self), CodeFolder(code)
        use_case = use_case_of(construct_id, use_case_id)
        refuse(
            [
                *problems_of_tracker(self.name, folder, pipeline, use_case, stream=stream, table=table),
                *problems_of_props(
                    data=(data, DataProps), log_props=(log_props, LogProps), retries=(retries, RetryProps)
                ),
                *problems_of_layer(layer, folder),
                *problems_of_resource("layer", layer, "layer_version_arn", "a lambda_.ILayerVersion"),
                *problems_of_resource("alarm_topic", alarm_topic, "topic_arn", "an sns.ITopic"),
                *problems_of_resource("results", results, "bucket_arn", "an s3.IBucket"),
                *problems_of_resource("event_bus", event_bus, "event_bus_arn", "an events.IEventBus"),
                *problems_of_events(events, event_bus),
                *problems_of_deletion(deletion, widget=widget, bulk=bool(bulk_delete)),
            ]
        )
        take_or_refuse(self, self.name, "the tracker")
        data = data or DataProps()
        choices = Choices(
            sweep=chosen("sweep", sweep, SweepProps),
            widget=widget,
            deletion=deletion,
            alarms=chosen("monitoring", monitoring, AlarmProps),
            alarm_topic=alarm_topic,
            bulk_rerun=chosen("bulk_rerun", bulk_rerun, BulkProps),
            bulk_cancel=chosen("bulk_cancel", bulk_rerun if bulk_cancel is None else bulk_cancel, BulkProps),
            bulk_delete=chosen("bulk_delete", bulk_delete, BulkProps),
            results=results,
            data=data,
        )
        self._code = folder
        given = _rights_to(table)
        events_props = chosen_events(self, events, event_bus, given)
        streams = stream or events_props is not None
        self.table = given or TaskTable(self, "Tasks", props=data, stream=streams)
        self.table.claim(use_case)
        self.layer = layer or TrackerLayer(self, "Layer", functions=folder.path, requirements=requirements)
        self.commons = FunctionCommons(
            name=self.name,
            code=folder.asset,
            layer=self.layer,
            pipeline=pipeline,
            use_case_id=use_case,
            table_name=self.table.table.table_name,
            retries=retries or RetryProps(),
            logs=log_props or LogProps(retain_data=data.retain_data),
            counts=events_props is not None and events_props.events_counts,
        )
        self.events = (
            None
            if events_props is None
            else TaskEvents(self, "Events", commons=self.commons, table=self.table, bus=event_bus, props=events_props)
        )
        self._parts = Parts(
            commons=self.commons,
            table=self.table,
            choices=choices,
            events=self.events,
            known_steps=folder.steps_of(*pipeline.split(":")),
        )
        self._completion = Completion(self, self._parts)

    def step(
        self,
        name: str,
        *,
        handler: str,
        timeout: Duration | None = None,
        memory_mb: int | None = None,
        reserved_concurrency: int | None = None,
        allow: Sequence[iam.PolicyStatement] = (),
        environment: Mapping[str, str] = MappingProxyType({}),
        actions_without_resource: Sequence[str] = (),
        retried_elsewhere: Sequence[str] = (),
    ) -> TrackedStep:
        """Add a step; steps are added in their order in the pipeline. Give it to `workflow` or `queue_worker` then.

        Its function may read and update tasks, and start the run of the next step where no workflow does.

        Args:
            name: the step's name in the pipeline.
            handler: ``module.name`` in the code; what `step_handler` or `queue_handler` of `status_tracker_ops.steps`
                has made.
            timeout: of one invocation, 5 minutes by default, 15 at most; the lease of an attempt is as long.
            memory_mb: memory of its function, 1,769 by default, which is one full CPU.
            reserved_concurrency: invocations of its function at the same time; by default without a limit.
            allow, environment, actions_without_resource: further rights and variables of its function. Rights can also
                be granted to its ``role``, as with ``bucket.grant_read(step.role)``.
            retried_elsewhere: errors after which trying again begins in another state, see `TrackedStep.begin_with`.

        Raises:
            PropsError: there is such a step already, the pipeline has none of that name, the handler is not there, or
                a number is out of its range.
        """
        self._completion.refuse_more("step()")
        refuse(problems_of_step(name, handler, self._parts, self._code))
        step = TrackedStep(
            self,
            name,
            commons=self.commons,
            props=step_props(name, timeout, memory_mb, reserved_concurrency),
            handler=handler,
            environment=environment,
            statements=[self.table.allow_items("GetItem", "UpdateItem"), *self.table.allow_key(), *allow],
            actions_without_resource=actions_without_resource,
            retried_elsewhere=retried_elsewhere,
        )
        self._parts.steps[name] = step
        return step

    def workflow(self, *steps: TrackedStep, state_machine: sfn.IStateMachine | None = None) -> sfn.IStateMachine:
        """Work on these steps, in this order, in one execution of Step Functions for each run of a task.

        Args:
            state_machine: one of your own, which invokes the steps' functions with ``{"task_id": …, "run": …}``; by
                default a new one.

        Raises:
            PropsError: there is a workflow already, a step is not one of this tracker that is still free, or the steps
                do not follow each other.
        """
        self._completion.refuse_more("workflow()")
        refuse(
            [
                *problems_of_workflow(steps, self._parts),
                *problems_of_resource("state_machine", state_machine, "state_machine_arn", "an sfn.IStateMachine"),
            ]
        )
        machine = state_machine
        if machine is None:
            machine = TaskWorkflow(self, "Workflow", steps=steps, logs=self.commons.logs, name=self.name).state_machine
        self._parts.workflow, self._parts.workflow_runs = steps, Dispatch(state_machine=machine)
        return machine

    def queue_worker(
        self,
        step: TrackedStep,
        *,
        batch_size: int = 1,
        max_concurrency: int = 10,
        queue_variable: str = "QUEUE_URL",
        alarm_age_minutes: int | None = None,
    ) -> WorkerQueue:
        """Work on a step from a queue, with a message for each run of a task.

        Args:
            batch_size: messages handed to one invocation, which share the step's timeout evenly; from 1 to 10.
            max_concurrency: functions that run at the same time, at most; from 2 to 1,000, and no more than the step
                reserves.
            queue_variable: the environment variable with the queue's URL, as the step's task class names it, such as
                ``MAIL_QUEUE_URL``; each queue has one of its own.
            alarm_age_minutes: how old a message may become; by default an hour, or what a redelivery takes if longer.

        Raises:
            PropsError: the step is not one of this tracker that is still free or reserves less than `max_concurrency`,
                the variable is another queue's or not one for a queue, or the messages of a batch do not fit into the
                step's timeout; see `WorkerPace`.
        """
        self._completion.refuse_more("queue_worker()")
        refuse(problems_of_queue(step, queue_variable, max_concurrency, self._parts))
        pace = WorkerPace.within(
            step.props.step_timeout_seconds,
            memory_mb=step.props.step_memory_mb,
            batch_size=batch_size,
            max_concurrency=max_concurrency,
            alarm_age_minutes=alarm_age_minutes,
        )
        take_or_refuse(step, f"{self.name}-{step.name}", f"what is about the queue of step {step.name!r}")
        worker = WorkerQueue(step, commons=self.commons, handler=step.handler, step=step.name, pace=pace)
        self._parts.queues[step.name], self._parts.queue_variables[step.name] = worker, queue_variable
        return worker

    def on_upload(
        self,
        bucket: s3.IBucket,
        *,
        intake: IntakeProps | None = None,
        backfill: BulkProps | bool | None = True,
        construct_id: str = "Intake",
    ) -> None:
        """Make a task of every new object in `bucket`; the sweep makes those that were missed.

        Args:
            bucket: one of this app, or one that sends its events to EventBridge already.
            intake: how fast objects are taken in.
            backfill: the state machine that makes tasks of objects that were there before.
            construct_id: the id of the construct.

        Raises:
            PropsError: it was called before.
        """
        self._completion.refuse_more("on_upload()")
        again = ["on_upload() was called twice: a tracker has one bucket"] if self._parts.uploads else []
        refuse([*again, *problems_of_resource("bucket", bucket, "bucket_arn", "an s3.IBucket")])
        send_events(bucket)
        self._parts.uploads = Uploads(
            bucket=bucket,
            construct_id=construct_id,
            intake=intake or IntakeProps(),
            backfill=chosen("backfill", backfill, BulkProps),
        )

    def on_event(
        self,
        *kinds: str,
        targets: Sequence[events_.IRuleTarget],
        step: str | None = None,
        construct_id: str | None = None,
    ) -> events_.Rule:
        """Start something by an event of this tracker's tasks, see `TaskEvents.on`.

        Raises:
            PropsError: there is no event of that kind, no step of that name, such a rule already, or the tracker has
                no events.
        """
        if self.events is None:
            raise PropsError(["on_event() needs events: switch them on, with a table that has a stream"])
        known = self._parts.known_steps
        if step is not None and known is not None and step not in known:
            raise PropsError([f"there is no step {step!r}: choose of {', '.join(known)}"])
        return self.events.on(*kinds, targets=targets, step=step, construct_id=construct_id)

    def queue(self, step: TrackedStep | str) -> sqs.Queue:
        """The queue that the step is worked on from. Raises `KeyError` where it has none."""
        return self._parts.queues[step if isinstance(step, str) else step.name].queue

    @property
    def state_machine(self) -> sfn.IStateMachine | None:
        """The state machine of the workflow; None where there is none yet."""
        return self._parts.workflow_runs.state_machine

    @property
    def environment(self) -> Mapping[str, str]:
        """The variables that a function of your own needs to use the pipeline, with the steps that it has so far."""
        return {**self.commons.environment, **self._parts.dispatch.environment}

    def grant_submit(self, grantee: iam.IGrantable) -> None:
        """Let `grantee` create tasks of the first step and start their runs; call it when that step is worked on.

        Raises:
            PropsError: the first step has no workflow and no queue yet.
        """
        refuse(self._parts.problems_of_first())
        creating = [self.table.allow_items("GetItem", "PutItem"), *self.table.allow_key()]
        submitting = [*creating, *self._parts.first_dispatch.allow_starting()]
        for statement in submitting:
            grantee.grant_principal.add_to_principal_policy(statement)

    def beside(self, *others: Tracker) -> None:
        """Let the widgets of these trackers lead to each other's overview: several use cases at one place.

        Whoever follows such a link needs the policy to look of that tracker, too.

        Raises:
            PropsError: a widget is there already, or off, or two trackers have the same use case.
        """
        trackers = tuple(dict.fromkeys((self, *others)))
        for each in trackers:
            each._completion.refuse_more("beside()")
        refuse(problems_of_beside([each._parts for each in trackers]))
        for each in trackers:
            each._parts.beside |= {
                other.commons.use_case_id: viewer_arn(other, other.name) for other in trackers if other is not each
            }

    @property
    def intake(self) -> Intake | None:
        """What takes new objects in; None without `on_upload`. Like all below, ask for it when all steps are there."""
        return self.complete().intake

    @property
    def sweep(self) -> Sweep | None:
        """The sweep; None where it is off."""
        return self.complete().sweep

    @property
    def widget(self) -> Widget | None:
        """The widget with its policies; None where it is off."""
        return self.complete().widget

    @property
    def bulk_machines(self) -> Mapping[str, BulkMachine]:
        """The state machines for very many tasks, by their names: ``Backfill``, ``BulkRerun`` and so on."""
        return self.complete().bulk_machines

    @property
    def monitoring(self) -> Monitoring | None:
        """The dashboard and the alarms with their topic; None where it is off."""
        return self.complete().monitoring

    def complete(self) -> Operations:
        """Make what operates the steps: no more can be added. This happens by itself when the app is synthesized.

        Raises:
            PropsError: a step is in no workflow and has no queue, there is none, or they are not those of the pipeline
                in its order.
        """
        return self._completion.operations()


def _rights_to(table: TableRights | dynamodb.ITable | None) -> TableRights | None:
    return table if table is None or isinstance(table, TableRights) else ExistingTable(table)
