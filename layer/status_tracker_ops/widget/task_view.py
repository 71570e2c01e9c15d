"""The third view: one task in full, and what can be done to it."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import status_tracker as st
from status_tracker.core.history import KEPT_ACTIONS
from status_tracker.operations.reasons import unwrapped
from status_tracker_ops.widget.actions import ADMIN_NAMES, DEFAULT_REASON, Offer, offers, reason_label
from status_tracker_ops.widget.components import (
    call,
    duration,
    field,
    lock,
    message,
    moment,
    overview_link,
    page_values,
    plain,
    reason,
    row,
    shortened,
    status,
    table,
)
from status_tracker_ops.widget.deployed import DeployedWidget
from status_tracker_ops.widget.events import Surroundings
from status_tracker_ops.widget.fingerprint import fingerprint
from status_tracker_ops.widget.markup import Child, Markup, element, fragment
from status_tracker_ops.widget.requests import TaskList
from status_tracker_ops.widget.task_list import actions_of, attempts, history_of

SHOWN_ATTEMPTS = 12
SHOWN_TRACEBACK = 6_000
SHOWN_DATA = 20_000
_SHOWN_ERROR = 2_000
_SHOWN_FACT = 600


def task_view(widget: DeployedWidget, around: Surroundings, task: st.BaseTask, back: TaskList | None) -> Markup:
    """The task with its history; `back` is the page of the list that it was opened from."""
    return fragment(
        element("nav", {"aria-label": "Views"}, overview_link(widget), _back_link(widget, back)),
        element("h2", None, element("bdi", None, task.task_id)),
        _buttons(widget, task, back),
        _facts(widget, around, task),
        _attempts(around, task),
        _actions(around, task),
        _data(task),
    )


def unreadable_view(
    widget: DeployedWidget, task_id: str, error: st.TaskUnreadableError, back: TaskList | None
) -> Markup:
    """An item that is no task: which one, what of it cannot be read, and where to mend it."""
    first = widget.pipeline.first.task_class
    item = widget.links.item(first.Meta.table_name, first.make_key(task_id))
    return fragment(
        element("nav", {"aria-label": "Views"}, overview_link(widget), _back_link(widget, back)),
        element("h2", None, element("bdi", None, task_id)),
        message("It cannot be read", str(error), failed=True),
        element("p", None, _external(item, "The item in the table")),
    )


def _back_link(widget: DeployedWidget, back: TaskList | None) -> Markup | None:
    if back is None:
        return None
    label = f"{back.place.step}: {plain(back.place.status)}"
    return call(widget.viewer_arn, {"view": "list", **page_values(back)}, label)


def _buttons(widget: DeployedWidget, task: st.BaseTask, back: TaskList | None) -> Markup:
    offered = offers(widget, task.tracked_state())
    if not offered:
        return element("p", {"class": "quiet"}, "Nothing can be done to it now.")
    label = reason_label("Reason, recorded on the task", offered)
    return fragment(
        element("div", {"class": "row"}, field(label, "reason", DEFAULT_REASON, 400)),
        element("div", {"class": "row"}, [_button(widget, task, offer, back) for offer in offered]),
        element("p", {"class": "quiet"}, _WHILE_HELD) if task.is_locked() else None,
    )


_WHILE_HELD = "A worker holds it. It can be rerun or ignored when the lease is over, or after it was unlocked."


def _button(widget: DeployedWidget, task: st.BaseTask, offer: Offer, back: TaskList | None) -> Markup:
    values: dict[str, object] = {
        "action": offer.name,
        "act_on": offer.step,
        "task_id": task.task_id,
        "request_id": uuid.uuid4().hex,
        "drawn": fingerprint(task.tracked_state()),
        **page_values(back),
    }
    look = "act grave" if offer.name in ADMIN_NAMES else "act"
    return call(offer.endpoint(widget), values, offer.label, look=look, confirmation=offer.confirmation(task.task_id))


def _facts(widget: DeployedWidget, around: Surroundings, task: st.BaseTask) -> Markup:
    now = task.config.now()
    facts: dict[str, Child] = {
        "Status": _status(widget, task),
        "Attempts": f"{attempts(task)} in a row, of at most {task.config.max_retry}",
        "Lock": lock(task, now) or "none",
        "Lease until": moment(task.lock_expire_time, around) if task.lock_expire_time else None,
        "Not before": moment(task.not_before, around) if task.not_before else None,
        "Run": task.run or 0,
        "Fence": task.fence or 0,
        "In this status": _since(task.update_time, now, around),
        "Created": _since(task.create_time, now, around),
        "More": _links(widget, task),
    }
    rows = [row(name, element("td", None, fact)) for name, fact in facts.items() if fact is not None]
    caption = element("caption", None, "The task as it is stored")
    return element("table", {"class": "facts"}, caption, element("tbody", None, rows))


def _status(widget: DeployedWidget, task: st.BaseTask) -> Child:
    places = widget.pipeline.meanings(task.status)
    if not places:
        return f"{task.status}, a status that no step here has"
    told: list[Child] = []
    for place in places:
        told += [", " if told else None, status(place.status), f" in {place.step}"]
    return [*told, f" ({task.status})"]


def _since(when: datetime, now: datetime, around: Surroundings) -> Child:
    return [f"for {duration(now - when)}, since ", moment(when, around)]


def _links(widget: DeployedWidget, task: st.BaseTask) -> Child:
    run = task.run or 0
    addresses = {
        f"Execution of run {run}": widget.links.execution(task.task_id, run),
        "Log lines": widget.links.logs(task.task_id, task.create_time, task.update_time),
    }
    links: list[Child] = [_external(url, label) for label, url in addresses.items() if url is not None]
    return [part for link in links for part in (" · ", link)][1:] or None


def _external(url: str, label: str) -> Markup:
    return element("a", {"href": url, "target": "_blank", "rel": "noopener noreferrer"}, label)


def _attempts(around: Surroundings, task: st.BaseTask) -> Markup:
    history = history_of(task)
    shown = [_attempt(around, entry) for entry in reversed(history[-SHOWN_ATTEMPTS:])]
    errors = task.errors if isinstance(task.errors, dict) else {}
    unseen = len(history) - len(shown) + _number(errors.get("dropped"))
    return fragment(
        element("h3", None, "Failed attempts, the newest first"),
        shown or element("p", {"class": "quiet"}, "None."),
        element("p", {"class": "quiet"}, f"{unseen:,} more are not shown.") if unseen else None,
    )


def _attempt(around: Surroundings, entry: Mapping[str, Any]) -> Markup:
    nth = f"attempt {_text(entry, 'nth_retry', _SHOWN_FACT)}"
    heading = element("span", {"class": "quiet"}, _when(around, entry), f" · {nth}")
    error = reason(unwrapped(_text(entry, "error", _SHOWN_ERROR)), _SHOWN_ERROR)
    trace = _text(entry, "traceback", SHOWN_TRACEBACK)
    if not trace:
        return element("p", None, heading, element("br"), error)
    block = element("pre", {"tabindex": 0, "aria-label": f"Traceback of {nth}"}, trace)
    return element("details", None, element("summary", None, heading, element("br"), error), block)


def _actions(around: Surroundings, task: st.BaseTask) -> Markup:
    rows = [row(_action(record), _record(around, record)) for record in reversed(actions_of(task)[-KEPT_ACTIONS:])]
    columns = ("Action", "Why", "Who", "When")
    return fragment(
        element("h3", None, "Deliberate actions"),
        table("The newest first", columns, rows) if rows else element("p", {"class": "quiet"}, "None."),
    )


def _action(record: Mapping[str, Any]) -> str:
    times = _number(record.get("times"))
    return _text(record, "action", _SHOWN_FACT) + (f", {times} times" if times > 1 else "")


def _record(around: Surroundings, record: Mapping[str, Any]) -> list[Markup]:
    told = [element("bdi", None, _text(record, name, _SHOWN_FACT) or "-") for name in ("reason", "by")]
    return [element("td", None, each) for each in (*told, _when(around, record))]


def _when(around: Surroundings, entry: Mapping[str, Any]) -> Child:
    """When the entry was written; as it stands there where that is no moment."""
    text = _text(entry, "update_time", _SHOWN_FACT)
    try:
        return moment(datetime.fromisoformat(text), around)
    except (ValueError, OverflowError):
        return text


def _data(task: st.BaseTask) -> Markup:
    text = json.dumps(task.data, indent=2, ensure_ascii=False, default=str)
    cut = len(text) - SHOWN_DATA
    return fragment(
        element("h3", None, "Data"),
        element("pre", {"tabindex": 0, "aria-label": "Data"}, text[:SHOWN_DATA]),
        element("p", {"class": "quiet"}, f"{cut:,} more characters are not shown.") if cut > 0 else None,
    )


def _text(entry: Mapping[str, Any], name: str, longest: int) -> str:
    """A value of an entry, which may have been written by anybody."""
    value = entry.get(name)
    return "" if value is None else shortened(str(value), longest)


def _number(value: object) -> int:
    return value if isinstance(value, int) else 0
