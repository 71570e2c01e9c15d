"""The widget's HTML as a reader takes it: every element and attribute has to be of our own vocabulary."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any

GLOBAL = {"class", "lang", "role", "aria-label", "aria-hidden"}
VOCABULARY: dict[str, set[str]] = {
    "style": set(),
    "div": set(),
    "nav": set(),
    "h2": set(),
    "h3": set(),
    "p": set(),
    "span": set(),
    "strong": set(),
    "bdi": set(),
    "br": set(),
    "time": {"datetime"},
    "table": set(),
    "caption": set(),
    "thead": set(),
    "tbody": set(),
    "tr": set(),
    "th": {"scope", "colspan"},
    "td": {"colspan"},
    "pre": {"tabindex"},
    "details": {"open"},
    "summary": set(),
    "label": set(),
    "form": {"method"},
    "ul": set(),
    "li": set(),
    "input": {"name", "type", "maxlength", "placeholder", "value"},
    "button": {"type"},
    "a": {"href", "target", "rel"},
    "cwdb-action": {"action", "display", "endpoint", "confirmation"},
}
EMPTY = {"br", "input"}


@dataclass
class Call:
    """A button and what it calls."""

    label: str
    endpoint: str
    confirmation: str | None
    values: dict[str, Any]


@dataclass
class Page(HTMLParser):
    """A parsed answer. Fails at the first element or attribute that is not ours, and at what is not nested well."""

    html: str
    text: str = ""
    calls: list[Call] = field(default_factory=list)
    links: list[str] = field(default_factory=list)
    typed: dict[str, str] = field(default_factory=dict)
    root: dict[str, str | None] = field(default_factory=dict)

    def __post_init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self._open: list[str] = []
        self._label = self._json = ""
        self._action: dict[str, str | None] = {}
        self._last_closed = ""
        self.feed(self.html)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag in VOCABULARY, tag
        given = dict(attrs)
        assert len(given) == len(attrs)
        assert set(given) <= VOCABULARY[tag] | GLOBAL, (tag, given)
        if tag == "div" and not self.root:
            self.root = given
        if tag == "button":
            self._label = given.get("aria-label") or ""
            assert (given["type"] == "submit") is ("form" in self._open)
        if tag == "form":
            assert given["method"] == "dialog"
        if tag == "input":
            self.typed[given["name"] or ""] = given.get("value") or ""
        if tag == "cwdb-action":
            assert self._last_closed == "button"
            self._action, self._json = given, ""
        if tag == "a":
            assert given["href"]
            assert given["href"].startswith("https://")
            self.links.append(given["href"])
        if tag not in EMPTY:
            self._open.append(tag)
        self._last_closed = ""

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag
        self._last_closed = tag
        if tag == "cwdb-action":
            endpoint = self._action["endpoint"] or ""
            self.calls.append(Call(self._label, endpoint, self._action.get("confirmation"), json.loads(self._json)))

    def handle_data(self, data: str) -> None:
        self._last_closed = ""
        if "cwdb-action" in self._open:
            self._json += data
        elif "style" not in self._open:
            self.text += data
            if self._open and "button" in self._open:
                self._label = self._label or data

    def handle_comment(self, data: str) -> None:
        raise AssertionError(f"a comment: {data}")

    def handle_decl(self, decl: str) -> None:
        raise AssertionError(f"a declaration: {decl}")

    def handle_pi(self, data: str) -> None:
        raise AssertionError(f"an instruction: {data}")

    def call(self, label: str) -> Call:
        """The one button of that label."""
        [found] = [call for call in self.calls if call.label == label]
        return found

    def labels(self) -> list[str]:
        return [call.label for call in self.calls]
