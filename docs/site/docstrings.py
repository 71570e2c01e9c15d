"""Docstrings as Markdown: what follows `::` is a block of Python."""

from __future__ import annotations

import re
from textwrap import dedent
from typing import Any

import griffe

_EXAMPLE = re.compile(r"^( *)(\S.*)::\n\n((?:\1 {4}.*\n?|\n)+)", re.MULTILINE)


class Examples(griffe.Extension):
    """Fences the examples of each docstring."""

    def on_object(self, *, obj: griffe.Object, **_: Any) -> None:
        """Change the docstring in place."""
        if obj.docstring is not None:
            obj.docstring.value = _EXAMPLE.sub(_fenced, obj.docstring.value)


def _fenced(example: re.Match[str]) -> str:
    indent, said, code = example.groups()
    said = "For example" if said == "Example" else said
    lines = ["```python", *dedent(code).strip("\n").splitlines(), "```"]
    return f"{indent}{said}:\n\n" + "\n".join(f"{indent}{line}".rstrip() for line in lines) + "\n\n"
