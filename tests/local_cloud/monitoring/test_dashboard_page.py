"""The page of the dashboards, as the server answers: to whom, and what it makes of a body."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from moto import mock_aws

from status_tracker_local.account import ACCOUNT_ID, REGION
from status_tracker_local.monitoring.dashboard_page import DashboardPage
from status_tracker_local.monitoring.drawing import figure
from status_tracker_local.monitoring.metrics import Datum
from status_tracker_local.monitoring.monitor import Monitor

HOST = "localhost:4566"
FAILED = ["Orders", "Failed", "step", "Pack"]


class Server:
    """The page, and an account with dashboards."""

    def __init__(self, logs: Path) -> None:
        self.monitor = Monitor(logs, lambda *_: True)
        self.status = ""
        self.headers: dict[str, str] = {}
        self._page = DashboardPage(self.monitor)

    def put(self, *widgets: object, name: str = "orders", **body: object) -> None:
        self.monitor.metrics.backend.put_dashboard(name, json.dumps({"widgets": widgets, **body}))

    def failed(self, value: float, minutes_ago: int = 0) -> None:
        at = self.monitor.clock.now() - 60 * minutes_ago
        self.monitor.metrics.put([Datum.make("Orders", "Failed", {"step": "Pack"}, value, at)])

    def get(self, query: str = "", method: str = "GET", **headers: str) -> str:
        environ = {"REQUEST_METHOD": method, "HTTP_HOST": HOST, "QUERY_STRING": query, **headers}
        return b"".join(self._page(environ, self._start)).decode()

    def _start(self, status: str, headers: list[tuple[str, str]]) -> None:
        self.status, self.headers = status, dict(headers)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    with mock_aws():
        yield Server(tmp_path)


def metric(*rows: object, **properties: object) -> dict[str, Any]:
    return {"type": "metric", "width": 8, "properties": {"title": "Failures", "metrics": rows, **properties}}


@pytest.mark.parametrize(
    "headers",
    [
        {"HTTP_HOST": "attacker.example:4566"},
        {"HTTP_ORIGIN": "https://attacker.example"},
        {"HTTP_SEC_FETCH_SITE": "cross-site"},
    ],
)
def test_other_sites_are_refused(server: Server, headers: dict[str, str]) -> None:
    server.put()
    server.get(**headers)
    assert server.status.startswith("403")


def test_only_what_is_there_is_shown(server: Server) -> None:
    assert server.get() == "No dashboard is deployed yet."
    assert server.status.startswith("404")
    server.put(name="first")
    server.put(name="second")
    assert "<title>first</title>" in server.get()
    assert "<title>second</title>" in server.get("name=second")
    assert server.get("name=third") == "There is no dashboard third; there is first, second."
    assert server.status.startswith("404")
    server.get(method="POST", HTTP_ORIGIN=f"http://{HOST}")
    assert server.status.startswith("405")


def test_nothing_may_run_or_be_fetched(server: Server) -> None:
    server.put()
    server.get()
    policy = server.headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'")
    assert "script" not in policy


def test_what_is_chosen_is_kept_and_nonsense_is_not(server: Server) -> None:
    server.put(start="-PT30M")
    page = server.get("theme=dark&minutes=60&refresh=60")
    assert '<html lang="en" data-theme="dark">' in page
    assert '<meta http-equiv="refresh" content="60">' in page
    assert '<option value="60" selected>1 hour</option>' in page
    page = server.get("theme=%22%3E&minutes=-1&refresh=0")
    assert '<html lang="en">' in page
    assert "http-equiv" not in page
    assert '<option value="30" selected>as the dashboard</option>' in page


def test_the_values_of_a_graph_are_told(server: Server) -> None:
    row = [*FAILED, {"label": "failed", "stat": "Sum", "period": 60}]
    server.put(
        metric(
            row,
            [{"expression": "m * 1000", "label": "many", "period": 60}],
            [*FAILED, {"id": "m", "visible": False, "stat": "Sum", "period": 60}],
        )
    )
    for value, minutes_ago in ((2, 5), (4, 4), (1.5, 1)):
        server.failed(value, minutes_ago)
    page = server.get()
    assert 'aria-label="Failures. failed: 1.5; many: 1,500"' in page
    values = "<td>Sum</td><td>60 s</td><td>3</td><td>1.5</td><td>4</td><td>1.5</td>"
    assert f'<th scope="row">failed</th>{values}' in page
    assert page.count('<path class="line c0" d="M') == 1  # two periods that follow one another
    assert page.count('<path class="dot c0"') == 1  # and one alone


def test_names_are_taken_from_the_line_before(server: Server) -> None:
    server.put(
        metric([*FAILED, {"stat": "Sum"}], [".", "Kept", "...", {"stat": "Sum"}], ["...", "Send", {"stat": "Sum"}])
    )
    server.failed(7)
    server.monitor.metrics.put([Datum.make("Orders", "Kept", {"step": "Send"}, 9, server.monitor.clock.now())])
    assert 'aria-label="Failures. Failed: 7; Kept: no data; Kept: 9"' in server.get()


@pytest.mark.parametrize(
    ("row", "why"),
    [
        ([{"expression": "ANOMALY_DETECTION_BAND(m)"}], "the function ANOMALY_DETECTION_BAND is not known here"),
        ([{"expression": "SEARCH('{A}', 'Sum')"}], "is not known here"),
        ([*FAILED, {"stat": "tm90"}], "the statistic tm90 is not known here"),
        ([*FAILED, {"period": 10}], "a period of 10 s is not known here"),
        ([*FAILED, {"region": "eu-west-1"}], "the region eu-west-1 is not known here"),
        ([*FAILED, {"accountId": "210987654321"}], "the account 210987654321 is not known here"),
    ],
)
def test_what_is_not_known_is_not_evaluated(server: Server, row: list[object], why: str) -> None:
    server.put(metric(row, [*FAILED, {"stat": "Sum", "label": "known"}]))
    server.failed(3)
    page = server.get()
    assert "not evaluated: " in page
    assert why in page
    assert "known: 3" in page  # the rest of the graph is drawn


def test_what_comes_of_another_region_is_not_evaluated_either(server: Server) -> None:
    there = [*FAILED, {"id": "m", "region": "eu-west-1", "visible": False}]
    server.put(
        metric(there, [{"expression": "m * 1000", "label": "many"}]),
        metric(FAILED, region="eu-west-2"),
        metric([*FAILED, {"accountId": ACCOUNT_ID, "region": REGION}], region=REGION),
    )
    server.failed(3)
    page = server.get()
    assert "Failures. many: not evaluated: the region eu-west-1 is not known here" in page
    assert "Failures. Failed: not evaluated: the region eu-west-2 is not known here" in page
    assert "Failures. Failed: 3" in page


@pytest.mark.parametrize("stacked", [False, True])
@pytest.mark.parametrize("value", [5e-324, 1e-320, 1.7e308, -1.7e308, float("inf"), float("-inf")])
def test_a_value_beyond_all_measure_is_told(server: Server, value: float, *, stacked: bool) -> None:
    rows = [[*FAILED, {"stat": "Sum", "period": 60, "label": f"line {number}"}] for number in range(2)]
    server.put(metric(*rows, stacked=stacked, annotations={"horizontal": [{"value": value, "label": "limit"}]}))
    server.failed(value)
    page = server.get()
    assert f"line 0: {figure(value)}" in page
    assert not [path for path in re.findall(r' d="([^"]*)"', page) if re.search("nan|inf", path)]


@pytest.mark.parametrize(
    ("properties", "told"),
    [
        ({"yAxis": {"left": {"min": 0}}, "legend": {"position": "right"}, "liveData": False}, ""),
        ({"yAxis": {"left": {"min": 5}}}, "yAxis"),
        ({"timezone": "+0100", "annotations": {"vertical": [{"value": "2026-01-01T00:00:00Z"}]}}, "timezone, vertical"),
        ({"annotations": {"horizontal": [[{"value": 1}, {"value": 2}], {"value": 3}]}}, "bands"),
        ({"metrics": [[*FAILED, {"yAxis": "left"}], [*FAILED, {"yAxis": "right", "color": "#000000"}]]}, "yAxis"),
    ],
)
def test_what_a_graph_leaves_out_is_told(server: Server, properties: dict[str, Any], told: str) -> None:
    server.put(metric(FAILED, **properties))
    page = server.get()
    assert page.count('class="graph"') == 1
    assert (f'<p class="quiet">Not drawn here: {told}.</p>' in page) == bool(told)
    assert page.count("Not drawn here") == bool(told)


def test_what_cannot_be_drawn_says_so(server: Server) -> None:
    server.put(
        metric(FAILED, view="gauge"),
        metric(["Orders"]),
        {"type": "explorer"},
        {"type": "metric"},
        {"type": "log", "properties": {"query": "fields <b>"}},
        {"type": "custom", "properties": {}},
        {"type": "metric", "properties": {"view": "singleValue", "metrics": [[*FAILED, {"stat": "Sum"}]]}},
    )
    server.failed(12)
    page = server.get()
    assert page.count("Not drawn here: ") == 5
    assert "fields &lt;b&gt;" in page
    assert re.search(r'href="/_local_cloud/widget\?dashboard=\w+&amp;widget=\w+"', page)
    assert "<dt>Failed</dt><dd>12</dd>" in page


scalars = st.none() | st.booleans() | st.integers(-5, 100) | st.text(max_size=5)
things = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["metrics", "alarms", "markdown", "view", "annotations", "horizontal", "title", "period", "stat", "x"]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=8,
)
kinds = st.sampled_from(["text", "metric", "alarm", "log", "custom", "other"])


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    st.lists(
        st.fixed_dictionaries(
            {
                "type": kinds,
                "properties": st.dictionaries(
                    st.sampled_from(["metrics", "alarms", "markdown", "view", "annotations", "query", "title"]),
                    things,
                    max_size=5,
                ),
            }
        ),
        max_size=3,
    )
)
def test_whatever_a_body_holds_the_page_is_there(server: Server, widgets: list[object]) -> None:
    server.put(*widgets, {"type": "text", "properties": {"markdown": "the last one"}})
    assert "<p>the last one</p>" in server.get()
