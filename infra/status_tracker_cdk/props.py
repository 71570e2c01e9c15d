"""Validated settings of a construct: a small frozen record, whose fields are named as the settings in ``cdk.json``."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import MISSING, dataclass, field, fields
from typing import Any, get_args, get_type_hints


class PropsError(ValueError):
    """Settings cannot be used.

    Attributes:
        problems: everything that is wrong with them.
    """

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


def between(low: float, high: float, *, default: Any = MISSING) -> Any:
    """A field that is a number from `low` to `high`, the bounds of the service that takes it."""
    return field(default=default, metadata={"range": (low, high)})


@dataclass(frozen=True, kw_only=True)
class Props:
    """Base of the settings of a construct.

    Raises:
        PropsError: a value is of a wrong type or out of its range, or two do not go together.
    """

    def __post_init__(self) -> None:
        if problems := list(self._type_problems()) or [*self._range_problems(), *self.conflicts()]:
            raise PropsError(problems)

    def conflicts(self) -> Iterator[str]:
        """What is wrong with values that are right by themselves; called when all types are right."""
        yield from ()

    def _type_problems(self) -> Iterator[str]:
        for name, hint in get_type_hints(type(self)).items():
            if not is_of_type(value := getattr(self, name), hint):
                yield f"{name} must be {hint.__name__ if isinstance(hint, type) else hint}, not {value!r}"

    def _range_problems(self) -> Iterator[str]:
        for each in fields(self):
            low, high = each.metadata.get("range", (-math.inf, math.inf))
            value = getattr(self, each.name)
            if isinstance(value, int | float) and not low <= value <= high:
                yield f"{each.name} must be from {low} to {high}, not {value}"


def is_of_type(value: object, hint: Any) -> bool:
    """Whether `value`, as JSON has it, is of that type."""
    if isinstance(value, bool):  # a bool is an int to isinstance, and never one to a reader of cdk.json
        return hint is bool
    if hint is float or (float in get_args(hint) and value is not None):
        return isinstance(value, int | float) and math.isfinite(value)
    return isinstance(value, hint)
