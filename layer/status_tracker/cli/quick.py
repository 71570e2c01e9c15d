"""Commands that start quickly: typer 0.29 reads each option with pydantic, which costs more than botocore to import."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup

_READERS: Mapping[Any, tuple[Callable[[Any], Any], str]] = {
    bool: (bool, "a flag"),
    str: (str, "a text"),
    list[str]: (list, "texts"),
    int: (int, "a whole number"),
    float: (float, "a number"),
    Path: (Path, "a path"),
}
"""How each type of option is read, and what it is called."""


class QuickCommand(TyperCommand):
    """A command whose options of simple types are read here; any other, and those of another typer, typer reads."""

    def get_params(self, ctx: Any) -> list[Any]:
        return _read_quickly(super().get_params(ctx))


class QuickGroup(TyperGroup):
    """A group of commands with such options."""

    def get_params(self, ctx: Any) -> list[Any]:
        return _read_quickly(super().get_params(ctx))


def _read_quickly(parameters: list[Any]) -> list[Any]:
    for each in parameters:
        kind = getattr(getattr(each, "type_descriptor", None), "annotation", None)
        if kind in _READERS:
            vars(each)["_runtime_param"] = _Reader(*_READERS[kind])
    return parameters


class _Reader:
    """Stands for typer's own reading of an option."""

    def __init__(self, read: Callable[[Any], Any], called: str) -> None:
        self._read = read
        self._called = called

    def coerce(self, value: Any, param: Any, ctx: Any) -> Any:
        """The value; raises `typer.BadParameter` if it is of another type."""
        if value is None:
            return () if param.multiple or param.nargs == -1 else None
        try:
            return self._read(value)
        except ValueError as error:
            raise typer.BadParameter(f"{value!r} is not {self._called}.", ctx=ctx, param=param) from error
