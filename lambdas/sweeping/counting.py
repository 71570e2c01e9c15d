"""How many tasks there are of each status, how old the oldest is, and how many have ended of late: by the index."""

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

    `tasks`: how many, by the status. `oldest_seconds`: how long the oldest has had its status. `stuck`: how many are in
    progress, and their lease is over.
    """

    tasks: Mapping[str, int]
    oldest_seconds: float
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
    oldest = next(readable(task_class.query_by_status(list(unfinished_statuses(config)), limit=1)), None)
    age = 0.0 if oldest is None else (config.now() - oldest.update_time).total_seconds()
    stuck = 0
    for _ in readable(task_class.query_stuck(limit=None)):
        if stop():
            return None
        stuck += 1
    return StepCount(counts, max(age, 0.0), stuck)


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
    """How many tasks have got a status from `since` on and before `until`, and still have it; by the code."""
    arrivals: dict[int, int] = {}
    for _, task_class in steps:
        for code in {*ends(task_class.config), *unfinished_statuses(task_class.config)} - arrivals.keys():
            counted = task_class.count_within(code, since=since, until=until, stop=stop)
            if counted is None:
                return None
            arrivals[code] = counted
    return arrivals


def finished(steps: Steps, step: str, arrivals: Mapping[int, int]) -> int:
    """
    How many tasks have come to an end of the step, by the arrivals.

    Those that a later step has taken up meanwhile have another status by now: all that have got one of a later step are
    counted, so that a step whose results are taken at once does not look idle.
    """
    at = [name for name, _ in steps].index(step)
    codes = set(ends(steps[at][1].config))
    for _, later in steps[at + 1 :]:
        codes |= {*unfinished_statuses(later.config), *ends(later.config)}
    return sum(arrivals[code] for code in codes)
