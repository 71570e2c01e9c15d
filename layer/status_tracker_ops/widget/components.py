"""What the views are made of."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime, timedelta

import status_tracker as st
from status_tracker.core.state import lease_end
from status_tracker_ops.widget.board import Desk, Place
from status_tracker_ops.widget.markup import Attributes, Child, Markup, element, fragment, payload, style_sheet
from status_tracker_ops.widget.requests import Surroundings
from status_tracker_ops.widget.style import CSS

_SIGNS = {"pending": "○", "in_progress": "◐", "failed": "✗", "succeeded": "✓", "ignored": "⊘", "exhausted": "⊘"}
SHOWN_ID = 160


def page(around: Surroundings, *children: Child) -> str:
    """The whole answer."""
    themes = {"dark": around.dark, "narrow": around.narrow}
    classes = " ".join(["cwdb-no-default-styles", "stt", *(name for name, on in themes.items() if on)])
    # The style sheet is not the first element: a parser would put it into the head, where a dashboard may drop it.
    return element("div", {"class": classes, "lang": "en"}, style_sheet(CSS), *children).html


def call(
    endpoint: str,
    values: dict[str, object],
    *label: Child,
    look: str = "link",
    confirmation: str | None = None,
    name: str | None = None,
) -> Markup:
    """A button that calls a function with `values`, and shows its answer in place of the widget.

    Args:
        confirmation: what has to be confirmed first.
        name: what it is called to who does not see where it stands.
    """
    # CloudWatch gives the action to the element right before it.
    return fragment(
        element("button", {"type": "button", "class": look, "aria-label": name}, *label),
        element(
            "cwdb-action",
            {"action": "call", "display": "widget", "endpoint": endpoint, "confirmation": confirmation},
            payload(values),
        ),
    )


def place_values(place: Place | None) -> dict[str, object]:
    """The place as the values of a call."""
    return {} if place is None else {"step": place.step, "status": place.status}


def overview_link(desk: Desk) -> Markup:
    return call(desk.viewer_arn, {"view": "overview"}, "Overview")


def list_link(desk: Desk, place: Place, *label: Child, name: str | None = None) -> Markup:
    return call(desk.viewer_arn, {"view": "list", **place_values(place)}, *label, name=name)


def task_link(desk: Desk, task_id: str, back: Place | None) -> Markup:
    values: dict[str, object] = {"view": "task", "task_id": task_id, **place_values(back)}
    return call(desk.viewer_arn, values, element("bdi", None, shortened(task_id, SHOWN_ID)))


def table(
    caption: str,
    columns: Sequence[Child],
    rows: Iterable[Child],
    *,
    numbers: Collection[int] = (),
    look: str | None = None,
) -> Markup:
    """A table with a heading for each column.

    Args:
        rows: each an element ``tr``.
        numbers: the columns that hold numbers.
        look: its class.
    """
    heads = [
        element("th", {"scope": "col", "class": "number" if nth in numbers else None}, column)
        for nth, column in enumerate(columns)
    ]
    head = element("thead", None, element("tr", None, heads))
    return element("table", {"class": look}, element("caption", None, caption), head, element("tbody", None, rows))


def row(head: Child, *cells: Child) -> Markup:
    """A row of a table; its first cell names it."""
    return element("tr", None, element("th", {"scope": "row"}, head), *cells)


def field(label: str, name: str, placeholder: str, longest: int) -> Markup:
    """Something to type, which every button's call then carries under its name."""
    attributes: Attributes = {"name": name, "type": "text", "maxlength": longest, "placeholder": placeholder}
    return element("label", None, label, element("br"), element("input", attributes))


def message(heading: str, text: str, *, failed: bool) -> Markup:
    """What became of what was asked."""
    attributes = {"class": "message error" if failed else "message", "role": "alert" if failed else "status"}
    return element("p", attributes, element("strong", None, heading, ": "), text)


def status(name: str) -> Markup:
    """The name of a status, with a sign and a colour that say the same."""
    sign = element("span", {"aria-hidden": "true"}, f"{_SIGNS.get(name, '•')} ")
    return element("span", {"class": f"brief {name}" if name in _SIGNS else "brief"}, sign, plain(name))


def plain(name: str) -> str:
    """A status as people write it."""
    return name.replace("_", " ")


def moment(when: datetime, around: Surroundings) -> Markup:
    """A moment, in the dashboard's time zone."""
    local = when.astimezone(around.zone)
    return element("time", {"datetime": when.isoformat(), "class": "brief"}, local.strftime("%Y-%m-%d %H:%M:%S %Z"))


def duration(span: timedelta) -> str:
    """A span of time, roughly: its largest unit or two."""
    seconds = max(int(span.total_seconds()), 0)
    days, hours, minutes = seconds // 86_400, seconds // 3_600 % 24, seconds // 60 % 60
    if days:
        return f"{days:,} d {hours} h"
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {seconds % 60} s" if minutes else f"{seconds} s"


def lock(task: st.BaseTask, now: datetime) -> Markup | None:
    """Until when a worker holds the task, or since when its lease is over; None where nobody has locked it."""
    end = lease_end(task.tracked_state(), task.config)
    if end is None:
        return None
    if now < end:
        return element("span", {"class": "brief"}, f"held for {duration(end - now)} more")
    return element("span", {"class": "stuck"}, f"stuck: lease over for {duration(now - end)}")


def shortened(text: str, longest: int) -> str:
    """The text, its middle left out where it is longer."""
    if len(text) <= longest:
        return text
    half = (longest - 1) // 2
    return f"{text[:half]}…{text[len(text) - half :]}"
