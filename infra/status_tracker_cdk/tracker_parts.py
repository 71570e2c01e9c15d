"""What a tracker was given: its choices, its steps, and what works on them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from aws_cdk import aws_s3 as s3
from aws_cdk import aws_sns as sns

from status_tracker_cdk.bulk_machine import BulkProps
from status_tracker_cdk.deletion import Deletion
from status_tracker_cdk.dispatch import Dispatch
from status_tracker_cdk.events import TaskEvents
from status_tracker_cdk.functions import FunctionCommons
from status_tracker_cdk.intake import IntakeProps
from status_tracker_cdk.monitoring.alarm_props import AlarmProps
from status_tracker_cdk.retention import DataProps
from status_tracker_cdk.sweep import SweepProps
from status_tracker_cdk.table import TableRights
from status_tracker_cdk.worker_queue import WorkerQueue
from status_tracker_cdk.workflow import TrackedStep


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
