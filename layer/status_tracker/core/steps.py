"""The steps that this process has declared; those that meet the same tasks must not take them from each other."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterable, Sequence
from typing import ClassVar, Generic, Protocol, TypeVar

from .config import TrackerConfig


class DeclaredStep(Protocol):
    """A class of one step."""

    config: ClassVar[TrackerConfig]


StepT = TypeVar("StepT", bound=DeclaredStep)


class DeclaredSteps(Generic[StepT]):
    """The steps of one backend.

    Args:
        meet: whether two steps meet the same tasks, as those of one use case on one table do.
        place: what the two have in common, for messages: "use case 'documents'".
    """

    def __init__(self, meet: Callable[[type[StepT], type[StepT]], bool], place: Callable[[type[StepT]], str]) -> None:
        self._meet = meet
        self._place = place
        self._declared: list[weakref.ref[type[StepT]]] = []

    def all(self) -> list[type[StepT]]:
        """The steps that are still there, in the order in which they were declared."""
        return [step for reference in self._declared if (step := reference()) is not None]

    def beside(self, step: type[StepT]) -> list[type[StepT]]:
        """The other steps as they stand: one that is declared anew, as in a notebook, replaces the one of its name."""
        others = [other for other in self.all() if _name(other) != _name(step) and self._meet(other, step)]
        return list({_name(other): other for other in others}.values())

    def add(self, step: type[StepT]) -> None:
        """Add a step.

        Raises:
            ValueError: by the codes that it shares with others, one would start what another has done.
        """
        if not _is_local(step):
            beside = [other for other in self.beside(step) if not _is_local(other)]
            for other in beside:
                self._refuse_shared_codes(other, step)
            self._refuse_circles(step, beside)
        self._declared = [*map(weakref.ref, self.all()), weakref.ref(step)]

    def _refuse_shared_codes(self, step: type[StepT], following: type[StepT]) -> None:
        codes = [{each.name: each.value for each in one.config.status_enum} for one in (step, following)]
        if codes[0] == codes[1]:
            return
        names = _told_apart([step, following])
        shared = "; ".join(
            f"{code} is {name} of {names[0]} and {other} of {names[1]}"
            for code, name, other in step.config.shared_codes(following.config)
        )
        if shared:
            raise ValueError(
                f"Two steps of {self._place(step)} share codes: {shared}. Only the succeeded of the one "
                "may be the pending of the other, and not the other way too: give each step codes of its own, or use "
                "next_step()."
            )

    def _refuse_circles(self, step: type[StepT], beside: Iterable[type[StepT]]) -> None:
        starting_from = {other.config.pending_status: other for other in beside}
        path = [step]
        while (following := starting_from.get(path[-1].config.succeeded_status)) is not None and following not in path:
            path.append(following)
            if following.config.succeeded_status == step.config.pending_status:
                names = _told_apart(path)
                raise ValueError(
                    f"The steps {', '.join(names)} of {self._place(step)} pass their tasks on in a circle, each to the "
                    f"next and the last to {names[0]}, so that finished work would run again: give one of them a "
                    "pending_status of its own."
                )


def _name(step: type) -> tuple[str, str, int | None]:
    return step.__module__, step.__qualname__, id(step) if _is_local(step) else None


def _told_apart(steps: Sequence[type]) -> list[str]:
    """The names of the steps; with their modules, where two have one name."""
    names = [step.__name__ for step in steps]
    return [
        name if names.count(name) == 1 else f"{step.__module__}.{step.__qualname__}"
        for name, step in zip(names, steps, strict=True)
    ]


def _is_local(step: type) -> bool:
    """Whether a function has made it, as in a test: nobody can say which of those belong together."""
    return "<locals>" in step.__qualname__
