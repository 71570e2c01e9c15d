"""Tasks that are created each by a request of its own, and dispatched."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from .outcomes import Answer, TaskT


def one_by_one(
    create: Callable[[Any], tuple[TaskT, bool]], dispatch: Callable[[TaskT], object] | None = None
) -> Callable[[Sequence[Any]], list[Answer[TaskT]]]:
    """Creates the tasks of a chunk by themselves.

    Args:
        create: stores the task unless it is there; returns the stored one, and whether it is new.
        dispatch: called with each that waits for its first worker, new or not: who created it may have died before.
    """

    def answer(task: Any) -> Answer[TaskT]:
        try:
            found: Answer[TaskT] = Answer.of(*create(task))
        except Exception as error:  # noqa: BLE001  # it is the failure of this task, and the others go on
            return Answer.failed(error)
        return found if dispatch is None or found.task is None else _dispatched(found, found.task, dispatch)

    return lambda tasks: [answer(task) for task in tasks]


def _dispatched(found: Answer[TaskT], task: Any, dispatch: Callable[[TaskT], object]) -> Answer[TaskT]:
    try:
        is_over = task.is_pending() and dispatch(task) is False
    except Exception as error:  # noqa: BLE001  # the user's own code, and the others go on
        return found._replace(error=error)
    if is_over:
        return found._replace(error=RuntimeError("what drives its run is over already: a sweep gives it a new run"))
    return found
