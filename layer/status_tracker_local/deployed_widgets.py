"""The custom widgets of the dashboards that were deployed, and where their pages are."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode

from moto.cloudwatch.models import cloudwatch_backends

from status_tracker_local.account import ACCOUNT_ID, DASHBOARD_PATH, REGION, WIDGET_PATH


@dataclass(frozen=True)
class DashboardWidget:
    """A custom widget as its dashboard defines it.

    Attributes:
        key: tells it from the others of its dashboard, unless they are the same.
    """

    dashboard: str
    key: str
    title: str
    endpoint: str
    params: Mapping[str, Any]


def deployed_dashboards() -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The name and the body of each dashboard."""
    for dashboard in list(cloudwatch_backends[ACCOUNT_ID][REGION].dashboards.values()):
        yield dashboard.name, json.loads(dashboard.body)


def deployed_widgets() -> Iterator[DashboardWidget]:
    """The custom widgets of all dashboards."""
    for name, body in deployed_dashboards():
        for each in body.get("widgets", []):
            if each["type"] == "custom":
                found = each["properties"]
                params = found.get("params") or {}
                yield DashboardWidget(name, _key(found), found.get("title") or name, found["endpoint"], params)


def widget_path(dashboard: str, properties: Mapping[str, Any]) -> str:
    """The path of the page of a custom widget, given by the name of its dashboard and its own properties."""
    return _path(dashboard, _key(properties))


def list_path(dashboard: str, step: str, status: str) -> str:
    """The path of a list of tasks in the widget of that dashboard; `status` as people write it."""
    asked = {"dashboard": dashboard, "view": "list", "step": step, "status": status.replace(" ", "_")}
    return f"{WIDGET_PATH}?{urlencode(asked)}"


def page_paths() -> list[tuple[str, str]]:
    """What there are pages of, all dashboards and their custom widgets, each with the path of its page."""
    dashboards = [(f"dashboard {name}", f"{DASHBOARD_PATH}?name={quote(name)}") for name, _ in deployed_dashboards()]
    widgets = [
        (f"widget {each.title}, of the dashboard {each.dashboard}", _path(each.dashboard, each.key))
        for each in deployed_widgets()
    ]
    return [*dashboards, *widgets]


def _path(dashboard: str, key: str) -> str:
    return f"{WIDGET_PATH}?{urlencode({'dashboard': dashboard, 'widget': key})}"


def _key(properties: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(properties, sort_keys=True).encode()).hexdigest()[:12]
