"""Counts by the index: the tasks of each status, those that ended lately, and the age of the oldest unfinished one."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import takewhile
from typing import TYPE_CHECKING

from status_tracker import TaskUnreadableError
from status_tracker.core.state import asked_for_again

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from datetime import datetime

    from status_tracker import BaseTask, TrackerConfig
    from status_tracker.operations.pipeline import Pipeline, PipelineStep

_READ_AT_ONCE = 100
_FIRST = 10
"""How many of the oldest tasks are read, since some may be unreadable."""


@dataclass(frozen=True)
class StepCount:
    """The unfinished tasks of a step.

    Attributes:
        tasks: how many, by the status.
        stuck: how many are in progress while their lease is over.
    """

    tasks: Mapping[str, int]
    stuck: int

    @property
    def unfinished(self) -> int:
        return sum(self.tasks.values())


def count_unfinished(task_class: type[BaseTask], stop: Callable[[], bool]) -> StepCount | None:
    """Count the pending, failed and in progress tasks of a step; None where `stop` returned True before the end."""
    config = task_class.config
    counts: dict[str, int] = {}
    for code in unfinished_statuses(config):
        counted = task_class.count_within(code, stop=stop)
        if counted is None:
            return None
        counts[config.status_name(code)] = counted
    stuck = 0
    for _ in readable(task_class.query_stuck(limit=None)):
        if stop():
            return None
        stuck += 1
    return StepCount(counts, stuck)


def readable(tasks: Iterator[BaseTask]) -> Iterator[BaseTask]:
    """The tasks of a listing without those that cannot be read; restarting reports them."""
    while True:
        try:
            yield next(tasks)
        except StopIteration:
            return
        except TaskUnreadableError:
            continue


def unfinished_statuses(config: TrackerConfig) -> tuple[int, ...]:
    """The codes of the tasks that a step has still to do with."""
    return tuple(dict.fromkeys((config.pending_status, config.in_progress_status, config.failed_status)))


def ends(config: TrackerConfig) -> tuple[int, ...]:
    """The codes that a step ends with."""
    return tuple(dict.fromkeys((config.succeeded_status, config.ignored_status, config.exhausted_status)))


def last_ends(pipeline: Pipeline) -> dict[int, PipelineStep]:
    """The codes of tasks that no further step works on, each with its step."""
    waited_for = {code for step in pipeline for code in unfinished_statuses(step.task_class.config)}
    return {code: step for step in pipeline for code in ends(step.task_class.config) if code not in waited_for}


def count_arrivals(
    pipeline: Pipeline, since: datetime, until: datetime, stop: Callable[[], bool]
) -> dict[int, int] | None:
    """How many tasks came to an end of a step from `since` on and before `until`, and are still there; by the code."""
    arrivals: dict[int, int] = {}
    for step in pipeline:
        for code in ends(step.task_class.config):
            counted = step.task_class.count_within(code, since=since, until=until, stop=stop)
            if counted is None:
                return None
            arrivals[code] = counted
    return arrivals


def finished(task_class: type[BaseTask], arrivals: Mapping[int, int]) -> int:
    """How many tasks have come to an end of the step and are still there, by the arrivals.

    A task that a later step has taken up has another status by now, and is not counted: it cannot be told from what
    that step has had for long. Each step's own `TaskSucceeded` counts it.
    """
    return sum(arrivals[code] for code in ends(task_class.config))


def oldest_unfinished(task_class: type[BaseTask], counted: StepCount, stop: Callable[[], bool]) -> float:
    """How long the oldest unfinished task has been unfinished, in seconds; 0 where there is none.

    A task in progress or failed counts from when it was created or last asked for again: no attempt makes it younger.
    One that waits for its first attempt counts from when it became pending. Where `stop` returns True early, it is the
    oldest of the tasks that were looked at.
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
    """When the oldest task of these statuses was asked for; `oldest` where none is older."""
    listed = takewhile(lambda _: not stop(), readable(task_class.query_by_status(statuses, limit=None)))
    made = sorted((task.create_time, task.key) for task in listed if task.create_time and task.create_time < oldest)
    for at in range(0, len(made), _READ_AT_ONCE):
        # They are sorted by age, and nothing is asked for before it is created: the rest is younger.
        if made[at][0] >= oldest or stop():
            break
        oldest = min([oldest, *_asked_for(task_class, made[at : at + _READ_AT_ONCE])])
    return oldest


def _asked_for(task_class: type[BaseTask], made: Sequence[tuple[datetime, str]]) -> list[datetime]:
    """When the tasks of those keys were last asked for."""
    try:
        read = list(task_class.batch_get([key for _, key in made], attributes_to_get=["create_time", "errors"]))
        return [asked_for_again(task.errors or {}) or task.create_time for task in read]
    except ValueError:  # one cannot be read; restarting reports which
        return [moment for moment, _ in made]
