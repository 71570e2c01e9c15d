"""The page that plays CloudWatch, as its server side answers: to whom, and with what event for the function."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from html import escape
from typing import Any
from urllib.parse import parse_qs

import pytest
from moto import mock_aws
from moto.cloudwatch.models import cloudwatch_backends

from status_tracker_local.deployed_widgets import list_path, page_paths
from status_tracker_local.runtime_api import Outcome
from status_tracker_local.start_page import start_page
from status_tracker_local.widget_page import WidgetPage

ENDPOINT = "arn:aws:lambda:us-east-1:123456789012:function:viewer"
HOST = "localhost:4566"


class Server:
    """The page, and what it has invoked."""

    def __init__(self) -> None:
        self.invoked: list[tuple[str, dict[str, Any]]] = []
        self.status = ""
        self.headers: dict[str, str] = {}
        self._page = WidgetPage(self._invoke)

    def _invoke(self, arn: str, event: bytes) -> Outcome:
        if "missing" in arn:
            raise LookupError(arn)
        self.invoked.append((arn, json.loads(event)))
        return Outcome(b'"<p>hello</p>"', is_error=False)

    def ask(self, method: str, body: object = None, **headers: str) -> str:
        sent = body if isinstance(body, bytes) else json.dumps(body).encode()
        environ = {
            "REQUEST_METHOD": method,
            "HTTP_HOST": HOST,
            "HTTP_ORIGIN": f"http://{HOST}",
            "CONTENT_TYPE": "application/json",
            "CONTENT_LENGTH": str(len(sent)),
            "wsgi.input": io.BytesIO(sent),
            **headers,
        }
        return b"".join(self._page(environ, self._start)).decode()

    def _start(self, status: str, headers: list[tuple[str, str]]) -> None:
        self.status, self.headers = status, dict(headers)


@pytest.fixture
def server() -> Iterator[Server]:
    widget = {"type": "custom", "properties": {"title": "Tasks", "endpoint": ENDPOINT, "params": {"view": "overview"}}}
    body = json.dumps({"widgets": [{"type": "metric", "properties": {}}, widget]})
    with mock_aws():
        cloudwatch_backends["123456789012"]["us-east-1"].put_dashboard("status-tracker-local", body)
        yield Server()


def test_the_function_is_told_what_cloudwatch_would_tell(server: Server) -> None:
    seen = {"theme": "dark", "width": 400, "height": 300, "timezone": {"offsetISO": "+02:00"}, "forms": {"reason": "x"}}
    answer = json.loads(server.ask("POST", {"endpoint": None, "params": None, **seen}))
    assert answer == {"title": "Tasks", "failed": False, "answer": "<p>hello</p>"}
    [(endpoint, event)] = server.invoked
    context = event.pop("widgetContext")
    assert (endpoint, event) == (ENDPOINT, {"view": "overview"})
    assert context["dashboardName"] == "status-tracker-local"
    assert context["accountId"] == "123456789012"
    assert (context["theme"], context["width"], context["forms"]) == ("dark", 400, {"all": {"reason": "x"}})
    assert (context["params"], context["timezone"]) == ({"view": "overview"}, {"offsetISO": "+02:00"})


def test_an_action_calls_its_own_endpoint_with_its_own_values(server: Server) -> None:
    server.ask("POST", {"endpoint": "arn:x", "params": {"action": "rerun", "widgetContext": "forged"}})
    [(endpoint, event)] = server.invoked
    assert (endpoint, event["action"]) == ("arn:x", "rerun")
    assert event["widgetContext"]["dashboardName"] == "status-tracker-local"


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize(
    "headers",
    [
        {"HTTP_HOST": "attacker.example:4566"},
        {"HTTP_HOST": "localhost.attacker.example:4566"},
        {"HTTP_HOST": "localhost"},
        {"HTTP_HOST": "bucket.localhost:4566", "HTTP_ORIGIN": "http://bucket.localhost:4566"},
        {"HTTP_HOST": ""},
        {"HTTP_ORIGIN": "https://attacker.example"},
        {"HTTP_ORIGIN": "http://localhost:9999"},
        {"HTTP_ORIGIN": "null"},
        {"HTTP_SEC_FETCH_SITE": "cross-site"},
    ],
)
def test_other_sites_are_refused(server: Server, method: str, headers: dict[str, str]) -> None:
    server.ask(method, {}, **headers)
    assert server.status.startswith("403")
    assert server.invoked == []


def test_a_post_has_to_say_where_it_comes_from(server: Server) -> None:
    for environ in ({}, {"HTTP_ORIGIN": ""}):
        WidgetPage(server._invoke)({"REQUEST_METHOD": "POST", "HTTP_HOST": HOST, **environ}, server._start)
        assert server.status.startswith("403")


@pytest.mark.parametrize("host", ["127.0.0.1:4566", "[::1]:4566", "localhost:80"])
def test_this_machine_is_answered(server: Server, host: str) -> None:
    assert "<title>" in server.ask("GET", HTTP_HOST=host, HTTP_ORIGIN="")
    server.ask("POST", {}, HTTP_HOST=host, HTTP_ORIGIN=f"http://{host}")
    assert server.status == "200 OK"


def test_only_its_own_script_runs_on_the_page(server: Server) -> None:
    pages = [server.ask("GET"), server.ask("GET")]
    assert len(set(pages)) == 2  # a new nonce each time
    policy = server.headers["Content-Security-Policy"]
    nonce = policy.partition("'nonce-")[2].partition("'")[0]
    assert f'<script nonce="{nonce}">' in pages[1]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        (b"{", {}, "400"),
        (b"[" * 100_000, {}, "400"),
        ([], {}, "400"),
        ({"params": [1]}, {}, "400"),
        ({}, {"CONTENT_TYPE": "text/plain"}, "415"),
        ({}, {"CONTENT_LENGTH": "1000001"}, "413"),
        ({}, {"CONTENT_LENGTH": "-1"}, "413"),
        ({}, {"CONTENT_LENGTH": "²"}, "413"),
        ({}, {"CONTENT_LENGTH": "٣"}, "413"),
        ({}, {"CONTENT_LENGTH": "9" * 5_000}, "413"),
        ({"endpoint": "missing"}, {}, "502"),
    ],
)
def test_what_makes_no_sense_is_refused(server: Server, body: object, headers: dict[str, str], status: str) -> None:
    server.ask("POST", body, **headers)
    assert server.status.startswith(status)
    assert server.invoked == []


def test_other_methods_are_refused(server: Server) -> None:
    server.ask("DELETE", {})
    assert server.status.startswith("405")


def test_each_widget_of_each_dashboard_has_a_page(server: Server) -> None:
    widgets = [{"type": "custom", "properties": {"title": t, "endpoint": f"arn:{t}"}} for t in ("Orders", "Mails")]
    body = json.dumps({"widgets": widgets})
    cloudwatch_backends["123456789012"]["us-east-1"].put_dashboard("another & one", body)
    pages = dict(page_paths())
    assert list(pages) == [
        "dashboard status-tracker-local",
        "dashboard another & one",
        "widget Tasks, of the dashboard status-tracker-local",
        "widget Orders, of the dashboard another & one",
        "widget Mails, of the dashboard another & one",
    ]
    query = pages["widget Mails, of the dashboard another & one"].partition("?")[2]
    answer = json.loads(server.ask("POST", {}, QUERY_STRING=query))
    assert (answer["title"], server.invoked[0][0]) == ("Mails", "arn:Mails")
    server.ask("POST", {}, QUERY_STRING="dashboard=status-tracker-local&widget=another")
    assert server.status.startswith("404")


def test_a_skeleton_stands_where_the_widget_will_be(server: Server) -> None:
    page = server.ask("GET")
    assert 'aria-busy="true"' in page
    assert '<div class="skeleton" aria-hidden="true">' in page


def test_a_list_has_an_address(server: Server) -> None:
    path, _, query = list_path("status-tracker-local", "Extract", "in progress").partition("?")
    assert path == "/_local_cloud/widget"
    assert parse_qs(query) == {
        "dashboard": ["status-tracker-local"],
        "view": ["list"],
        "step": ["Extract"],
        "status": ["in_progress"],
    }
    assert json.loads(server.ask("POST", {}, QUERY_STRING=query))["title"] == "Tasks"


def test_the_start_page_leads_to_all_of_them(server: Server) -> None:
    environ = {"REQUEST_METHOD": "GET", "HTTP_HOST": HOST}
    page = b"".join(start_page(environ, server._start)).decode()
    assert server.status == "200 OK"
    assert page.count("<li>") == 2
    for path in dict(page_paths()).values():
        assert f'href="{escape(path)}"' in page
    start_page({**environ, "HTTP_HOST": "attacker.example"}, server._start)
    assert server.status.startswith("403")


def test_before_anything_is_deployed() -> None:
    with mock_aws():
        server = Server()
        assert "No dashboard with a custom widget is deployed yet." in server.ask("POST", {})
        assert server.status.startswith("404")
