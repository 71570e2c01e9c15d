"""Docstrings as the site shows them: examples are Python, names are links, and an attribute is described at itself."""

from __future__ import annotations

import re
from textwrap import dedent
from typing import Any

import griffe

_EXAMPLE = re.compile(r"^( *)(\S.*)::\n\n((?:\1 {4}.*\n?|\n)+)", re.MULTILINE)
_ATTRIBUTES = re.compile(r"^Attributes:\n((?: +.*\n?|\n)+)", re.MULTILINE)
_NAME = re.compile(r"(?<![`\w])`([A-Za-z]\w*(?:\.\w+)*)(\(\))?`(?!`)")
_FENCED = re.compile(r"(^ *```.*?^ *```$)", re.DOTALL | re.MULTILINE)
_ITEM = re.compile(r"^ {4}(?! )", re.MULTILINE)


class Shown(griffe.Extension):
    """What follows `::` is fenced; `Attributes:` of a class are taken apart."""

    def on_object(self, *, obj: griffe.Object, **_: Any) -> None:
        """Change the docstring in place; special methods without one, and a suite's tests, are not for the reader."""
        if obj.is_function and (obj.name.startswith("test_") or (obj.name.startswith("__") and not obj.docstring)):
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

    def on_package(self, *, pkg: griffe.Module, **_: Any) -> None:
        """Have members take over docstrings, and link the names in all of them, now that all are known."""
        _inherit(pkg)
        _link_names(pkg)


def _inherit(obj: griffe.Object) -> None:
    """Give members without a docstring that of the member they override."""
    for member in obj.members.values():
        if not isinstance(member, griffe.Object):
            continue
        if isinstance(obj, griffe.Class) and member.docstring is None:
            overridden = [parent.members[member.name] for parent in obj.mro() if member.name in parent.members]
            told = next((each.docstring for each in overridden if each.docstring), None)
            member.docstring = told and griffe.Docstring(told.value, parent=member)
        _inherit(member)


def _link_names(obj: griffe.Object) -> None:
    if obj.docstring is not None:
        parts = _FENCED.split(obj.docstring.value)
        obj.docstring.value = "".join(
            part if part.lstrip().startswith("```") else _NAME.sub(lambda name: _linked(name, obj), part)
            for part in parts
        )
    for member in obj.members.values():
        if isinstance(member, griffe.Object):
            _link_names(member)


def _linked(name: re.Match[str], obj: griffe.Object) -> str:
    """A link to what the name means where `obj` stands; its text alone where the site has no entry for that."""
    first, _, rest = name[1].partition(".")
    if isinstance(obj, griffe.Function) and first in obj.parameters:
        return name[0]
    scope: griffe.Object | None = obj
    while scope is not None:
        found = (scope.all_members if scope.is_class else scope.members).get(first)
        if found is not None and found is not obj and not isinstance(found, griffe.Module):
            front = obj.package.members.get(first)
            where = front.path if front is not None and _defined(front) == _defined(found) else _defined(found)
            path = ".".join(filter(None, (where, rest)))
            return f'<autoref optional identifier="{path}"><code>{name[1]}{name[2] or ""}</code></autoref>'
        scope = scope.parent
    return name[0]


def _defined(found: griffe.Object | griffe.Alias) -> str:
    """Where it is defined; of what is imported from another distribution, where that says."""
    try:
        return found.final_target.path if isinstance(found, griffe.Alias) else found.path
    except griffe.AliasResolutionError as elsewhere:
        return elsewhere.alias.target_path


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
