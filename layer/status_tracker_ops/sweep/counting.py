"""Counts: the unfinished tasks of each step, those that ended lately, and the age of the oldest unfinished one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from status_tracker import BaseTask
    from status_tracker.dynamodb.survey import Survey
    from status_tracker.operations.counts import KeptCounts
    from status_tracker.operations.pipeline import Pipeline, PipelineStep


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


def count_unfinished(
    step: PipelineStep, survey: Survey[Any], kept: KeptCounts | None, stop: Callable[[], bool]
) -> StepCount | None:
    """The unfinished tasks of a step; None where not all were seen, or `stop` returned True before the end.

    Args:
        survey: has gone through those that are in progress or failed.
        kept: tells how many are pending; None for counting them by the index.
    """
    task_class, counts = step.task_class, dict(survey.counts)
    if not survey.complete:
        return None
    for code in step.unfinished:
        if code not in counts:
            counted = task_class.count_within(code, stop=stop) if kept is None else kept.by_code.get(code, 0)
            if counted is None:
                return None
            counts[code] = counted
    return StepCount({task_class.config.status_name(code): count for code, count in counts.items()}, survey.stuck)


def last_ends(pipeline: Pipeline) -> dict[int, PipelineStep]:
    """The codes of tasks that no further step works on, each with its step."""
    waited_for = {code for step in pipeline for code in step.unfinished}
    return {code: step for step in pipeline for code in step.ends if code not in waited_for}


def count_arrivals(
    pipeline: Pipeline, since: datetime, until: datetime, stop: Callable[[], bool]
) -> dict[int, int] | None:
    """How many tasks came to an end of a step from `since` on and before `until`, and are still there; by the code."""
    arrivals: dict[int, int] = {}
    for step in pipeline:
        for code in step.ends:
            counted = step.task_class.count_within(code, since=since, until=until, stop=stop)
            if counted is None:
                return None
            arrivals[code] = counted
    return arrivals


def finished(step: PipelineStep, arrivals: Mapping[int, int]) -> int:
    """How many tasks have come to an end of the step, by the arrivals.

    Where these were counted by the index, a task that a later step has taken up has another status by now, and is not
    counted: it cannot be told from what that step has had for long. Each step's own `TaskSucceeded` counts it.
    """
    return sum(arrivals[code] for code in step.ends)


def oldest_unfinished(task_class: type[BaseTask], survey: Survey[Any]) -> float:
    """How long the oldest unfinished task has been unfinished, in seconds; 0 where there is none."""
    oldest = survey.oldest()
    return 0.0 if oldest is None else max((task_class.config.now() - oldest).total_seconds(), 0.0)
