"""How many tasks there are of each status, and how many have ended of late: by the index."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from status_tracker import TaskUnreadableError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from datetime import datetime

    from status_tracker import BaseTask, TrackerConfig

    Steps = Sequence[tuple[str, type[BaseTask]]]


@dataclass(frozen=True)
class StepCount:
    """
    The unfinished tasks of a step.

    `tasks`: how many, by the status. `stuck`: how many are in progress, and their lease is over.
    """

    tasks: Mapping[str, int]
    stuck: int

    @property
    def unfinished(self) -> int:
        return sum(self.tasks.values())


def count_unfinished(task_class: type[BaseTask], stop: Callable[[], bool]) -> StepCount | None:
    """Count the pending, failed and in progress tasks of a step; None when `stop` said so before the end."""
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
    """The tasks of a listing without those that cannot be read, of which restarting tells."""
    while True:
        try:
            yield next(tasks)
        except StopIteration:
            return
        except TaskUnreadableError:
            continue


def unfinished_statuses(config: TrackerConfig) -> tuple[int, ...]:
    """The codes of what is not done with in a step."""
    return config.pending_status, config.in_progress_status, config.failed_status


def ends(config: TrackerConfig) -> tuple[int, ...]:
    """The codes that a step ends with."""
    return tuple(dict.fromkeys((config.succeeded_status, config.ignored_status, config.exhausted_status)))


def last_ends(steps: Steps) -> dict[int, tuple[str, type[BaseTask]]]:
    """The codes of tasks that no further step works on, each with its step."""
    waited_for = {code for _, task_class in steps for code in unfinished_statuses(task_class.config)}
    return {
        code: (step, task_class)
        for step, task_class in steps
        for code in ends(task_class.config)
        if code not in waited_for
    }


def count_arrivals(steps: Steps, since: datetime, until: datetime, stop: Callable[[], bool]) -> dict[int, int] | None:
    """How many tasks have got an end of a step from `since` on and before `until`, and still have it; by the code."""
    arrivals: dict[int, int] = {}
    for _, task_class in steps:
        for code in ends(task_class.config):
            counted = task_class.count_within(code, since=since, until=until, stop=stop)
            if counted is None:
                return None
            arrivals[code] = counted
    return arrivals


def finished(step: type[BaseTask], arrivals: Mapping[int, int]) -> int:
    """
    How many tasks have come to an end of the step and are still at it, by the arrivals.

    What a later step has taken up meanwhile has another status by now. It is not counted here, since it cannot be told
    from what that step had in hand for long: each step's own `TaskSucceeded` has it.
    """
    return sum(arrivals[code] for code in ends(step.config))
