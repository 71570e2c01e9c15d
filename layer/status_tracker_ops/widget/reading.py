"""Reads what the widget shows, never more than a page needs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice

import status_tracker as st
from status_tracker.dynamodb import Count
from status_tracker.operations.pipeline import Pipeline, StatusOfStep
from status_tracker_ops.widget.deployed import DeployedWidget
from status_tracker_ops.widget.requests import BadEventError

PAGE_SIZE = 20
COUNTED_PER_SHARD = 2_000
"""The most that is counted of a shard: a dashboard counts again with each refresh, and each read costs."""

_NEWEST_FIRST = ("succeeded", "ignored", "exhausted")


@dataclass(frozen=True)
class TaskPage:
    """Some tasks of a status, read in full. `next_cursor`: where the next page begins, None after the last."""

    tasks: Sequence[st.BaseTask]
    next_cursor: str | None


def newest_first(place: StatusOfStep) -> bool:
    """Whether the newest come first: so with tasks that have ended, not with those that wait."""
    return place.status in _NEWEST_FIRST


def count_tasks(pipeline: Pipeline) -> dict[int, Count]:
    """How many tasks have each status code of the steps, by the index."""
    counted: dict[int, Count] = {}
    for step in pipeline:
        codes = [code for code in step.statuses.values() if code not in counted]
        counted |= step.task_class.count_up_to(codes, per_shard=COUNTED_PER_SHARD)
    return counted


def read_page(widget: DeployedWidget, place: StatusOfStep, cursor: str | None) -> TaskPage:
    """A page of the tasks of a status.

    Raises:
        BadEventError: the cursor is not one of ours.
    """
    step = widget.pipeline.step(place.step)
    code = step.statuses[place.status]
    try:
        query = step.task_class.query_by_status(
            code, PAGE_SIZE + 1, older_task_first=not newest_first(place), auto_refresh=True, cursor=cursor
        )
        tasks = list(islice(query, PAGE_SIZE))
        position = query.cursor
        more = query.one_or_none() is not None
    except (ValueError, RecursionError, OverflowError) as error:
        raise BadEventError("Where the next page begins cannot be read: open the list anew.") from error
    # What has moved on since the index was read is listed where it is now.
    return TaskPage([task for task in tasks if task.status == code], position if more else None)


def read_task(widget: DeployedWidget, task_id: str) -> st.BaseTask:
    """The task as it is now, as a task of the step that works on it next.

    Raises:
        BadEventError: there is none, or no task can have that id.
    """
    first: type[st.BaseTask] = widget.pipeline.first.task_class
    try:
        task = first.get_one_or_none(task_id, consistent_read=True)
    except ValueError as error:
        raise BadEventError(str(error)) from error
    if task is None:
        raise BadEventError(f"There is no task {task_id!r}: type an id as the lists show it.")
    current: type[st.BaseTask] = widget.pipeline.step_at(task.status).task_class
    return task if current is first else current.from_raw_data(task.to_dynamodb_dict())
