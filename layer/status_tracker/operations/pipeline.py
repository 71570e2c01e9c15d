"""`Pipeline`: what operating code takes instead of importing an application."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations, pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

from .pausing import Pause, Pauses

if TYPE_CHECKING:
    from datetime import datetime

    from ..core.config import TrackerConfig
    from ..core.port import KeptCounts, PauseBoard
    from ..core.task import TrackedTask
    from .samples import Verification


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

    @property
    def unfinished(self) -> tuple[int, ...]:
        """The codes of the tasks that the step has still to do with."""
        config = self.task_class.config
        return tuple(dict.fromkeys((config.pending_status, config.in_progress_status, config.failed_status)))

    @property
    def ends(self) -> tuple[int, ...]:
        """The codes that the step ends with."""
        config = self.task_class.config
        return tuple(dict.fromkeys((config.succeeded_status, config.ignored_status, config.exhausted_status)))


class Pipeline:
    """The steps that a task goes through, in their order: what the command, sweep, widget, intake and bulk runs take.

    How a run is started, stopped and known is for the task classes to say: `dispatch`, `recall` and `run_state`.

    Args:
        steps: the task class of each step by its name, in their order. All are of one use case.
        delete_results: deletes what the steps have left of a task, by its id, outside the table; None where that is
            nothing.
        verification: makes the samples with which ``status-tracker verify`` proves a deployed pipeline; None for none.

    Raises:
        ValueError: there is no step, the steps are of several use cases, or they share codes by which a task's step
            cannot be known.

    Example::

        PIPELINE = Pipeline({"Extract": ExtractTask, "Answer": AnswerTask})
    """

    def __init__(
        self,
        steps: Mapping[str, type[TrackedTask]],
        *,
        delete_results: Callable[[str], None] | None = None,
        verification: Callable[[], Verification] | None = None,
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
        self.verification = verification
        self._pauses = Pauses(self.use_case_id, self._pause_board, self._now)

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

    def _pause_board(self) -> PauseBoard:
        board: PauseBoard = self.first.task_class.pause_board()
        return board

    def _now(self) -> datetime:
        now: datetime = self.first.task_class.config.now()
        return now

    def pause(
        self, step: str | None = None, *, reason: str, by: str | None = None, until: datetime | None = None
    ) -> Pause:
        """Have no more work begun on the step, or on any (R20). What is under way goes on to its end.

        Whatever begins work for this pipeline asks, at most every few seconds: the workers of queues and workflows that
        are given the pipeline, intake, the deployed sweep, and workers that call `check_not_paused`. A bare `start` and
        the command do not.

        Args:
            step: its name; None for all steps.
            reason, by: why, and who asks for it; those that wait are told, and it is recorded.
            until: when it goes on by itself; timezone-aware. None for when somebody resumes it.

        Raises:
            KeyError: there is no such step.
            ValueError: the reason is empty, or `until` is past or has no time zone.
            TypeError: the backend of the tasks has no place for pauses.
        """
        if step is not None:
            self.step(step)
        return self._pauses.pause(step, reason=reason, by=by, until=until)

    def resume(
        self,
        step: str | None = None,
        *,
        by: str | None = None,
        reason: str | None = None,
        check: Callable[[Sequence[Pause]], None] = lambda _: None,
    ) -> bool:
        """End the pause of the step; without one, every pause. Returns whether there was one.

        A workflow that waits goes on within its longest wait between two tries; what intake has registered meanwhile
        is started by the next sweep.

        Args:
            check: gets the pauses that would end, and raises if they are not to. What it raises is raised.

        Raises:
            KeyError: there is no such step.
        """
        if step is not None:
            self.step(step)
        return self._pauses.resume(step, by=by, reason=reason, check=check)

    def pauses(self) -> list[Pause]:
        """The pauses in force, as the backend has them now."""
        return list(self._pauses.read().values())

    def paused(self, step: str) -> Pause | None:
        """What keeps the step from work, if anything does; the backend is asked at most every few seconds a process.

        Raises:
            KeyError: there is no such step.
        """
        return self._pauses.of(self.step(step).name)

    def check_not_paused(self, step: str, task_id: str | None = None) -> None:
        """Call this before work on the step is begun.

        Raises:
            TaskPausedError: the step, or the whole pipeline, is paused.
            KeyError: there is no such step.
        """
        self._pauses.check(self.step(step).name, task_id)

    def kept_counts(self) -> KeptCounts | None:
        """How many tasks have each status, in one request however many there are.

        None where none are kept: the backend has no place for them, or the table no stream function. Then, and where
        they are not `exact`, the tasks can be counted by the index (`count_by_status`).
        """
        board = self.first.task_class.count_board()
        return None if board is None else board.read()

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

    def codes_of(self, status: str) -> tuple[int, ...]:
        """The codes by which tasks are in a status of that name, in any step.

        What has succeeded in a step and is pending in the next is pending.

        Raises:
            ValueError: no step has such a status.
        """
        codes = [step.task_class.config.status_code(status) for step in self.steps]
        if status.strip().isdigit():
            return (codes[0],)
        return tuple(dict.fromkeys(code for code in codes if self._is_named(code, status)))

    def _is_named(self, code: int, status: str) -> bool:
        return self.meanings(code)[-1].status == status.strip().lower().replace("-", "_")

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
