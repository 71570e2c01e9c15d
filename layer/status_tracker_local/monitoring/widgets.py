"""The widgets of a dashboard as HTML, all of their texts escaped."""

import re
from collections.abc import Callable, Mapping, Sequence
from html import escape
from typing import Any

from status_tracker_local.deployed_widgets import list_path, widget_path
from status_tracker_local.monitoring.alarms import State
from status_tracker_local.monitoring.drawing import draw, latest
from status_tracker_local.monitoring.graphs import Line, Span, left_out, lines_of
from status_tracker_local.monitoring.metrics import Metrics
from status_tracker_local.monitoring.monitor import NOT_EVALUATED

_INLINE: Sequence[tuple[re.Pattern[str], str]] = (
    (re.compile(r"`([^`]+)`"), r"<code>\1</code>"),
    (re.compile(r"\*\*([^*]+)\*\*"), r"<strong>\1</strong>"),
    (re.compile(r"\*([^*]+)\*"), r"<em>\1</em>"),
    (re.compile(r"\[([^\]]+)\]\((https?://[^)\s]+)\)"), r'<a href="\2">\1</a>'),
)
_LIST = re.compile(
    r"https://\S+#dashboards/dashboard/(?P<dashboard>[\w.-]+) "
    r"\((?P<shown>widget Tasks, (?P<step>\w+): (?P<status>[a-z ]+))\)"
)
_HEADING = re.compile(r"#{1,6}\s+")
_WORDS = {State.ALARM: "In alarm", State.OK: "OK", State.INSUFFICIENT_DATA: "Insufficient data"}
_UNKNOWN = "Not evaluated"
_ORDER = (_WORDS[State.ALARM], _UNKNOWN, _WORDS[State.INSUFFICIENT_DATA], _WORDS[State.OK])


def body_of(widget: Mapping[str, Any], dashboard: str, metrics: Metrics, span: Span) -> str:
    """What a widget shows, without its title; what is not drawn here says so."""
    kind, properties = str(widget.get("type")), widget.get("properties") or {}
    kinds: Mapping[str, Callable[[], str]] = {
        "text": lambda: markdown(str(properties["markdown"])),
        "alarm": lambda: _alarms([str(arn) for arn in properties["alarms"]], dashboard, metrics),
        "metric": lambda: _metric(properties, metrics, span),
        "custom": lambda: _custom(dashboard, properties),
        "log": lambda: f"{_not_drawn('queries of logs are not run')}<pre>{escape(str(properties['query']))}</pre>",
    }
    if kind not in kinds:
        return _not_drawn(f"widgets of the type {kind} are not known")
    try:
        return kinds[kind]()
    except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
        return _not_drawn(f"its definition is not understood ({type(error).__name__}: {error})")


def _not_drawn(why: str) -> str:
    return f'<p class="quiet">Not drawn here: {escape(why)}.</p>'


def _custom(dashboard: str, properties: Mapping[str, Any]) -> str:
    page = escape(widget_path(dashboard, properties))
    return f'<p><a href="{page}">Open this widget</a>, which has a page of its own here.</p>'


def _metric(properties: Mapping[str, Any], metrics: Metrics, span: Span) -> str:
    view = properties.get("view", "timeSeries")
    if view not in {"singleValue", "timeSeries"}:
        return _not_drawn(f"the view {view} is not known")
    lines = lines_of(properties, metrics, span)
    title = str(properties.get("title", ""))
    drawn = _numbers(lines) if view == "singleValue" else draw(title, lines, span, properties)
    missing = left_out(properties)
    return f"{drawn}{_not_drawn(', '.join(missing)) if missing else ''}"


def _numbers(lines: Sequence[Line]) -> str:
    told = "".join(f"<div><dt>{escape(line.label)}</dt><dd>{escape(latest(line))}</dd></div>" for line in lines)
    return f'<dl class="numbers">{told}</dl>'


def markdown(text: str) -> str:
    """Headings, paragraphs, emphasis, code and links to http; all else is text."""
    blocks = []
    for block in re.split(r"\n\s*\n", text.strip()):
        found = escape(_HEADING.sub("", block))
        for pattern, replacement in _INLINE:
            found = pattern.sub(replacement, found)
        blocks.append(f"<h3>{found}</h3>" if _HEADING.match(block) else f"<p>{found}</p>")
    return "".join(blocks)


def state_words(alarm: Any) -> str:
    """The state of one of moto's alarms, in words."""
    if alarm.state_reason.startswith(NOT_EVALUATED):
        return _UNKNOWN
    return _WORDS[State(alarm.state_value)]


def _alarms(arns: Sequence[str], dashboard: str, metrics: Metrics) -> str:
    held = metrics.backend.alarms
    names = [arn.partition(":alarm:")[2] for arn in arns]
    known = sorted((held[name] for name in names if name in held), key=lambda each: _ORDER.index(state_words(each)))
    states = [state_words(each) for each in known]
    counts = ", ".join(
        f"{states.count(state)} {state if state == 'OK' else state.lower()}" for state in _ORDER if state in states
    )
    unknown = [name for name in names if name not in held]
    told = f"<p>{escape(counts or 'No alarms')}.</p>"
    if unknown:
        told += f'<p class="quiet">Not deployed: {escape(", ".join(unknown))}.</p>'
    return f'{told}<div class="alarms">{"".join(_alarm(each, dashboard) for each in known)}</div>'


def _with_lists(description: str) -> str:
    """An alarm's description, in which the address of a dashboard on AWS leads to the list in the widget here."""
    told, end = "", 0
    for found in _LIST.finditer(description):
        path = list_path(found["dashboard"], found["step"], found["status"])
        told += f'{escape(description[end : found.start()])}<a href="{escape(path)}">{escape(found["shown"])}</a>'
        end = found.end()
    return told + escape(description[end:])


def _alarm(alarm: Any, dashboard: str) -> str:
    words = state_words(alarm)
    name = alarm.name.removeprefix(f"{dashboard}-")
    since = f"{alarm.state_updated_timestamp:%d %b %H:%M}"
    return (
        f'<details class="alarm {words.lower().replace(" ", "-")}">'
        f'<summary><b class="state">{words}</b> <span>{escape(name)}</span></summary>'
        f"<p>{_with_lists(alarm.description or 'No description.')}</p>"
        f'<p class="quiet">Since {since} UTC. {escape(alarm.state_reason)}</p></details>'
    )
