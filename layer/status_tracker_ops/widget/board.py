"""What the widget knows of the application whose tasks it shows."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Self, TypeAlias

import status_tracker as st
from status_tracker_ops.settings import WidgetSettings
from status_tracker_ops.widget.links import Links


@dataclass(frozen=True)
class Place:
    """One status of one step, by their names."""

    step: str
    status: str


@dataclass(frozen=True)
class Step:
    """A tracked step: its name, and the model of its tasks."""

    name: str
    model: type[st.BaseTask]

    @property
    def statuses(self) -> dict[str, int]:
        """The codes of the step's statuses, by their names, in the order of a task's life."""
        return {status.name: status.value for status in self.model.config.status_enum}

    def without_prefix(self, task_id: str) -> str:
        """The task id of what may also be the key of the table's item."""
        return task_id.removeprefix(f"{self.model.config.use_case_id}{self.model.config.sep}")


Steps: TypeAlias = Sequence[Step]


@dataclass(frozen=True)
class Desk:
    """Where operators work.

    Attributes:
        steps: the steps that a task goes through, in their order.
        viewer_arn: the function that shows, and may only read.
        actor_arn: the function that acts; who may invoke it may act.
        links: where more is told of a task.
    """

    steps: Steps
    viewer_arn: str
    actor_arn: str
    links: Links

    @classmethod
    def of(cls, steps: Iterable[tuple[str, type[st.BaseTask]]], settings: WidgetSettings) -> Self:
        """The desk for those steps, by their names."""
        return cls(
            steps=[Step(name, model) for name, model in steps],
            viewer_arn=settings.widget_viewer_arn,
            actor_arn=settings.widget_actor_arn,
            links=Links(settings.workflow_arn, settings.log_groups),
        )

    @property
    def use_case(self) -> str:
        return self.steps[0].model.config.use_case_id

    def step(self, name: str) -> Step:
        [found] = [step for step in self.steps if step.name == name]
        return found

    def places(self, code: int) -> list[Place]:
        """What a status code means, step by step: the succeeded of a step may be the pending of the next."""
        return [Place(step.name, name) for step in self.steps for name, value in step.statuses.items() if value == code]

    def step_of(self, code: int) -> Step:
        """The step that works next on a task of that status; of a code that no step knows, the first."""
        places = self.places(code)
        return self.step(places[-1].step) if places else self.steps[0]
