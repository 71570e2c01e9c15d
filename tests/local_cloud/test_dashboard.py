"""The deployed dashboard in a browser: what it draws, that it can be read, and that it runs nothing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from tests.local_cloud.application import Application, different, sample
from tests.local_cloud.browser import CONTRASTS

HOSTILE = "\"><script>window.pwned=1</script><img src=x onerror=window.pwned=2></svg>'&"
WIDE, NARROW = 1400, 320


class DashboardPage:
    """The page as its user meets it."""

    def __init__(self, browser: Chrome, url: str) -> None:
        self.browser = browser
        self.url = url

    def open(self, width: int = WIDE, system: str = "light", **query: str) -> None:
        preferred = {"features": [{"name": "prefers-color-scheme", "value": system}]}
        self.browser.execute_cdp_cmd("Emulation.setEmulatedMedia", preferred)
        size = {"width": width, "height": 1000, "deviceScaleFactor": 1, "mobile": False}
        self.browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
        self.browser.get(f"{self.url}?{'&'.join(f'{name}={value}' for name, value in query.items())}")

    def ask(self, script: str) -> Any:
        return self.browser.execute_script(script)

    def widget(self, title: str) -> Any:
        [found] = [each for each in self.browser.find_elements(By.CSS_SELECTOR, ".widget") if heading(each) == title]
        return found

    @property
    def text(self) -> str:
        return self.browser.find_element(By.TAG_NAME, "body").text


def heading(widget: Any) -> str:
    return "".join(each.text for each in widget.find_elements(By.TAG_NAME, "h2"))


@pytest.fixture(scope="module")
def body(app: Application) -> dict[str, Any]:
    """The body of the deployed dashboard, after a document has succeeded and one was ignored."""
    app.cloud.forward()  # so that the alarms have a state before
    for task_id in (
        app.upload("drawn/invoice.pdf", different(sample("invoice-1001"), "drawn")),
        app.upload("drawn/scan.pdf", different(sample("hopeless-scan"), "drawn")),
    ):
        app.ended(task_id)
    app.cloud.forward()
    found = app.cloud.client("cloudwatch").get_dashboard(DashboardName=app.stack)["DashboardBody"]
    return dict(json.loads(found))


@pytest.fixture(scope="module")
def page(app: Application, browser: Chrome) -> DashboardPage:
    return DashboardPage(browser, app.cloud.dashboard_url)


def test_every_widget_of_the_body_is_there(page: DashboardPage, body: dict[str, Any]) -> None:
    page.open()
    titles = [each["properties"].get("title", "") for each in body["widgets"]]
    assert sorted(map(heading, page.browser.find_elements(By.CSS_SELECTOR, ".widget"))) == sorted(titles)
    drawn = [each for each in body["widgets"] if each["type"] == "metric"]
    assert len(page.browser.find_elements(By.CSS_SELECTOR, ".plot svg")) == len(drawn)
    assert "Not drawn here" not in page.text
    assert "not evaluated" not in page.text.lower()


@pytest.mark.usefixtures("body")
def test_what_has_happened_is_drawn(page: DashboardPage) -> None:
    page.open(minutes="15")
    throughput = page.widget("Throughput (tasks a minute)")
    assert throughput.find_elements(By.CSS_SELECTOR, "svg .line, svg .dot")
    assert "Extract TaskSucceeded" in throughput.text
    alarms = page.widget("Alarms")
    [first, *_] = alarms.find_elements(By.CSS_SELECTOR, "details")
    assert "In alarm" in first.text
    assert "IgnoredExtract" in alarms.text
    addresses = [each.get_attribute("href") or "" for each in alarms.find_elements(By.TAG_NAME, "a")]
    assert any(each.endswith("&view=list&step=Extract&status=ignored") for each in addresses)
    assert "OK → ALARM" in page.browser.find_element(By.TAG_NAME, "footer").text


@pytest.mark.usefixtures("body")
def test_by_keyboard_alone(page: DashboardPage) -> None:
    page.open()
    for _ in range(200):
        page.browser.switch_to.active_element.send_keys(Keys.TAB)
        if "IgnoredExtract" in page.browser.switch_to.active_element.text:
            break
    focused = page.browser.switch_to.active_element
    assert (focused.tag_name, focused.value_of_css_property("outline-style")) == ("summary", "solid")
    focused.send_keys(Keys.ENTER)
    opened = page.browser.find_element(By.CSS_SELECTOR, "details[open]").text
    assert "Extract has set tasks aside." in opened
    assert "greater than the threshold 0" in opened


@pytest.mark.usefixtures("body")
@pytest.mark.parametrize("width", [NARROW, WIDE])
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_it_can_be_read_in_both_themes_and_widths(page: DashboardPage, tmp_path: Path, theme: str, width: int) -> None:
    page.open(width, theme=theme, minutes="15")
    contrasts = page.ask(CONTRASTS)
    assert len(contrasts) > 100
    assert [(text, ratio) for text, ratio in contrasts if ratio < 4.5] == []
    page.ask("for (const each of document.querySelectorAll('details')) each.open = true")
    assert [(text, ratio) for text, ratio in page.ask(CONTRASTS) if ratio < 4.5] == []
    assert page.ask("return document.documentElement.scrollWidth <= innerWidth")
    background = page.ask("return getComputedStyle(document.body).backgroundColor")
    assert background == {"light": "rgb(242, 244, 246)", "dark": "rgb(12, 18, 27)"}[theme]
    assert page.browser.save_screenshot(str(tmp_path / f"dashboard-{theme}-{width}.png"))


@pytest.mark.parametrize(("system", "background"), [("light", "rgb(242, 244, 246)"), ("dark", "rgb(12, 18, 27)")])
def test_the_theme_is_the_systems_unless_chosen(page: DashboardPage, system: str, background: str) -> None:
    page.open(system=system)
    assert page.ask("return getComputedStyle(document.body).backgroundColor") == background


def test_nothing_is_fetched_from_elsewhere(page: DashboardPage) -> None:
    page.open()
    assert page.ask("return performance.getEntriesByType('resource').map(each => each.name)") == []
    assert page.ask("return document.scripts.length") == 0


def test_hostile_texts_are_text(app: Application, page: DashboardPage) -> None:
    metric = ["Orders", HOSTILE, "step", HOSTILE, {"label": HOSTILE}]
    widgets = [
        {"type": "text", "properties": {"markdown": f"{HOSTILE} **{HOSTILE}** [x](javascript:alert(1))"}},
        {"type": "metric", "properties": {"title": HOSTILE, "metrics": [metric, [{"expression": f"F('{HOSTILE}')"}]]}},
        {"type": "metric", "properties": {"title": HOSTILE, "view": HOSTILE, "metrics": [metric]}},
        {"type": "alarm", "properties": {"title": HOSTILE, "alarms": [f"arn:aws:cloudwatch:::alarm:{HOSTILE}"]}},
        {"type": "log", "properties": {"title": HOSTILE, "query": HOSTILE}},
        {"type": HOSTILE, "properties": {"title": HOSTILE}},
    ]
    cloudwatch = app.cloud.client("cloudwatch")
    cloudwatch.put_dashboard(DashboardName="hostile", DashboardBody=json.dumps({"widgets": widgets}))
    try:
        page.open(name="hostile")
        assert page.text.count(HOSTILE) > len(widgets)
        assert page.ask("return document.querySelectorAll('script, img, main a').length") == 0
        assert page.ask("return window.pwned") is None
    finally:
        cloudwatch.delete_dashboards(DashboardNames=["hostile"])
