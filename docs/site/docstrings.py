"""Docstrings as the site shows them: examples are Python, and what is said of an attribute stands at the attribute."""

from __future__ import annotations

import re
from textwrap import dedent
from typing import Any

import griffe

_EXAMPLE = re.compile(r"^( *)(\S.*)::\n\n((?:\1 {4}.*\n?|\n)+)", re.MULTILINE)
_ATTRIBUTES = re.compile(r"^Attributes:\n((?: +.*\n?|\n)+)", re.MULTILINE)
_ITEM = re.compile(r"^ {4}(?! )", re.MULTILINE)


class Shown(griffe.Extension):
    """What follows `::` is fenced; `Attributes:` of a class are taken apart."""

    def on_object(self, *, obj: griffe.Object, **_: Any) -> None:
        """Change the docstring in place; a special method without one is Python's business, not the reader's."""
        if obj.docstring is None and obj.name.startswith("__") and obj.is_function:
            obj.public = False
        if obj.docstring is not None:
            obj.docstring.value = _EXAMPLE.sub(_fenced, obj.docstring.value)

    def on_class_members(self, *, cls: griffe.Class, **_: Any) -> None:
        """Give each member of the class that has no docstring what the class says of it."""
        if cls.docstring is None:
            return

        def taken(section: re.Match[str]) -> str:
            items = filter(None, _ITEM.split(section[1]))
            left = "".join(f"    {item}" for item in items if not _taken(cls, item))
            return f"Attributes:\n{left}" if left else ""

        cls.docstring.value = _ATTRIBUTES.sub(taken, cls.docstring.value)


def _fenced(example: re.Match[str]) -> str:
    indent, said, code = example.groups()
    said = "For example" if said == "Example" else said
    lines = ["```python", *dedent(code).strip("\n").splitlines(), "```"]
    return f"{indent}{said}:\n\n" + "\n".join(f"{indent}{line}".rstrip() for line in lines) + "\n\n"


def _taken(cls: griffe.Class, item: str) -> bool:
    """Whether all that the item names are members, which have got its text."""
    listed, _, text = item.partition(": ")
    names = listed.split(", ")
    members = [member for name in names if isinstance(member := cls.members.get(name), griffe.Attribute)]
    if len(members) < len(names) or any(member.docstring for member in members):
        return False
    for member in members:
        member.docstring = griffe.Docstring(f"{text[:1].upper()}{dedent(text[1:])}", parent=member)
    return True
