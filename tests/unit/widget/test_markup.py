"""Elements that are built are escaped, whatever they are built of."""

from __future__ import annotations

import json
import sys
import unicodedata
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from status_tracker_ops.widget.markup import element, fragment, payload, style_sheet, visible, visible_line

HOSTILE = [
    '"><script>alert(1)</script>',
    "</cwdb-action><img src=x onerror=alert(1)>",
    "'\"`&<>",
    "a\nb\tc\r",
    "\u202efdp.exe",
    "😀 \ud83d",
    "\x00\x1b[31m",
    "<!-- -->",
    "&lt;script&gt;",
    "]]>",
    "é" * 2048,
]
TEXTS = st.one_of(st.sampled_from(HOSTILE), st.text(max_size=300))


class Reader(HTMLParser):
    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.starts: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.starts.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data


@given(text=TEXTS, value=TEXTS)
def test_a_text_is_a_text_and_an_attribute_an_attribute(text: str, value: str) -> None:
    html = element("p", {"class": value}, text).html
    read = Reader(html)
    assert read.starts == [("p", {"class": visible(value)})]
    assert read.text == visible(text)
    html.encode()  # no half of a surrogate pair is left


@given(st.dictionaries(st.text(max_size=20), st.one_of(TEXTS, st.integers(), st.none()), max_size=5))
def test_a_payload_reads_the_same_as_text_and_as_html(values: dict[str, object]) -> None:
    html = element("cwdb-action", None, payload(values)).html
    inside = html.removeprefix("<cwdb-action>").removesuffix("</cwdb-action>")
    assert json.loads(inside) == values
    assert not set("<>&'") & set(inside)
    assert Reader(html).text == inside
    assert inside.isascii()


def test_what_cannot_be_seen_is_told() -> None:
    assert visible("\x00 \u202e \u2066 \r \ud800 \ufeff") == "\\u0000 \\u202e \\u2066 \\u000d \\ud800 \\ufeff"
    assert visible("line\n\ttab é 😀 שלום") == "line\n\ttab é 😀 שלום"


BLANK_LETTERS = "\u115f\u1160\u2800\u3164\uffa0"
IGNORABLE_MARKS = "\u034f\u17b4\u17b5\u180b\u180f\ufe00\ufe0f\U000e0100\U000e01ef"


def test_no_character_that_cannot_be_seen_is_left() -> None:
    hidden = {"Cc", "Cf", "Cs", "Zl", "Zp"}
    unseen = {chr(code) for code in range(sys.maxunicode + 1) if unicodedata.category(chr(code)) in hidden}
    unseen |= {*BLANK_LETTERS, *IGNORABLE_MARKS, *map(chr, range(0xE0000, 0xE0080))}
    kept = {character for character in unseen if visible(character) == character}
    assert kept == {"\n", "\t"}
    assert visible("\u061c\u00ad\U000e0041") == "\\u061c\\u00ad\\U000e0041"


def test_every_letter_and_sign_stays() -> None:
    shown = {"L", "N", "P", "S"}
    seen = {chr(code) for code in range(sys.maxunicode + 1) if unicodedata.category(chr(code))[0] in shown}
    assert {character for character in seen if visible(character) != character} == set(BLANK_LETTERS)


def test_a_line_stays_one() -> None:
    assert visible_line("a\nb\tc\r\u2028 é") == "a\\u000ab\\u0009c\\u000d\\u2028 é"


def test_attributes_without_a_value_and_children_of_all_kinds() -> None:
    built = element("input", {"hidden": True, "name": None, "checked": False, "maxlength": 5}, "ignored")
    assert built.html == '<input hidden maxlength="5">'
    assert fragment("a", None, 1234, [element("b", None, "<"), "c"]).html == "a1,234<b>&lt;</b>c"


@pytest.mark.parametrize("name", ["", "1a", "a b", "a>", "A", "on\n"])
def test_names_are_names(name: str) -> None:
    with pytest.raises(ValueError, match="no name"):
        element(name)
    with pytest.raises(ValueError, match="no name"):
        element("p", {name: "x"})


def test_a_style_sheet_cannot_end_itself() -> None:
    with pytest.raises(ValueError, match="'<'"):
        style_sheet("a{}</style>")
