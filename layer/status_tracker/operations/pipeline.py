"""`Pipeline`: what operating code takes instead of importing an application."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations, pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from ..core.config import TrackerConfig
    from ..core.task import TrackedTask


class StatusOfStep(NamedTuple):
    """One status of one step, by their names."""

    step: str
    status: str


@dataclass(frozen=True, slots=True)
class PipelineStep:
    """A step of a pipeline.

    Attributes:
        name: what it is called in the workflow, logs, metrics and alarms.
        task_class: its tasks.
    """

    name: str
    task_class: Any

    @property
    def statuses(self) -> dict[str, int]:
        """The codes of the step's statuses by their names, in the order of a task's life."""
        return {status.name: status.value for status in self.task_class.config.status_enum}


class Pipeline:
    """The steps that a task goes through, in their order: what the command, sweep, widget, intake and bulk runs take.

    How a run is started, stopped and known is for the task classes to say: `dispatch`, `recall` and `run_state`.

    Args:
        steps: the task class of each step by its name, in their order. All are of one use case.
        delete_results: deletes what the steps have left of a task, by its id, outside the table; None where that is
            nothing.

    Raises:
        ValueError: there is no step, the steps are of several use cases, or they share codes by which a task's step
            cannot be known.

    Example::

        PIPELINE = Pipeline({"Extract": ExtractTask, "Answer": AnswerTask})
    """

    def __init__(
        self, steps: Mapping[str, type[TrackedTask]], *, delete_results: Callable[[str], None] | None = None
    ) -> None:
        self.steps: Sequence[PipelineStep] = tuple(PipelineStep(name, each) for name, each in steps.items())
        use_cases = sorted({step.task_class.config.use_case_id for step in self.steps})
        if len(use_cases) != 1:
            found = f"the use cases {', '.join(use_cases)}" if use_cases else "no step"
            raise ValueError(f"The pipeline has {found}: give the steps of one use case, in their order.")
        following = set(pairwise(self.steps))
        for before, after in combinations(self.steps, 2):
            _refuse_shared_codes(before, after, adjacent=(before, after) in following)
        self.use_case_id = use_cases[0]
        self.delete_results = delete_results

    def __iter__(self) -> Iterator[PipelineStep]:
        return iter(self.steps)

    @property
    def first(self) -> PipelineStep:
        """The step that a new task begins with."""
        return self.steps[0]

    def step(self, name: str) -> PipelineStep:
        """The step of that name. Raises `KeyError` where there is none."""
        for step in self.steps:
            if step.name == name:
                return step
        raise KeyError(f"There is no step {name!r}; the steps are {', '.join(step.name for step in self.steps)}.")

    def name_of(self, task_class: type[TrackedTask]) -> str:
        """The name of the step whose tasks are of that class. Raises `KeyError` where there is none."""
        for step in self.steps:
            if step.task_class is task_class:
                return step.name
        raise KeyError(f"{task_class.__name__} is no step of this pipeline.")

    def meanings(self, code: int) -> list[StatusOfStep]:
        """What a status code means, step by step: the succeeded of a step may be the pending of the next."""
        return [
            StatusOfStep(step.name, name)
            for step in self.steps
            for name, value in step.statuses.items()
            if value == code
        ]

    def step_at(self, code: int) -> PipelineStep:
        """The step that works next on a task of that status; of a code that no step knows, the first."""
        meanings = self.meanings(code)
        return self.step(meanings[-1].step) if meanings else self.first

    def is_ended(self, code: int) -> bool:
        """Whether nothing works any more on a task of that status, unless somebody asks for it."""
        set_aside = (each for step in self.steps for each in _set_aside(step.task_class.config))
        return code == self.steps[-1].task_class.config.succeeded_status or code in set_aside


def _refuse_shared_codes(before: PipelineStep, after: PipelineStep, *, adjacent: bool) -> None:
    """Raise `ValueError` for a code of both steps, unless it is where a task goes on."""
    passed_on = ("succeeded", "pending") if adjacent else None
    shared = [
        f"{code} is {name} of {before.name} and {other} of {after.name}"
        for name, code in before.statuses.items()
        for other, same in after.statuses.items()
        if code == same and (name, other) != passed_on
    ]
    if shared:
        raise ValueError(
            f"The steps of the pipeline share codes: {'; '.join(shared)}. Only the succeeded of a step may be the "
            "pending of the next: give each step codes of its own."
        )


def _set_aside(config: TrackerConfig) -> tuple[int, int]:
    return config.ignored_status, config.exhausted_status
