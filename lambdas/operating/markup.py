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
_INVISIBLE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ud800-\udfff]")
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
    return _INVISIBLE.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


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
