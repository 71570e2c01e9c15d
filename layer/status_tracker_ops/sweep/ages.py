"""How old the oldest unfinished task of a step is, however often it was tried."""

from __future__ import annotations

from itertools import takewhile
from typing import TYPE_CHECKING

from status_tracker.core.state import asked_for_again
from status_tracker_ops.sweep.counting import readable, unfinished_statuses

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from status_tracker import BaseTask
    from status_tracker_ops.sweep.counting import StepCount

_READ_AT_ONCE = 100
_FIRST = 10
"""Of the oldest ones, should some be unreadable."""


def oldest_unfinished(task_class: type[BaseTask], counted: StepCount, stop: Callable[[], bool]) -> float:
    """
    How long the oldest unfinished task has been so, in seconds; 0 where there is none.

    A task that is in progress or has failed is as old as its document: it counts from when that was registered or last
    asked for again, and no attempt makes it younger. One that waits for its first attempt counts from when it was made
    pending. Where `stop` says so before all were looked at, it is the oldest of those that were.
    """
    config = task_class.config
    first = next(readable(task_class.query_by_status(list(unfinished_statuses(config)), limit=_FIRST)), None)
    if first is None:
        return 0.0
    begun = [
        code for code in (config.in_progress_status, config.failed_status) if counted.tasks[config.status_name(code)]
    ]
    since = _oldest_begun(task_class, begun, first.update_time, stop) if begun else first.update_time
    return max((config.now() - since).total_seconds(), 0.0)


def _oldest_begun(
    task_class: type[BaseTask], statuses: Sequence[int], oldest: datetime, stop: Callable[[], bool]
) -> datetime:
    """When the oldest task of these statuses was asked for, if that is before `oldest`."""
    listed = takewhile(lambda _: not stop(), readable(task_class.query_by_status(statuses, limit=None)))
    made = sorted((task.create_time, task.key) for task in listed if task.create_time and task.create_time < oldest)
    for at in range(0, len(made), _READ_AT_ONCE):
        # Nothing was asked for before it was made: behind one that is younger, all are.
        if made[at][0] >= oldest or stop():
            break
        oldest = min([oldest, *_asked_for(task_class, made[at : at + _READ_AT_ONCE])])
    return oldest


def _asked_for(task_class: type[BaseTask], made: Sequence[tuple[datetime, str]]) -> list[datetime]:
    """When tasks that were made then, by their keys, were last asked for."""
    try:
        read = list(task_class.batch_get([key for _, key in made], attributes_to_get=["create_time", "errors"]))
        return [asked_for_again(task.errors or {}) or task.create_time for task in read]
    except ValueError:  # one cannot be read; restarting tells which
        return [moment for moment, _ in made]
