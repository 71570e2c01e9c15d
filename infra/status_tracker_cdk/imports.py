"""Find the modules that code imports by reading its source, including imports inside functions. Nothing is run."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path


def imported_names(code: Iterable[Path]) -> set[str]:
    """Absolute names that the files import; for ``from a import b``, both ``a`` and ``a.b``, which may be a module."""
    return {name for file in code for name in _imports(file, package="") if name and not name.startswith(".")}


def reachable(code: Iterable[Path], folders: Sequence[Path]) -> set[Path]:
    """The files in `folders` that `code` may load, directly or through other imports.

    Code under ``if TYPE_CHECKING`` is never run, and does not count.

    Args:
        code: source files; those that lie in `folders` may import relatively.
        folders: of the module search path.
    """
    found: set[Path] = set()
    looked_up: set[str] = set()
    waiting = list(code)
    while waiting:
        file = waiting.pop()
        names = set(_imports(file, _package_of(file, folders))) - looked_up
        looked_up |= names
        new = {module for name in names for module in _files_of(name, folders)} - found
        found |= new
        waiting.extend(new)
    return found


def _imports(file: Path, package: str) -> Iterator[str]:
    for node in _run(ast.parse(file.read_bytes(), file)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            parts = package.split(".") if node.level else []
            above = parts[: len(parts) - node.level + 1] if node.level else []
            base = ".".join([*above, *([node.module] if node.module else [])])
            yield base
            yield from (f"{base}.{alias.name}" for alias in node.names)


def _run(tree: ast.AST) -> Iterator[ast.AST]:
    """All statements except those that only a type checker reads."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.expr):  # has no statement in it
            continue
        if isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING"):
            for other in node.orelse:
                yield other
                yield from _run(other)
        else:
            yield node
            yield from _run(node)


def _package_of(file: Path, folders: Sequence[Path]) -> str:
    for folder in folders:
        if file.is_relative_to(folder):
            return ".".join(file.relative_to(folder).parent.parts)
    return ""


def _files_of(name: str, folders: Sequence[Path]) -> Iterator[Path]:
    """The files in `folders` that ``import name`` loads: the packages it lies in, and the module."""
    parts = name.split(".")
    for folder in folders:
        for length in range(1, len(parts) + 1):
            place = folder.joinpath(*parts[:length])
            yield from (file for file in (place / "__init__.py", place.with_suffix(".py")) if file.is_file())
            yield from place.parent.glob(f"{place.name}.*.so")
