"""A page that plays the part of a CloudWatch dashboard: it shows a custom widget that was deployed.

The page is at `WIDGET_PATH`; its query says which widget. What it asks for it posts there: the function to call, its
parameters, and what the page looks like. The answer is what the deployed function says to the event that CloudWatch
would send it.
"""

import json
import re
import secrets
from collections.abc import Callable, Iterable, Mapping
from http import HTTPStatus
from pathlib import Path
from typing import IO, Any, cast
from urllib.parse import parse_qs

from status_tracker_local.account import ACCOUNT_ID
from status_tracker_local.deployed_widgets import DashboardWidget, deployed_widgets
from status_tracker_local.pages import RefusedError, StartResponse, answer, check_origin
from status_tracker_local.runtime_api import Outcome

_HERE = Path(__file__).parent
_LONGEST_REQUEST = 1_000_000
_LENGTH = re.compile(r"[0-9]{1,9}")

Invoke = Callable[[str, bytes], Outcome]


class WidgetPage:
    """Answers the requests to `WIDGET_PATH`.

    Args:
        invoke: invokes the deployed function with that ARN.
    """

    def __init__(self, invoke: Invoke) -> None:
        self._invoke = invoke

    def __call__(self, environ: Mapping[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        """The answer to a WSGI request."""
        try:
            check_origin(environ)
            if environ["REQUEST_METHOD"] == "GET":
                return _page(start_response)
            asked = _asked(environ)
            return self._call(_chosen(environ), asked, start_response)
        except RefusedError as refused:
            return answer(start_response, refused.status, "text/plain; charset=utf-8", str(refused))

    def _call(
        self, widget: DashboardWidget, asked: Mapping[str, Any], start_response: StartResponse
    ) -> Iterable[bytes]:
        endpoint = asked.get("endpoint") or widget.endpoint
        params = widget.params if asked.get("params") is None else asked["params"]
        event = {**params, "widgetContext": _context(widget, asked)}
        try:
            outcome = self._invoke(str(endpoint), json.dumps(event).encode())
        except Exception as error:
            raise RefusedError(HTTPStatus.BAD_GATEWAY, f"{endpoint} cannot be invoked: {error}") from error
        told = {"title": widget.title, "failed": outcome.is_error, "answer": json.loads(outcome.payload)}
        return answer(start_response, HTTPStatus.OK, "application/json", json.dumps(told))


def _chosen(environ: Mapping[str, Any]) -> DashboardWidget:
    """The widget that the query names; without one the first."""
    asked = {name: found[0] for name, found in parse_qs(environ.get("QUERY_STRING", "")).items()}
    for widget in deployed_widgets():
        if asked.get("dashboard") in {None, widget.dashboard} and asked.get("widget") in {None, widget.key}:
            return widget
    missing = "No such custom widget" if asked.keys() & {"dashboard", "widget"} else "No dashboard with a custom widget"
    raise RefusedError(HTTPStatus.NOT_FOUND, f"{missing} is deployed yet.")


def _context(widget: DashboardWidget, asked: Mapping[str, Any]) -> dict[str, Any]:
    """https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/add_custom_widget_dashboard_about.html"""
    return {
        "dashboardName": widget.dashboard,
        "widgetId": "widget-1",
        "accountId": ACCOUNT_ID,
        "locale": "en",
        "timezone": asked.get("timezone"),
        "period": 300,
        "isAutoPeriod": True,
        "timeRange": {"mode": "relative", "start": 0, "end": 0, "relativeStart": 10_800_000},
        "theme": asked.get("theme"),
        "linkCharts": True,
        "title": widget.title,
        "forms": {"all": asked.get("forms") or {}},
        "params": dict(widget.params),
        "width": asked.get("width"),
        "height": asked.get("height"),
    }


def _asked(environ: Mapping[str, Any]) -> Mapping[str, Any]:
    length = environ.get("CONTENT_LENGTH") or "0"
    if environ["REQUEST_METHOD"] != "POST":
        raise RefusedError(HTTPStatus.METHOD_NOT_ALLOWED, "Only GET and POST are known here.")
    if environ.get("CONTENT_TYPE") != "application/json":
        raise RefusedError(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "Expected application/json.")
    if not _LENGTH.fullmatch(length) or int(length) > _LONGEST_REQUEST:
        raise RefusedError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"At most {_LONGEST_REQUEST:,} bytes are taken.")
    try:
        asked = json.loads(cast("IO[bytes]", environ["wsgi.input"]).read(int(length)))
    except (ValueError, RecursionError) as error:
        raise RefusedError(HTTPStatus.BAD_REQUEST, f"No JSON: {error}") from error
    if not isinstance(asked, dict) or not isinstance(asked.get("params") or {}, dict):
        raise RefusedError(HTTPStatus.BAD_REQUEST, "Expected an object, and an object as its params.")
    return asked


def _page(start_response: StartResponse) -> Iterable[bytes]:
    nonce = secrets.token_urlsafe()
    page = (_HERE / "widget_page.html").read_text().replace("{{nonce}}", nonce)
    page = page.replace("{{script}}", (_HERE / "widget_page.js").read_text())
    policy = (
        f"default-src 'none'; script-src 'nonce-{nonce}'; style-src 'unsafe-inline'; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
    return answer(start_response, HTTPStatus.OK, "text/html; charset=utf-8", page, policy)
