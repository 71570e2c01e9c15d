"""What a reading command covers: a use case, or some steps of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

from ..operations.pipeline import Pipeline, StatusOfStep
from .errors import WrongUsageError
from .target import Target, steps_known_beside

if TYPE_CHECKING:
    from ..core.config import TrackerConfig
    from .steps import Step
    from .views import View


class NamedStep(NamedTuple):
    """A step, and what the pipeline calls it."""

    name: str
    step: Step


@dataclass(frozen=True)
class Scope:
    """The steps that a command covers, of one use case.

    Attributes:
        given: how ``--task`` names it.
        steps: those that are covered, in their order. Any of them lists the tasks of all.
        pipeline: the pipeline, also around a task class that was given by itself; None for jobs of a SQL database.
        following: the steps of the use case that are known here and not covered, as ``--task`` takes them, where a task
            class was given.
        of_pipeline: whether a pipeline was given, so that the names of its steps are known.
        ends_here: whether a task that has succeeded in the last of the steps is done.
    """

    given: str
    steps: Sequence[NamedStep]
    pipeline: Pipeline | None
    following: Sequence[str]
    of_pipeline: bool
    ends_here: bool

    @property
    def first(self) -> Step:
        """The first of the steps."""
        return self.steps[0].step

    @property
    def config(self) -> TrackerConfig:
        """That of the first of the steps."""
        return self.first.config

    @property
    def use_case_id(self) -> str:
        """The use case."""
        return self.config.use_case_id

    @property
    def is_whole(self) -> bool:
        """Whether it covers several steps, whose names then stand beside the statuses."""
        return len(self.steps) > 1

    @cached_property
    def statuses(self) -> Mapping[int, StatusOfStep]:
        """What the codes mean, in the order of a task's life. The succeeded of a step is the pending of the next."""
        found: dict[int, StatusOfStep] = {}
        for name, step in self.steps:
            for status in step.config.status_enum:
                found.pop(status.value, None)
                found[status.value] = StatusOfStep(name, status.name)
        return found

    @property
    def ended(self) -> set[int]:
        """The codes of the tasks on which no covered step works any more, unless somebody asks for it."""
        return {self.steps[-1].step.config.succeeded_status, *self.set_aside}

    @property
    def set_aside(self) -> set[int]:
        """The codes of the tasks that were given up."""
        return {code for _, step in self.steps for code in (step.config.ignored_status, step.config.exhausted_status)}

    @property
    def failed(self) -> set[int]:
        """The codes of the tasks that have failed, where failed is not pending."""
        configs = [step.config for _, step in self.steps]
        return {each.failed_status for each in configs if each.failed_status != each.pending_status}

    def codes(self, status: str) -> list[int]:
        """The codes of a status given by its name, of every covered step, or as a code.

        Raises:
            WrongUsageError: there is no such status.
        """
        text = status.strip().lower().replace("-", "_")
        if named := [code for code, each in self.statuses.items() if each.status == text]:
            return named
        if text.isascii() and text.isdigit() and (int(text) in self.statuses or not self.of_pipeline):
            return [int(text)]
        known: dict[str, list[str]] = {}
        for code, each in self.statuses.items():
            known.setdefault(each.status, []).append(str(code))
        from difflib import get_close_matches  # noqa: PLC0415  # only for what is mistyped

        similar = get_close_matches(text, known, 1)
        give = f"did you mean {similar[0]!r}? Give" if similar else "give"
        names = ", ".join(f"{name} ({', '.join(codes)})" for name, codes in known.items())
        raise WrongUsageError(f"There is no status {status!r}: {give} a code, or one of {names}.")

    def view(self, task: Any) -> View:
        """The task as it is shown: by the step that works next on it."""
        from .views import View  # noqa: PLC0415  # whoever only counts shows none

        meaning = self.statuses.get(task.tracked_state().status)
        if meaning is None or not self.is_whole:
            return View.of(task, self.config, self.pipeline)
        return View.of(task, self._configs[meaning.step], self.pipeline, step=meaning.step)

    @cached_property
    def _configs(self) -> Mapping[str, TrackerConfig]:
        return {name: step.config for name, step in self.steps}


@contextmanager
def opened_scope(target: Target, steps: Sequence[str] | None = None) -> Iterator[Scope]:
    """The one use case that the options name. Raises `WrongUsageError` where they name several."""
    with opened_scopes(target, steps) as scopes:
        if len(scopes) > 1:
            raise WrongUsageError(f"--task names {len(scopes)} use cases: give one of them for this.")
        yield scopes[0]


@contextmanager
def opened_scopes(target: Target, steps: Sequence[str] | None = None) -> Iterator[list[Scope]]:
    """What the options name: a scope for each pipeline, and one for the classes of one use case.

    Raises:
        WrongUsageError: the options name nothing, or a step that is not there.
    """
    with ExitStack() as stack:
        found: list[Scope] = []
        for each in target.each():
            opened = _opened(each, steps or (), stack)
            if found and not (found[-1].of_pipeline or opened.of_pipeline) and _is_beside(found[-1], opened):
                opened = _joined(found.pop(), opened)
            found.append(opened)
        yield found


def _opened(target: Target, wanted: Sequence[str], stack: ExitStack) -> Scope:
    given = target.given_pipeline()
    if given is None:
        step = stack.enter_context(target.opened())
        named = [NamedStep(_name_of(step), step)]
    else:
        named = [NamedStep(each.name, stack.enter_context(target.opened(each.task_class))) for each in given]
    known = [each.name for each in named]
    if unknown := [name for name in wanted if name not in known]:
        raise WrongUsageError(f"There is no step {unknown[0]!r} in {target.task}; its steps are {', '.join(known)}.")
    covered = [each for each in named if not wanted or each.name in wanted]
    others = [] if given is not None else steps_known_beside(covered[0].step)
    last = covered[-1].step.config.succeeded_status
    return Scope(
        given=target.task,
        steps=covered,
        pipeline=given or _pipeline_around(named[0]),
        following=[name for name, _ in others],
        of_pipeline=given is not None,
        ends_here=all(other.config.pending_status != last for _, other in others) and covered[-1] is named[-1],
    )


def _is_beside(one: Scope, other: Scope) -> bool:
    return one.use_case_id == other.use_case_id and other.given in one.following


def _joined(one: Scope, other: Scope) -> Scope:
    """The scope of task classes that were given one by one, in the order in which a task passes them."""
    if other.steps[-1].step.config.succeeded_status == one.config.pending_status:
        one, other = other, one
    return replace(
        one,
        given=f"{one.given},{other.given}",
        steps=[*one.steps, *other.steps],
        following=[each for each in one.following if each != other.given],
        ends_here=other.ends_here,
    )


def _name_of(step: Any) -> str:
    return step.__name__ if isinstance(step, type) else "jobs"


def _pipeline_around(named: NamedStep) -> Pipeline | None:
    step: Any = named.step
    return Pipeline({named.name: step}) if isinstance(step, type) else None
