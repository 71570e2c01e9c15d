"""The second view: the tasks of one status of a step, why they are there, and a search among them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import status_tracker as st
from status_tracker.operations.pipeline import StatusOfStep
from status_tracker.operations.reasons import reason_of
from status_tracker_ops.widget.components import (
    call,
    counted,
    duration,
    field,
    form,
    lock,
    overview_link,
    place_values,
    plain,
    reason,
    row,
    shortened,
    status,
    table,
    task_link,
)
from status_tracker_ops.widget.deployed import DeployedWidget
from status_tracker_ops.widget.events import Surroundings
from status_tracker_ops.widget.markup import Child, Markup, element, fragment
from status_tracker_ops.widget.reading import PAGE_SIZE, Group, Groups, TaskPage, newest_first
from status_tracker_ops.widget.requests import Narrowing, TaskList

SHOWN_GROUPS = 8
_TIMES = "\N{MULTIPLICATION SIGN}"
_TO = "\N{EN DASH}"
_LONGEST_TYPED = 200
_LONGEST_NAME = 100


def task_list(widget: DeployedWidget, around: Surroundings, asked: TaskList, found: TaskPage) -> Markup:
    """A page of the list, with the reasons of all of them above the first one."""
    place = asked.place
    nothing = not found.rows and asked.start == 1 and found.examined is None
    return fragment(
        element("nav", {"aria-label": "Views"}, overview_link(widget), _whole_list(widget, asked)),
        element("h2", None, f"{place.step}: ", status(place.status)),
        [element("p", None, told) for told in narrowings(asked.narrowed)],
        None if nothing and not asked.narrowed else _search(widget, asked),
        None if found.groups is None else _reasons(widget, asked, found.groups),
        element("p", None, _nothing(asked)) if nothing else _table(widget, around, asked, found),
        _pages(widget, asked, found),
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


def attempts(task: st.BaseTask) -> int:
    """How often in a row it was tried, the attempt under way or the one that succeeded included."""
    return task.retry + (1 if task.is_in_progress() or task.is_succeeded() else 0)


def narrowings(narrowed: Narrowing) -> list[Child]:
    """The conditions of a narrowed list, a sentence each."""
    told = {
        "Ids begin with: ": narrowed.prefix,
        "The last error contains: ": narrowed.error_text,
        "The last failure was of the class: ": narrowed.error_class,
        "The reason is, but for its numbers: ": narrowed.kind,
    }
    return [[label, element("bdi", None, each)] for label, each in told.items() if each]


def _entries(task: st.BaseTask, name: str) -> list[dict[str, Any]]:
    errors = task.errors if isinstance(task.errors, dict) else {}
    entries = errors.get(name)
    return [entry for entry in entries if isinstance(entry, dict)] if isinstance(entries, list) else []


def _whole_list(widget: DeployedWidget, asked: TaskList) -> Markup | None:
    if not asked.narrowed:
        return None
    label = f"All {plain(asked.place.status)} in {asked.place.step}"
    return call(widget.viewer_arn, {"view": "list", **place_values(asked.place)}, label)


def _nothing(asked: TaskList) -> str:
    such = "such task" if asked.narrowed else "task"
    return f"No {such} is {plain(asked.place.status)} in {asked.place.step}."


def _search(widget: DeployedWidget, asked: TaskList) -> Markup:
    narrowed, kind = asked.narrowed, {"kind": asked.narrowed.kind} if asked.narrowed.kind else {}
    values = {"view": "list", "search": True, **place_values(asked.place), **kind}
    return form(
        field("Id begins with", "prefix", "any id", _LONGEST_TYPED, narrowed.prefix),
        field("Error contains", "error_text", "any text", _LONGEST_TYPED, narrowed.error_text),
        field("Error class", "error_class", "such as TimeoutError", _LONGEST_TYPED, narrowed.error_class),
        call(widget.viewer_arn, values, "Search", look="act", submits=True),
    )


def _reasons(widget: DeployedWidget, asked: TaskList, found: Groups) -> Markup | None:
    if not found.groups:
        return None
    place = asked.place
    shown = found.groups if asked.all_reasons else found.groups[:SHOWN_GROUPS]
    of = "" if found.all else f", of the newest {found.of:,}"
    return fragment(
        table(
            f"Why{of}. A reason opens the list of its tasks.",
            ("Tasks", "Reason", "All of them"),
            [_group(widget, place, group) for group in shown],
            numbers=[0],
            look="reasons",
        ),
        _other_reasons(widget, place, found.groups[len(shown) :]),
    )


def _other_reasons(widget: DeployedWidget, place: StatusOfStep, others: Sequence[Group]) -> Markup | None:
    if not others:
        return None
    number = sum(group.number for group in others)
    everything = {"view": "list", **place_values(place), "all_reasons": True}
    return element(
        "p",
        {"class": "quiet"},
        f"{number:,} more have other reasons. ",
        call(widget.viewer_arn, everything, "Show all reasons"),
    )


def _group(widget: DeployedWidget, place: StatusOfStep, group: Group) -> Markup:
    values = {**place_values(place), "kind": group.reason.kind}
    said = shortened(group.reason.message or group.reason.error_class, _LONGEST_NAME)
    told = f"{group.number:,} {_TIMES} {said}"
    return element(
        "tr",
        None,
        element("td", {"class": "number"}, f"{group.number:,} {_TIMES}"),
        element(
            "td", None, call(widget.viewer_arn, {"view": "list", **values}, reason(group.reason), name=f"List: {told}")
        ),
        element(
            "td", None, call(widget.viewer_arn, {"view": "bulk", **values}, "Act on them…", name=f"Act on: {told}")
        ),
    )


def _table(widget: DeployedWidget, around: Surroundings, asked: TaskList, found: TaskPage) -> Markup:
    order = "newest" if newest_first(asked.place) else "oldest"
    now = widget.pipeline.step(asked.place.step).task_class.config.now()
    told = _narrow_row if around.narrow else _wide_row
    columns = _NARROW_COLUMNS if around.narrow else _WIDE_COLUMNS
    return table(
        f"{_numbers(asked, found)}the {order} first. Age: since the task entered this status.",
        columns,
        [
            _unreadable(widget, asked, each, len(columns))
            if isinstance(each, st.TaskUnreadableError)
            else told(widget, asked, each, now)
            for each in found.rows
        ],
        numbers=[columns.index("Attempts")],
        look="tasks" if around.narrow else "tasks wide-id",
    )


def _numbers(asked: TaskList, found: TaskPage) -> str:
    if not found.rows:
        return ""
    of = "" if found.total is None else f" of {counted(found.total)}"
    last = "" if len(found.rows) == 1 else f"{_TO}{asked.start + len(found.rows) - 1:,}"
    return f"{asked.start:,}{last}{of}, "


_NARROW_COLUMNS = ("Task and last error", "Attempts", "Age")
_WIDE_COLUMNS = ("Task", "Last error", "Attempts", "Age", "Lock")


def _wide_row(widget: DeployedWidget, asked: TaskList, task: st.BaseTask, now: datetime) -> Markup:
    return row(
        task_link(widget, task.task_id, asked),
        element("td", None, _error(task)),
        element("td", {"class": "number"}, attempts(task)),
        element("td", {"class": "brief"}, duration(now - task.update_time)),
        element("td", None, lock(task, now) or element("span", {"class": "quiet"}, "none")),
    )


def _narrow_row(widget: DeployedWidget, asked: TaskList, task: st.BaseTask, now: datetime) -> Markup:
    below = [element("div", None, each) for each in (_error(task), lock(task, now)) if each is not None]
    return row(
        [task_link(widget, task.task_id, asked), below],
        element("td", {"class": "number"}, attempts(task)),
        element("td", {"class": "brief"}, duration(now - task.update_time)),
    )


def _unreadable(widget: DeployedWidget, asked: TaskList, error: st.TaskUnreadableError, columns: int) -> Markup:
    """A row for an item that is no task: which one, and what of it cannot be read."""
    told = element("span", {"class": "stuck"}, "cannot be read: ", element("bdi", None, str(error)))
    name = task_link(widget, str(error.task_id), asked)
    if columns == len(_NARROW_COLUMNS):
        return element(
            "tr", None, element("th", {"scope": "row", "colspan": columns}, name, element("div", None, told))
        )
    return row(name, element("td", {"colspan": columns - 1}, told))


def _error(task: st.BaseTask) -> Markup | None:
    found = reason_of(task.errors)
    return None if found is None else reason(found)


def _pages(widget: DeployedWidget, asked: TaskList, found: TaskPage) -> Markup:
    values = {**place_values(asked.place), **asked.narrowed.values()}
    listed = {"view": "list", **values}
    after, before = asked.start + len(found.rows), asked.start - PAGE_SIZE
    links: list[Child] = []
    if asked.start > 1:
        links.append(call(widget.viewer_arn, listed, "First page"))
    if asked.start > 1 and (before <= 1 or found.previous_cursor is not None):
        back = {} if before <= 1 else {"cursor": found.previous_cursor, "start": before, "back": True}
        links.append(call(widget.viewer_arn, {**listed, **back}, "Previous page"))
    if found.next_cursor is not None:
        label = "Next page" if found.examined is None else "Search on"
        links.append(call(widget.viewer_arn, {**listed, "cursor": found.next_cursor, "start": after}, label))
    if found.rows:
        links.append(call(widget.viewer_arn, {"view": "bulk", **values}, "Act on all of the list…"))
    told = f"{found.examined:,} tasks were searched so far." if found.examined is not None else None
    return fragment(
        element("p", {"role": "status"}, told) if told else None,
        element("nav", {"aria-label": "Pages"}, links) if links else None,
    )
