"""Deliberately broken libraries: what the checker must catch. Applied in workers and producers only."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from pynamodb.expressions.condition import Condition

from status_tracker.dynamodb import expressions, store
from status_tracker.lifecycle import Lifecycle
from status_tracker.port import Answer
from status_tracker.writes import Attempt, HeldBy, TaskState, Unchanged, Write


def apply(variant: str) -> None:
    """Break the library of this process; "none" leaves it as it is."""
    _VARIANTS[variant]()


def _no_fence() -> None:
    """Whoever thinks that it holds the task may write to it."""
    honest = expressions.condition

    def condition(task: type[Any], write: Write) -> Condition:
        held: Condition = task.key.exists()
        return held if isinstance(write.guard, HeldBy) else honest(task, write)

    vars(store)["condition"] = condition


def _crash_not_counted() -> None:
    """A vanished attempt leaves no trace."""

    def take_over(self: Lifecycle, state: TaskState, token: str, now: datetime, lease: timedelta) -> Attempt:
        return Attempt(Write(Unchanged(state), self._locking(token, now, lease)))

    Lifecycle._take_over = take_over  # type: ignore[method-assign]


def _unconditional_create() -> None:
    """Creating a task overwrites the one that is there."""

    def create(_self: store.DynamoStore[Any], task: Any) -> Answer[Any]:
        task.save()
        return Answer(applied=True, task=task)

    store.DynamoStore.create = create  # type: ignore[method-assign, assignment]


_VARIANTS: dict[str, Callable[[], None]] = {
    "none": lambda: None,
    "no_fence": _no_fence,
    "crash_not_counted": _crash_not_counted,
    "unconditional_create": _unconditional_create,
}
