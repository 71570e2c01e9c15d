"""The deployed widget in a browser: looked at, and acted with, by mouse and by keyboard."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from selenium.webdriver import Chrome
from selenium.webdriver.common.keys import Keys

from status_tracker.operations.pipeline import Pipeline
from tests.local_cloud.application import LAST, SUCCEEDED, Application, different, sample
from tests.local_cloud.browser import WidgetPage
from tests.local_cloud.support import Functions
from tests.unit.widget.page import Page

HOSTILE = "\"><script>window.pwned=1</script><img src=x onerror=window.pwned=2></cwdb-action>'&.pdf#1"
STRIPPED = """
<p onclick="window.pwned=1" id="mine">text</p><script>window.pwned=2</script><iframe src="/"></iframe>
<a href="javascript:window.pwned=3">link</a><img src=x onerror="window.pwned=4"><svg onload="window.pwned=5"></svg>
"""


@pytest.fixture(scope="module")
def page(app: Application, browser: Chrome) -> WidgetPage:
    return WidgetPage(browser, app.cloud.widget_url)


def item(app: Application, task_id: str) -> dict[str, Any]:
    return app.task(task_id).to_dict()


def test_a_document_is_listed_opened_and_run_again(app: Application, page: WidgetPage) -> None:
    task_id = app.upload("widget/again.pdf", different(sample("invoice-1001"), "again"))
    app.ended(task_id)
    page.open()
    page.click(f"succeeded in {LAST}")
    page.click(task_id)
    page.type("reason", "new questions <b>")
    asked = page.asks(page.button("Rerun from Extract").click)
    assert f"Rerun from Extract: {task_id}" in asked
    assert "a new run starts at once" in asked
    page.shows(lambda: page.answer("confirm"))
    assert f"Done: Rerun. {task_id} is now pending in Extract, run 1." in page.text
    assert f"{LAST}: ✓ succeeded" in page.text
    assert app.executions(task_id) == ["SUCCEEDED", "SUCCEEDED"]
    task = app.ended(task_id)
    assert (task.status, task.run) == (SUCCEEDED, 1)
    (action,) = task.errors["actions"]
    assert (action["action"], action["reason"]) == ("rerun", "new questions <b>")
    assert action["by"].startswith("CloudWatch dashboard status-tracker-local of account 123456789012, Lambda ")


def test_many_clicks_at_once_are_one(app: Application) -> None:
    task_id = app.upload("widget/clicks.pdf", different(sample("invoice-1001"), "clicks"))
    app.ended(task_id)
    functions = app.cloud.client("lambda")

    def invoke(function: str, event: dict[str, Any]) -> Page:
        return Page(json.load(functions.invoke(FunctionName=function, Payload=json.dumps(event).encode())["Payload"]))

    shown = invoke("status-tracker-local-widget-viewer", {"view": "task", "task_id": task_id})
    button = shown.call("Rerun from Extract")
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: invoke(button.endpoint, button.values), range(8)))
    assert [answer.text.startswith("Done: ") for answer in answers] == [True] * 8
    assert app.executions(task_id) == ["SUCCEEDED", "SUCCEEDED"]
    task = app.ended(task_id)
    assert (task.run, len(task.errors["actions"])) == (1, 1)


def test_cancelled_it_changes_nothing(app: Application, page: WidgetPage) -> None:
    task_id = app.upload("widget/cancel.pdf", different(sample("hopeless-scan"), "cancel"))
    app.ended(task_id)
    before = item(app, task_id)
    page.open()
    page.click("ignored in Extract")
    page.click(task_id)
    drawn = page.shown
    page.asks(page.button("Rerun from Extract").click)
    page.answer("cancel")
    page.wait_until_closed()
    page.asks(page.button("Un-ignore in Extract").click)
    page.press(Keys.ESCAPE)
    page.wait_until_closed()
    assert page.shown == drawn
    assert item(app, task_id) == before


def test_by_keyboard_alone(app: Application, page: WidgetPage) -> None:
    task_id = app.upload("widget/keys.pdf", different(sample("invoice-1001"), "keys"))
    app.ended(task_id)
    page.open()
    page.tab_to("task_id")
    page.press(task_id)
    page.tab_to("Open task")
    assert page.outline() == "solid"
    page.shows(lambda: page.press(Keys.ENTER))
    page.tab_to("reason")
    page.press("typed")
    page.tab_to(f"Rerun from {LAST}")
    page.asks(lambda: page.press(Keys.ENTER))
    assert page.focused().get_attribute("id") == "cancel"  # Enter pressed twice confirms nothing
    page.tab_to("Confirm")
    assert page.outline() == "solid"
    page.shows(lambda: page.press(Keys.ENTER))
    assert "Done: Rerun. " in page.text
    assert app.executions(task_id) == ["SUCCEEDED", "SUCCEEDED"]
    task = app.ended(task_id)
    assert (task.status, task.run, task.errors["actions"][0]["reason"]) == (SUCCEEDED, 1, "typed")


def test_an_address_opens_a_task_and_follows_what_is_shown(app: Application, page: WidgetPage) -> None:
    task_id = app.upload("widget/linked & known.pdf", different(sample("invoice-1001"), "linked"))
    app.ended(task_id)
    page.open(task=task_id)
    assert f"succeeded in {LAST}" in page.text
    page.click("Overview")
    assert "task" not in page.address
    page.click(f"succeeded in {LAST}")
    page.type("prefix", "widget/linked")
    page.shows(lambda: page.press(Keys.ENTER))
    assert page.address["prefix"] == "widget/linked"
    page.browser.refresh()
    page.wait_until_shown()
    assert (page.typed("prefix"), page.text.count(task_id)) == ("widget/linked", 1)
    page.click(task_id)
    assert page.address["task"] == task_id


def test_enter_looks_a_task_up_and_what_was_typed_stays(page: WidgetPage) -> None:
    page.open()
    page.type("task_id", "nobody's.pdf")
    page.shows(lambda: page.press(Keys.ENTER))
    assert "There is no task" in page.text
    assert page.typed("task_id") == "nobody's.pdf"


def test_a_reason_is_acted_on_after_a_look(app: Application, page: WidgetPage) -> None:
    for number in range(3):
        error = {"nth_retry": 1, "update_time": "2026", "error": f"QuotaError('over the quota by {number}')"}
        app.extract_task().make_and_save(f"widget/quota-{number}.pdf#1", _status=50, errors={"history": [error]})
    page.open()
    page.click("ignored in Extract")
    page.click("Act on: 3 × over the quota")  # noqa: RUF001
    assert "3 tasks match. Nothing was changed yet." in page.text
    asked = page.asks(page.button("Rerun from Extract: 3 tasks").click)
    assert "reason QuotaError: over the quota by #" in asked
    page.shows(lambda: page.answer("confirm"))
    assert "Done: Rerun from Extract: 3 done." in page.text
    assert [app.task(f"widget/quota-{number}.pdf#1").run for number in range(3)] == [1, 1, 1]


@pytest.fixture
def _resumed(app: Application) -> Iterator[None]:
    """Whatever becomes of the test: no step stays paused."""
    yield
    Pipeline({"Extract": app.extract_task()}).resume()


@pytest.mark.usefixtures("_resumed")
def test_work_is_paused_and_goes_on(app: Application, page: WidgetPage) -> None:
    page.open()
    page.ask("document.querySelector('#frame details').open = true")
    page.type("pause_reason", "a look at the bill")
    page.asks(page.button(f"Pause {LAST}").click)
    page.shows(lambda: page.answer("confirm"))
    assert f"{LAST} is paused: a look at the bill" in page.text
    page.asks(page.button(f"Resume {LAST}").click)
    page.shows(lambda: page.answer("confirm"))
    assert "is paused" not in page.text
    task_id = app.upload("widget/resumed.pdf", different(sample("invoice-1001"), "resumed"))
    assert app.ended(task_id).status == SUCCEEDED


@pytest.mark.parametrize("width", [320, 1100])
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_it_can_be_read_in_both_themes_and_widths(
    app: Application, page: WidgetPage, tmp_path: Path, theme: str, width: int
) -> None:
    task_id = app.upload("widget/look.pdf", different(sample("hopeless-scan"), "look"))
    app.ended(task_id)
    page.open(theme, width)
    for view, label in (("overview", None), ("list", "ignored in Extract"), ("task", task_id)):
        if label is not None:
            page.click(label)
        picture = tmp_path / f"{view}-{theme}-{width}.png"
        assert page.browser.save_screenshot(str(picture))
        contrasts = page.contrasts()
        assert len(contrasts) > 10
        assert [(text, ratio) for text, ratio in contrasts if ratio < 4.5] == []
        assert page.ask("return frame.scrollWidth <= frame.clientWidth && document.body.scrollWidth <= innerWidth")
        assert page.ask("return document.querySelector('#frame .stt').lang") == "en"
        assert (
            page.ask("return getComputedStyle(document.querySelector('#frame .stt')).backgroundColor")
            == {
                "light": "rgb(255, 255, 255)",
                "dark": "rgb(22, 29, 38)",
            }[theme]
        )


@pytest.mark.parametrize(("system", "classes"), [("light", "stt"), ("dark", "stt dark")])
def test_the_theme_is_the_systems_unless_chosen(page: WidgetPage, system: str, classes: str) -> None:
    page.open("system", system=system)
    assert page.ask("return document.querySelector('#frame .stt').className") == f"cwdb-no-default-styles {classes}"


def test_hostile_ids_are_text(app: Application, page: WidgetPage) -> None:
    error = {"nth_retry": 1, "update_time": HOSTILE, "error": HOSTILE, "traceback": HOSTILE}
    app._task.make_and_save(HOSTILE, data={HOSTILE: HOSTILE}, _status=50, errors={"history": [error]})
    page.open()
    page.click("ignored in Extract")
    page.click(HOSTILE)
    assert page.frame.text.count(HOSTILE) >= 2
    assert HOSTILE in page.asks(page.button("Rerun from Extract").click)
    page.answer("cancel")
    page.wait_until_closed()
    assert page.ask("return document.querySelectorAll('#frame script, #frame img').length") == 0
    assert page.ask("return window.pwned") is None


def test_the_page_strips_what_cloudwatch_strips(page: WidgetPage, functions: Functions) -> None:
    arn = functions.make("hostile-widget", f"def handler(event, context): return {STRIPPED!r}")
    page.open()
    page.shows(lambda: page.ask("call(arguments[0], {}, false)", arn))
    page.frame.find_element("id", "mine").click()
    assert page.ask("return document.querySelectorAll('#frame script, #frame iframe').length") == 0
    assert page.ask("return document.querySelector('#frame a').getAttribute('href')") is None
    assert page.ask("return window.pwned") is None
