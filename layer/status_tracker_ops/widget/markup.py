"""HTML that is built of elements, so that every value in it is escaped: nothing else makes `Markup`."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from html import escape
from typing import TypeAlias

_NAME = re.compile(r"[a-z][a-z0-9-]*")
_EMPTY_ELEMENTS = frozenset({"input", "br"})
# What a reader cannot see, or what turns the order of the letters around it: escapes that are told instead.
_INVISIBLE = re.compile(
    "["
    "\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff"  # controls, separators, halves of pairs; then formats
    "\xad\u0600-\u0605\u061c\u06dd\u070f\u0890\u0891\u08e2\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff\ufff0-\ufffb"
    "\U000110bd\U000110cd\U00013430-\U0001343f\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
    "\u034f\u17b4\u17b5\u180b-\u180f\ufe00-\ufe0f"  # marks that only choose another form of what they follow
    "\u115f\u1160\u2800\u3164\uffa0"  # blank letters
    "]"
)
# JSON reads the same, and is the same as text and as HTML: whoever takes it out of the element need not decode it.
_JSON_ESCAPES = str.maketrans({character: f"\\u{ord(character):04x}" for character in "<>&'"})


@dataclass(frozen=True)
class Markup:
    """HTML as it stands in the answer."""

    html: str


Child: TypeAlias = "Markup | str | int | Iterable[Child] | None"


Attributes: TypeAlias = Mapping[str, str | int | bool | None]


def element(tag: str, attributes: Attributes | None = None, *children: Child) -> Markup:
    """The element `tag`, its attributes and children escaped.

    Args:
        attributes: one that is True stands without a value; one that is None or False is left out.
        children: texts, elements, or several of them; None is left out.
    """
    opened = "".join([tag, *(_attribute(name, value) for name, value in (attributes or {}).items())])
    if not _NAME.fullmatch(tag):
        raise ValueError(f"{tag!r} is no name of an element.")
    return Markup(f"<{opened}>" if tag in _EMPTY_ELEMENTS else f"<{opened}>{fragment(*children).html}</{tag}>")


def fragment(*children: Child) -> Markup:
    """The children behind each other."""
    return Markup("".join(_html(child) for child in children))


def style_sheet(css: str) -> Markup:
    """A style sheet of our own, which is not escaped: never give it a value from elsewhere."""
    if "<" in css:
        raise ValueError("A style sheet has no '<', which could end its element.")
    return Markup(f"<style>{css}</style>")


def payload(values: Mapping[str, object]) -> Markup:
    """The values as JSON, for the inside of an element."""
    return Markup(json.dumps(values).translate(_JSON_ESCAPES))


def visible(text: str) -> str:
    """The text, what cannot be seen in it told by its code, such as ``\\u202e``; line breaks and tabs stay."""
    return _INVISIBLE.sub(lambda found: _code(found[0]), text)


def visible_line(text: str) -> str:
    """As `visible`, line breaks and tabs told by their codes too, so that a text cannot shape what stands around it."""
    return visible(text).replace("\n", _code("\n")).replace("\t", _code("\t"))


def _code(character: str) -> str:
    code = ord(character)
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"  # noqa: PLR2004 - four digits hold no more


def _html(child: Child) -> str:
    if isinstance(child, Markup):
        return child.html
    if isinstance(child, str):
        return escape(visible(child))
    if isinstance(child, int):
        return f"{child:,}"
    return "" if child is None else fragment(*child).html


def _attribute(name: str, value: str | int | bool | None) -> str:
    if not _NAME.fullmatch(name):
        raise ValueError(f"{name!r} is no name of an attribute.")
    if value is None or value is False:
        return ""
    return f" {name}" if value is True else f' {name}="{escape(visible(str(value)))}"'
