"""Reads what the widget shows, never more than a page needs."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import status_tracker as st
from status_tracker.dynamodb.query import index_of, index_values
from status_tracker.operations.pipeline import Pipeline, StatusOfStep
from status_tracker_ops.widget.deployed import DeployedWidget
from status_tracker_ops.widget.requests import BadEventError

PAGE_SIZE = 20
COUNTED_PER_SHARD = 2_000
"""The most that is counted of a shard: a dashboard counts again with each refresh, and each read costs."""

_PARALLEL = 8
_NEWEST_FIRST = ("succeeded", "ignored", "exhausted")


@dataclass(frozen=True)
class Count:
    """How many tasks there are; with `more`, at least so many."""

    number: int
    more: bool = False


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
    shards = {
        (value, step.task_class)
        for step in pipeline
        for code in step.statuses.values()
        for value in index_values(step.task_class, code, step.task_class.config.use_case_id)
    }
    for step in pipeline:
        _ = step.task_class._get_connection().connection.client  # made once here, not in each thread
    with ThreadPoolExecutor(_PARALLEL) as pool:
        counted = dict(pool.map(lambda shard: (shard[0], _count(shard[1], shard[0])), shards))
    return {code: _sum(step.task_class, code, counted) for step in pipeline for code in step.statuses.values()}


def _count(model: type[st.BaseTask], value: str) -> Count:
    name = index_of(model).Meta.index_name
    page = model._get_connection().query(value, index_name=name, select="COUNT", limit=COUNTED_PER_SHARD)
    return Count(page["Count"], more="LastEvaluatedKey" in page)


def _sum(model: type[st.BaseTask], code: int, counted: dict[str, Count]) -> Count:
    shards = [counted[value] for value in index_values(model, code, model.config.use_case_id)]
    return Count(sum(shard.number for shard in shards), any(shard.more for shard in shards))


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
        tasks = query.many(PAGE_SIZE)
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
    first = widget.pipeline.first.task_class
    try:
        task = first.get_one_or_none(task_id, consistent_read=True)
    except ValueError as error:
        raise BadEventError(str(error)) from error
    if task is None:
        raise BadEventError(f"There is no task {task_id!r}: the id is the object's key, # and its etag.")
    model = widget.pipeline.step_at(task.status).task_class
    return task if model is first else model.from_raw_data(task.to_dynamodb_dict())
