"""Lists readable tasks and reports unreadable ones: one broken task does not hide the others."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import typer

from ..core.errors import TaskUnreadableError
from ..operations.filters import Found
from .errors import Code
from .text import plain, say


class Readable:
    """The matching tasks; a line reports each one that cannot be read.

    Attributes:
        left_out: how many could not be read.
    """

    def __init__(self, matching: Found[Any]) -> None:
        self._matching = matching
        self.left_out = 0

    def __iter__(self) -> Iterator[Any]:
        for each in self._matching.each():
            if isinstance(each, TaskUnreadableError):
                self.left_out += 1
                say(f"Left out: {plain(each)}")
            else:
                yield each

    def end(self) -> None:
        """Raises `typer.Exit` if not all could be read."""
        if self.left_out:
            raise typer.Exit(Code.NOT_ALL)
