"""The page that draws the dashboards that were deployed, without any script."""

import json
import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from html import escape
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

from status_tracker_local.account import START_PATH
from status_tracker_local.monitoring.alarms import State
from status_tracker_local.monitoring.clock import MINUTE, minute_of
from status_tracker_local.monitoring.drawing import COLOURS
from status_tracker_local.monitoring.graphs import Span
from status_tracker_local.monitoring.monitor import Monitor
from status_tracker_local.monitoring.widgets import body_of
from status_tracker_local.pages import RefusedError, StartResponse, answer, check_origin

_TEMPLATE = (Path(__file__).parent / "dashboard.html").read_text(encoding="utf-8")
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
_DARK = (
    "color-scheme:dark;--text:#e9ebed;--quiet:#b4bcc5;--back:#0c121b;--card:#161d26;--line:#414d5c;--link:#75b6ff;"
    "--grid:#2b3542;--bad:#ff9a94;--bad-back:#3a1512;--good:#6fdc8c;--unsure:#f5d371;--unsure-back:#33290a;"
    "--c0:#79b8ff;--c1:#f6a54a;--c2:#5fd38d;--c3:#c9a7ff;--c4:#ff8fb3;--c5:#5ad1e6;--c6:#cbdc4a;--c7:#d9b48f;"
    "--c8:#aab8c8;--c9:#f59ae8"
)
_THEMES = {"": "as the system", "light": "light", "dark": "dark"}
_REFRESHES = {"": "by hand", "60": "every minute"}
_RANGES = {"15": "15 minutes", "60": "1 hour", "180": "3 hours", "720": "12 hours", "1440": "1 day"}
_START = re.compile(r"-PT?(\d{1,4})([MHD])")
_MOST_CHANGES = 50
_COLUMNS = 24


class DashboardPage:
    """Answers the requests to `DASHBOARD_PATH`.

    The query chooses the dashboard (``name``), how far back it looks (``minutes``), the ``theme``, and whether the
    page comes anew each minute (``refresh=60``).

    Args:
        monitor: knows the metrics and the alarms.
    """

    def __init__(self, monitor: Monitor) -> None:
        self._monitor = monitor

    def __call__(self, environ: Mapping[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        """The answer to a WSGI request."""
        try:
            check_origin(environ)
            _check_method(environ)
            page = self._page({name: found[0] for name, found in parse_qs(environ.get("QUERY_STRING", "")).items()})
        except RefusedError as refused:
            return answer(start_response, refused.status, "text/plain; charset=utf-8", str(refused))
        return answer(start_response, HTTPStatus.OK, "text/html; charset=utf-8", page, _POLICY)

    def _page(self, asked: Mapping[str, str]) -> str:
        name, dashboards = self._chosen(asked)
        body = json.loads(dashboards[name])
        by_itself = str(_default_minutes(body))
        ranges = _RANGES if by_itself in _RANGES else {by_itself: "as the dashboard", **_RANGES}
        minutes = asked["minutes"] if asked.get("minutes") in ranges else by_itself
        theme = asked["theme"] if asked.get("theme") in _THEMES else ""
        refresh = asked["refresh"] if asked.get("refresh") in _REFRESHES else ""
        self._monitor.collect()
        now = self._monitor.clock.now()
        end = minute_of(now) + MINUTE
        span = Span(end - int(minutes) * MINUTE, end)
        return _filled(
            {
                "theme": f' data-theme="{theme}"' if theme else "",
                "refresh": f'<meta http-equiv="refresh" content="{refresh}">' if refresh else "",
                "title": escape(name),
                "dark": _dark(),
                "colours": "".join(f".c{number}{{color:var(--c{number})}}" for number in range(COLOURS)),
                "names": _options({each: each for each in dashboards}, name),
                "ranges": _options(ranges, minutes),
                "themes": _options(_THEMES, theme),
                "refreshes": _options(_REFRESHES, refresh),
                "now": f"{datetime.fromtimestamp(now, tz=UTC):%d %b %H:%M:%S}",
                "start": START_PATH,
                "widgets": "\n".join(self._widget(each, name, span) for each in _in_order(body)),
                "changes": self._changes(),
            }
        )

    def _chosen(self, asked: Mapping[str, str]) -> tuple[str, Mapping[str, str]]:
        """The name of the dashboard that is asked for, and the bodies of all by their names."""
        dashboards = {name: each.body for name, each in list(self._monitor.metrics.backend.dashboards.items())}
        if not dashboards:
            raise RefusedError(HTTPStatus.NOT_FOUND, "No dashboard is deployed yet.")
        name = asked.get("name", next(iter(dashboards)))
        if name not in dashboards:
            known = ", ".join(dashboards)
            raise RefusedError(HTTPStatus.NOT_FOUND, f"There is no dashboard {name}; there is {known}.")
        return name, dashboards

    def _widget(self, widget: Mapping[str, Any], dashboard: str, span: Span) -> str:
        properties = widget.get("properties") or {}
        title = escape(str(properties.get("title") or ""))
        width = min(max(int(widget.get("width") or 6), 1), _COLUMNS)
        heading = f"<h2>{title}</h2>" if title else ""
        content = body_of(widget, dashboard, self._monitor.metrics, span)
        return f'<section class="widget" style="--w:{width}">{heading}{content}</section>'

    def _changes(self) -> str:
        told = [each for each in self._monitor.changes() if State.ALARM in {each["old"], each["new"]}]
        if not told:
            return '<p class="quiet">No alarm has gone off yet.</p>'
        rows = "".join(
            f"<tr><td>{datetime.fromtimestamp(each['at'], tz=UTC):%d %b %H:%M}</td><td>{escape(each['alarm'])}</td>"
            f"<td>{each['old']} → {each['new']}</td><td>{escape(each['reason'])}</td></tr>"
            for each in reversed(told[-_MOST_CHANGES:])
        )
        heads = "".join(f'<th scope="col">{head}</th>' for head in ("UTC", "Alarm", "Change", "Reason"))
        return (
            '<div class="scroll" tabindex="0" role="region" aria-label="Changes of alarms">'
            f"<table><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table></div>"
        )


def _check_method(environ: Mapping[str, Any]) -> None:
    if environ["REQUEST_METHOD"] != "GET":
        raise RefusedError(HTTPStatus.METHOD_NOT_ALLOWED, "Only GET is known here.")


def _in_order(body: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return sorted(body.get("widgets", []), key=lambda each: (each.get("y") or 0, each.get("x") or 0))


def _default_minutes(body: Mapping[str, Any]) -> int:
    """How far back the dashboard looks by itself: three hours, unless its body says otherwise."""
    match = _START.fullmatch(str(body.get("start", "")))
    if match is None:
        return 180
    unit = {"M": "minutes", "H": "hours", "D": "days"}[match[2]]
    minutes = int(timedelta(**{unit: int(match[1])}).total_seconds()) // MINUTE
    return min(max(minutes, 1), int(max(_RANGES, key=int)))


def _options(choices: Mapping[str, str], chosen: str) -> str:
    return "".join(
        f'<option value="{escape(value)}"{" selected" if value == chosen else ""}>{escape(told)}</option>'
        for value, told in choices.items()
    )


def _dark() -> str:
    of_the_system = f"@media(prefers-color-scheme:dark){{:root:not([data-theme=light]){{{_DARK}}}}}"
    return f"{of_the_system}\n:root[data-theme=dark]{{{_DARK}}}"


def _filled(values: Mapping[str, str]) -> str:
    """The template with the values in it: what they hold is not looked through again."""
    return re.sub(r"\{\{(\w+)\}\}", lambda match: values[match[1]], _TEMPLATE)
