"""Deletes a task with all that it has: what it was made from, its results, and itself (R21)."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from .actions import Action, ActionOutcome, TaskAction
from .all_steps import AllSteps
from .bulk import checked_reason, checked_run_id

if TYPE_CHECKING:
    from ..core.state import TaskState
    from .filters import ListedTask
    from .pipeline import Pipeline


def delete(
    pipeline: Pipeline,
    task: ListedTask | str,
    *,
    reason: str,
    by: str | None = None,
    request_id: str | None = None,
    cancel: bool = False,
    check: Callable[[TaskState], None] = lambda _: None,
) -> ActionOutcome:
    """Delete the task; never raises for what becomes of it.

    It is set aside first, in one write that records who asked and why. Then its run is stopped (`recall`); its results
    are deleted (`Pipeline.delete_results`), then what it was made from (`discard` of the first step's class), at last
    the task, if it has not changed since. A repetition goes on where an earlier call was killed. Without the right to
    delete the task nothing is changed: that is asked for before, by a deletion that cannot match.

    Args:
        task: the task, or its id.
        reason, by: why, and who asks for it.
        request_id: names this request: a repetition with it does nothing twice.
        cancel: cancel a task that a worker holds. Its outcome is `Kind.LOCKED` as long as the worker may still write
            results; delete it again after that.
        check: raises `NoLongerMatchesError` for a state in which the task is to be left alone.

    Returns:
        The outcome: `Kind.DONE` where it is gone, `Kind.LOCKED` where a worker holds it or may still be at work,
        `Kind.VANISHED` where there was none, `Kind.UNFINISHED` where only a part could be deleted.

    Raises:
        ValueError: the reason is empty, or the request id cannot be one.
    """
    one = TaskAction(
        AllSteps(pipeline),
        Action.DELETE,
        None,
        checked_reason(reason),
        by,
        checked_run_id(request_id),
        check=check,
        cancels=cancel,
    )
    return one.act(task if isinstance(task, str) else task.task_id)
