"""Headless Chromium on the widget's page."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from shutil import which
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from selenium.webdriver import Chrome, ChromeOptions
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.ui import WebDriverWait

from tests.local_cloud.support import PATIENCE_SECONDS

FLAGS = (
    "headless",
    "no-sandbox",
    "disable-gpu",
    "disable-quic",
    "no-first-run",
    "disable-background-networking",
    "disable-component-update",
    "disable-sync",
    "hide-scrollbars",
    "no-proxy-server",
)
# For each text that is seen: its colour on the nearest background that is none of nothing. Composited, opaque.
CONTRASTS = """
const channel = (c) => (c /= 255) <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
const parse = (text) => text.match(/[\\d.]+/g).map(Number);
const light = ([r, g, b]) => 0.2126 * channel(r) + 0.7152 * channel(g) + 0.0722 * channel(b);
const behind = (element) => {
  for (let each = element; each; each = each.parentElement) {
    const colour = parse(getComputedStyle(each).backgroundColor);
    if (colour.length < 4 || colour[3] === 1) return colour;
  }
  return [255, 255, 255];
};
const found = [];
const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
while (walker.nextNode()) {
  const element = walker.currentNode.parentElement;
  if (!walker.currentNode.data.trim() || !element.checkVisibility() || element.closest("style,script,option")) continue;
  const [one, two] = [light(parse(getComputedStyle(element).color)), light(behind(element))].sort((a, b) => b - a);
  found.push([walker.currentNode.data.trim().slice(0, 40), (one + 0.05) / (two + 0.05)]);
}
for (const field of document.querySelectorAll("#frame input")) {
  const colour = getComputedStyle(field, "::placeholder").color;
  const [one, two] = [light(parse(colour)), light(behind(field))].sort((a, b) => b - a);
  found.push(["placeholder", (one + 0.05) / (two + 0.05)]);
}
return found;
"""


class BrowserMissingError(RuntimeError):
    """There is no Chromium on this machine."""


@contextmanager
def chromium(profile: Path) -> Iterator[Chrome]:
    """A browser with an empty profile. Nothing is downloaded: it and its driver are the machine's.

    Raises:
        BrowserMissingError: they are not installed.
    """
    binary, driver = which("chromium") or which("google-chrome"), which("chromedriver")
    if binary is None or driver is None:
        raise BrowserMissingError("chromium or chromedriver is missing: install Debian's chromium and chromium-driver.")
    options = ChromeOptions()
    options.binary_location = binary
    for flag in (*FLAGS, f"user-data-dir={profile}"):
        options.add_argument(f"--{flag}")
    proxies = [name for name in os.environ if name.lower().endswith("_proxy")]
    environment = {name: value for name, value in os.environ.items() if name not in proxies}
    browser = Chrome(options=options, service=Service(driver, env={**environment, "SE_OFFLINE": "true"}))
    try:
        yield browser
    finally:
        browser.quit()


class WidgetPage:
    """The page as its user meets it: waits for what it does, and never for time."""

    def __init__(self, browser: Chrome, url: str) -> None:
        self.browser = browser
        self.url = url

    def open(self, theme: str = "light", width: int = 1100, system: str = "light", **asked: str) -> None:
        """Open the page. `system`: the theme that the machine prefers; `asked`: what its address asks for."""
        preferred = {"features": [{"name": "prefers-color-scheme", "value": system}]}
        self.browser.execute_cdp_cmd("Emulation.setEmulatedMedia", preferred)
        self.browser.set_window_size(max(width + 60, 500), 1000)
        self.browser.get(f"{self.url}?{urlencode({'theme': theme, 'width': width, **asked})}")
        self.wait_until_shown()

    def wait_until_shown(self) -> None:
        """Wait for the first view."""
        self._wait(lambda: self.shown >= 1)

    @property
    def shown(self) -> int:
        """How often the widget was drawn."""
        return int(self.frame.get_attribute("data-shown") or 0)

    @property
    def frame(self) -> WebElement:
        return self.browser.find_element(By.ID, "frame")

    @property
    def address(self) -> dict[str, str]:
        """What the page's address asks for."""
        return {name: value for name, [value] in parse_qs(urlsplit(self.browser.current_url).query).items()}

    def typed(self, name: str) -> str:
        """What stands in a field."""
        return self.frame.find_element(By.NAME, name).get_attribute("value") or ""

    @property
    def text(self) -> str:
        return self.frame.text

    @property
    def dialog(self) -> WebElement:
        return self.browser.find_element(By.ID, "dialog")

    def button(self, label: str) -> WebElement:
        """The one button of that label, or else the one whose label contains it."""
        buttons = {each: _label(each) for each in self.frame.find_elements(By.TAG_NAME, "button")}
        exact = [each for each, told in buttons.items() if told == label]
        [found] = exact or [each for each, told in buttons.items() if label in told]
        return found

    def click(self, label: str) -> None:
        """Click a button that asks nothing, and wait for what it shows."""
        self.shows(self.button(label).click)

    def shows(self, act: Callable[[], object]) -> None:
        """Do it, and wait until the widget was drawn anew."""
        before = self.shown
        act()
        self._wait(lambda: self.shown > before)

    def asks(self, act: Callable[[], object]) -> str:
        """Do it, and wait for what is asked before it is done."""
        act()
        self._wait(self.dialog.is_displayed)
        return self.dialog.text

    def answer(self, button: str) -> None:
        self.dialog.find_element(By.ID, button).click()

    def wait_until_closed(self) -> None:
        self._wait(lambda: not self.dialog.is_displayed())

    def type(self, name: str, text: str) -> None:
        self.frame.find_element(By.NAME, name).send_keys(text)

    def press(self, *keys: str) -> None:
        self.focused().send_keys(*keys)

    def tab_to(self, label: str) -> None:
        """Press Tab until the element of that label or name has the focus."""
        for _ in range(200):
            self.press(Keys.TAB)
            if label in _label(self.focused()):
                return
        raise AssertionError(f"no Tab leads to {label!r}")

    def focused(self) -> WebElement:
        return self.browser.switch_to.active_element

    def outline(self) -> str:
        """How the focus is seen."""
        return self.focused().value_of_css_property("outline-style")

    def contrasts(self) -> list[tuple[str, float]]:
        return [(text, ratio) for text, ratio in self.ask(CONTRASTS)]

    def ask(self, script: str, *arguments: object) -> Any:
        return self.browser.execute_script(script, *arguments)

    def _wait(self, condition: Callable[[], bool]) -> None:
        WebDriverWait(self.browser, PATIENCE_SECONDS, poll_frequency=0.05).until(lambda _: condition())


def _label(element: WebElement) -> str:
    return element.get_attribute("aria-label") or element.get_attribute("name") or element.text or ""
