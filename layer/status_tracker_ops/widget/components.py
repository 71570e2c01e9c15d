"""The parts that the views are made of, and their style sheet: two themes, one layout."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime, timedelta

import status_tracker as st
from status_tracker.core.state import lease_end
from status_tracker.dynamodb import Count
from status_tracker.operations.pipeline import Pipeline, StatusOfStep
from status_tracker.operations.reasons import Reason
from status_tracker_ops.widget.deployed import DeployedWidget
from status_tracker_ops.widget.events import Surroundings
from status_tracker_ops.widget.markup import Attributes, Child, Markup, element, fragment, payload, style_sheet
from status_tracker_ops.widget.requests import TaskList

_SIGNS = {"pending": "○", "in_progress": "◐", "failed": "✗", "succeeded": "✓", "ignored": "⊘", "exhausted": "⊘"}
SHOWN_ID = 160
SHOWN_REASON = 300


def page(around: Surroundings, *children: Child) -> str:
    """The whole answer."""
    themes = {"dark": around.dark, "narrow": around.narrow}
    classes = " ".join(["cwdb-no-default-styles", "stt", *(name for name, on in themes.items() if on)])
    # The style sheet is not the first element: a parser would put it into the head, where a dashboard may drop it.
    return element("div", {"class": classes, "lang": "en"}, style_sheet(_CSS), *children).html


def call(
    endpoint: str,
    values: dict[str, object],
    *label: Child,
    look: str = "link",
    confirmation: str | None = None,
    name: str | None = None,
    submits: bool = False,
) -> Markup:
    """A button that calls a function with `values`, and shows its answer in place of the widget.

    Args:
        confirmation: what has to be confirmed first.
        name: what a screen reader calls it, where the label alone does not say enough.
        submits: whether it is the button of its form.
    """
    # CloudWatch gives the action to the element right before it.
    return fragment(
        element("button", {"type": "submit" if submits else "button", "class": look, "aria-label": name}, *label),
        element(
            "cwdb-action",
            {"action": "call", "display": "widget", "endpoint": endpoint, "confirmation": confirmation},
            payload(values),
        ),
    )


def place_values(place: StatusOfStep) -> dict[str, object]:
    """The step and status as values of a call."""
    return {"step": place.step, "status": place.status}


def overview_link(widget: DeployedWidget) -> Markup:
    return call(widget.viewer_arn, {"view": "overview"}, "Overview")


def list_link(widget: DeployedWidget, place: StatusOfStep, *label: Child, name: str | None = None) -> Markup:
    return call(widget.viewer_arn, {"view": "list", **place_values(place)}, *label, name=name)


def page_values(asked: TaskList | None) -> dict[str, object]:
    """The page of a list as values of a call."""
    return {} if asked is None else asked.values()


def task_link(widget: DeployedWidget, task_id: str, back: TaskList | None) -> Markup:
    """Opens the task; `back`: the page of the list that it stands in."""
    values: dict[str, object] = {"view": "task", "task_id": task_id, **page_values(back)}
    return call(widget.viewer_arn, values, element("bdi", None, shortened(task_id, SHOWN_ID)))


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


def field(label: str, name: str, placeholder: str, longest: int, typed: str = "") -> Markup:
    """Something to type, which every button's call then carries under its name. `typed`: what stands in it already."""
    attributes: Attributes = {
        "name": name,
        "type": "text",
        "maxlength": longest,
        "placeholder": placeholder,
        "value": typed or None,
    }
    return element("label", None, label, element("br"), element("input", attributes))


def form(*children: Child) -> Markup:
    """Fields and the one button that goes with them, which Enter presses too.

    Of this method, and in no dialog, a form is not sent anywhere: its button's call is all that happens.
    """
    return element("form", {"method": "dialog", "class": "row"}, *children)


def finder(widget: DeployedWidget, typed: str = "") -> Markup:
    """Opens a task by its id. `typed`: what was looked for before."""
    asked = field("Task id", "task_id", "as the lists show it", 2048, typed)
    return form(asked, call(widget.viewer_arn, {"view": "task"}, "Open task", look="act", submits=True))


def message(heading: str, text: str, *, failed: bool) -> Markup:
    """A message: the result of a request, or why something is not shown."""
    attributes = {"class": "message error" if failed else "message", "role": "alert" if failed else "status"}
    return element("p", attributes, element("strong", None, heading, ": "), text)


def status(name: str) -> Markup:
    """The name of a status, with a sign and a colour that say the same."""
    sign = element("span", {"aria-hidden": "true"}, f"{_SIGNS.get(name, '•')} ")
    return element("span", {"class": f"brief {name}" if name in _SIGNS else "brief"}, sign, plain(name))


def reason(told: Reason, longest: int = SHOWN_REASON) -> Markup:
    """Why a task failed or was set aside: what was said, and the class of the exception beside it."""
    said = element("bdi", None, shortened(told.message or told.error_class, longest))
    if not told.error_class or not told.message:
        return element("span", {"class": "reason"}, said)
    return element(
        "span", {"class": "reason"}, said, " ", element("span", {"class": "quiet"}, shortened(told.error_class, 80))
    )


def counted(count: Count) -> str:
    """A number of tasks; with a plus where there are more."""
    return f"{count.number:,}+" if count.more else f"{count.number:,}"


def where(pipeline: Pipeline, code: int, step: str) -> str:
    """What a status code means in that step, or in another one where that step does not have it."""
    places = sorted(pipeline.meanings(code), key=lambda place: place.step != step)
    return f"{plain(places[0].status)} in {places[0].step}" if places else f"in status {code}"


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


# Every pair of colours that meet has a contrast of at least 4.5 (WCAG AA); the browser tests compute it.
_CSS = """
.stt{--text:#16191f;--quiet:#4d5761;--line:#c6cbd1;--back:#ffffff;--band:#f2f4f6;--link:#0058b8;--good:#1a6b21;
--bad:#b00020;--warn:#7a4f00;--note:#e8f1fb;color:var(--text);background:var(--back);
font:14px/1.45 "Amazon Ember","Helvetica Neue",Roboto,Arial,sans-serif;padding:12px;box-sizing:border-box}
.stt.dark{--text:#e9ebed;--quiet:#b4bcc5;--line:#414d5c;--back:#161d26;--band:#212b38;--link:#75b6ff;--good:#7fd18a;
--bad:#ff9592;--warn:#f2c261;--note:#1c3049}
.stt *{box-sizing:border-box}
.stt h2{font-size:16px;line-height:1.3;margin:0 0 8px;overflow-wrap:anywhere}
.stt h3{font-size:14px;margin:16px 0 6px}
.stt p{margin:6px 0}
.stt nav,.stt .row{display:flex;flex-wrap:wrap;gap:6px 14px;align-items:center;margin:0 0 10px}
.stt nav{margin:0 0 6px}
.stt table{border-collapse:collapse;width:100%;margin:0 0 10px}
.stt caption{text-align:left;color:var(--quiet);padding:0 0 6px}
.stt th,.stt td{text-align:left;vertical-align:top;padding:6px 10px 6px 0;border-bottom:1px solid var(--line);
color:var(--text);background:transparent;font-weight:400;overflow-wrap:anywhere}
.stt thead th{color:var(--quiet);font-weight:600;border-bottom-width:2px;overflow-wrap:normal}
.stt tbody th{font-weight:600}
.stt tbody th .quiet,.stt tbody th .stuck,.stt tbody th .brief,
.stt tbody th .reason{font-weight:400}
.stt .facts th{width:9em;color:var(--quiet);overflow-wrap:normal}
.stt .wide-id th:first-child{width:38%}
.stt .tasks button.link{font-weight:400}
.stt .number{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}
.stt .brief{white-space:nowrap}
.stt thead th.number{white-space:normal}
.stt .quiet{color:var(--quiet)}
.stt .zero{color:var(--quiet)}
.stt .reasons td:last-child{white-space:nowrap}
.stt .reasons td.number{width:4.5em}
.stt .reasons button.link{font-weight:400}
.stt ul{margin:6px 0 10px;padding:0 0 0 20px;overflow-wrap:anywhere}
.stt form{margin:0 0 10px}
.stt .succeeded{color:var(--good)}
.stt .failed,.stt .ignored,.stt .exhausted{color:var(--bad)}
.stt .in_progress,.stt .stuck{color:var(--warn)}
.stt button{font:inherit;cursor:pointer;border-radius:6px}
.stt button.link{color:var(--link);background:none;border:0;padding:0 1px;text-align:left;text-decoration:underline;
overflow-wrap:anywhere}
.stt button.act{color:var(--link);background:var(--back);border:1px solid var(--link);padding:4px 12px;font-weight:600}
.stt button.grave{color:var(--bad);border-color:var(--bad)}
.stt button:hover{background:var(--band)}
.stt a{color:var(--link);text-decoration:underline}
.stt :focus-visible{outline:3px solid var(--link);outline-offset:2px}
.stt input{font:inherit;font-weight:400;color:var(--text);background:var(--back);
border:1px solid var(--quiet);border-radius:6px;padding:4px 8px;width:100%}
.stt input::placeholder{color:var(--quiet);opacity:1}
.stt label{display:block;flex:1 1 16em;max-width:34em;font-weight:600;color:var(--text)}
.stt .row{align-items:end}
.stt .message{background:var(--note);border-left:4px solid var(--link);padding:8px 12px;margin:0 0 12px;
overflow-wrap:anywhere}
.stt .message.error{border-left-color:var(--bad)}
.stt .message.paused{border-left-color:var(--warn)}
.stt .message.paused p{margin:0 0 6px}
.stt pre{background:var(--band);color:var(--text);padding:8px 10px;margin:6px 0;overflow:auto;max-height:22em;
white-space:pre-wrap;overflow-wrap:anywhere;border-radius:4px;
font:12px/1.45 Menlo,Consolas,"DejaVu Sans Mono",monospace}
.stt summary{cursor:pointer;overflow-wrap:anywhere}
.stt summary .quiet{text-decoration:underline}
.stt details{margin:4px 0}
.stt.narrow{padding:8px;font-size:13px}
.stt.narrow th,.stt.narrow td{padding-right:6px}
.stt.narrow .facts th{width:6.5em}
.stt.narrow .reasons td:last-child{white-space:normal}
.stt.narrow label{flex-basis:100%}
.stt.narrow .brief{white-space:normal}
"""
