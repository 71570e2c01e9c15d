"""The second view: the tasks of one status of a step."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import status_tracker as st
from status_tracker.operations.pipeline import StatusOfStep
from status_tracker_ops.widget.components import (
    call,
    duration,
    lock,
    overview_link,
    place_values,
    plain,
    row,
    shortened,
    status,
    table,
    task_link,
)
from status_tracker_ops.widget.deployed import DeployedWidget
from status_tracker_ops.widget.markup import Child, Markup, element, fragment
from status_tracker_ops.widget.reading import TaskPage, newest_first
from status_tracker_ops.widget.requests import Surroundings

_SHOWN_ERROR = 300


def task_list(
    widget: DeployedWidget, around: Surroundings, place: StatusOfStep, found: TaskPage, *, first: bool
) -> Markup:
    """A page of the list. `first`: whether it is the first one."""
    heading = element("h2", None, f"{place.step}: ", status(place.status))
    navigation = element("nav", {"aria-label": "Views"}, overview_link(widget))
    if not found.tasks and first:
        return fragment(navigation, heading, element("p", None, f"No task is {plain(place.status)} in {place.step}."))
    return fragment(
        navigation, heading, _table(widget, around, place, found), _pages(widget, place, found, first=first)
    )


def last_error(task: st.BaseTask) -> str:
    """What its newest failure was; empty when it has none."""
    history = history_of(task)
    return str(history[-1].get("error", "")) if history else ""


def history_of(task: st.BaseTask) -> list[dict[str, Any]]:
    """The entries of its failed attempts."""
    return _entries(task, "history")


def actions_of(task: st.BaseTask) -> list[dict[str, Any]]:
    """The records of what was deliberately done to it."""
    return _entries(task, "actions")


def _entries(task: st.BaseTask, name: str) -> list[dict[str, Any]]:
    errors = task.errors if isinstance(task.errors, dict) else {}
    entries = errors.get(name)
    return [entry for entry in entries if isinstance(entry, dict)] if isinstance(entries, list) else []


def _table(widget: DeployedWidget, around: Surroundings, place: StatusOfStep, found: TaskPage) -> Markup:
    order = "newest" if newest_first(place) else "oldest"
    now = widget.pipeline.step(place.step).task_class.config.now()
    told = _narrow_row if around.narrow else _wide_row
    columns = _NARROW_COLUMNS if around.narrow else _WIDE_COLUMNS
    return table(
        f"The {order} first. Age: since the task entered this status.",
        columns,
        [told(widget, place, task, now) for task in found.tasks],
        numbers=[columns.index("Attempts")],
        look="tasks" if around.narrow else "tasks wide-id",
    )


_NARROW_COLUMNS = ("Task and last error", "Attempts", "Age")
_WIDE_COLUMNS = ("Task", "Last error", "Attempts", "Age", "Lock")


def _wide_row(widget: DeployedWidget, place: StatusOfStep, task: st.BaseTask, now: datetime) -> Markup:
    return row(
        task_link(widget, task.task_id, place),
        element("td", None, _error(task)),
        element("td", {"class": "number"}, attempts(task)),
        element("td", {"class": "brief"}, duration(now - task.update_time)),
        element("td", None, lock(task, now) or element("span", {"class": "quiet"}, "none")),
    )


def _narrow_row(widget: DeployedWidget, place: StatusOfStep, task: st.BaseTask, now: datetime) -> Markup:
    below = [element("div", None, each) for each in (_error(task), lock(task, now)) if each is not None]
    return row(
        [task_link(widget, task.task_id, place), below],
        element("td", {"class": "number"}, attempts(task)),
        element("td", {"class": "brief"}, duration(now - task.update_time)),
    )


def _error(task: st.BaseTask) -> Markup | None:
    error = last_error(task)
    return element("bdi", {"class": "quiet"}, shortened(error, _SHOWN_ERROR)) if error else None


def attempts(task: st.BaseTask) -> int:
    """How often in a row it was tried, the attempt under way or the one that succeeded included."""
    return task.retry + (1 if task.is_in_progress() or task.is_succeeded() else 0)


def _pages(widget: DeployedWidget, place: StatusOfStep, found: TaskPage, *, first: bool) -> Markup:
    values = {"view": "list", **place_values(place)}
    links: list[Child] = []
    if not first:
        links.append(call(widget.viewer_arn, values, "First page"))
    if found.next_cursor is not None:
        links.append(call(widget.viewer_arn, {**values, "cursor": found.next_cursor}, "Next page"))
    return element("nav", {"aria-label": "Pages"}, links) if links else fragment()
