"""The house: which room may import which, that no import runs in a circle, and what only the backends touch.

Every import counts, also one within a function or under `TYPE_CHECKING`.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterable, Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import pytest

CHECKOUT = Path(__file__).parents[2]
SEARCHED = {"layer": "layer", "lambdas": "lambdas", "infra": "infra", "demo": "."}
"""The folders, and from where their modules are imported."""

LIBRARY = "status_tracker"
MOST_CORE_MODULES = 15

MAY_IMPORT: Mapping[str, set[str]] = {
    "status_tracker": {"status_tracker.core", "status_tracker.dynamodb"},
    "status_tracker._extras": set(),
    "status_tracker._version": set(),
    "status_tracker.sessions": set(),
    "status_tracker.core": set(),
    "status_tracker.creating": {"status_tracker.core"},
    "status_tracker.operations": {"status_tracker.core"},
    "status_tracker.aio": {"status_tracker.core", "status_tracker.creating"},
    "status_tracker.dynamodb": {
        *("status_tracker.core", "status_tracker.aio", "status_tracker.creating", "status_tracker.sessions"),
    },
    "status_tracker.sql": {"status_tracker.core", "status_tracker.aio", "status_tracker.creating"},
    "status_tracker.abstract": {"status_tracker.core", "status_tracker.creating"},
    "status_tracker.compat": {"status_tracker.core", "status_tracker.dynamodb"},
    "status_tracker.testing": {
        *("status_tracker.core", "status_tracker.operations", "status_tracker.aio", "status_tracker.creating"),
    },
    "status_tracker.testing.in_memory": {
        *("status_tracker.core", "status_tracker.operations", "status_tracker.testing", "status_tracker.sessions"),
        *("status_tracker.dynamodb", "status_tracker.sql", "status_tracker.abstract"),
    },
    "status_tracker_pytest": {"the library"},
    "status_tracker.cli": {
        "status_tracker.core",
        "status_tracker.creating",
        "status_tracker.operations",
        "status_tracker.dynamodb",
        "status_tracker.sql",
        "status_tracker.abstract",
        "status_tracker_local",
        "status_tracker.sessions",
    },
    "status_tracker.powertools": {"status_tracker.core", "status_tracker.dynamodb"},
    "status_tracker.sqs": {"status_tracker.core", "status_tracker.dynamodb", "status_tracker.powertools"},
    "status_tracker.scale": {"status_tracker.core", "status_tracker.dynamodb"},
    "status_tracker_ops": {"the library"},
    "documents": {"the library", "status_tracker_ops"},
    "a handler": {"the library", "status_tracker_ops", "documents"},
    "documents_stack.bootstrap": set(),
    "status_tracker_cdk": {"the library", "status_tracker_ops"},
    "documents_stack": {"the library", "status_tracker_ops", "documents", "status_tracker_cdk"},
    "status_tracker_local": {
        *("status_tracker._extras", "status_tracker.testing"),
        "status_tracker_local.monitoring",
        "status_tracker_local.permissions",
    },
    "status_tracker_local.monitoring": {"status_tracker_local"},
    "status_tracker_local.permissions": set(),
    "demo": {"the library", "documents", "status_tracker_local"},
}
"""By room, the other rooms that it may import."""

FOR_EVERY_ROOM_OF_THE_LIBRARY = {"status_tracker._extras", "status_tracker._version"}


OF_THE_BACKENDS = {"_rules", "_store", "_state", "_get_connection"}
BACKENDS = {
    f"status_tracker.{room}"
    for room in ("core", "dynamodb", "sql", "abstract", "compat", "testing", "testing.in_memory")
}


class Import(NamedTuple):
    """One import of a module of ours or of another distribution."""

    importer: str
    line: int
    imported: str


def named_modules() -> dict[str, Path]:
    """Every module of the house, by the name under which it is imported."""
    found = {}
    for folder, origin in SEARCHED.items():
        for path in sorted((CHECKOUT / folder).rglob("*.py")):
            parts = path.relative_to(CHECKOUT / origin).with_suffix("").parts
            found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


MODULES = named_modules()


def imports_of(module: str) -> Iterator[Import]:
    path = MODULES[module]
    package = module.split(".") if path.name == "__init__.py" else module.split(".")[:-1]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            origin = ".".join([*base, *([node.module] if node.module else [])])
            names = [name if (name := f"{origin}.{alias.name}") in MODULES else origin for alias in node.names]
        else:
            continue
        for name in dict.fromkeys(names):
            yield Import(module, node.lineno, name)


IMPORTS = [each for module in MODULES for each in imports_of(module)]


def room_of(module: str) -> str:
    """The longest room that the module is in; a module that lies at the top of `lambdas` is a handler."""
    parts = module.split(".")
    rooms = (".".join(parts[:length]) for length in range(len(parts), 0, -1))
    return next((room for room in rooms if room in MAY_IMPORT), "a handler")


def is_of_the_library(module: str) -> bool:
    return module.split(".", maxsplit=1)[0] == LIBRARY


def is_allowed(room: str, other: str) -> bool:
    if is_of_the_library(room) and room != "status_tracker.core" and other in FOR_EVERY_ROOM_OF_THE_LIBRARY:
        return True
    allowed = MAY_IMPORT[room]
    return other == room or other in allowed or (is_of_the_library(other) and "the library" in allowed)


def listed(wrong: Iterable[Import]) -> str:
    return "\n".join(
        f"{MODULES[each.importer].relative_to(CHECKOUT)}:{each.line}: {each.importer} imports {each.imported}"
        for each in wrong
    )


def test_every_module_is_in_a_room() -> None:
    stray = [
        module for module in MODULES if module.split(".")[0] == LIBRARY and room_of(module) in {"a handler", LIBRARY}
    ]
    assert stray == [LIBRARY]


@pytest.mark.parametrize("room", MAY_IMPORT)
def test_a_room_imports_only_what_it_may(room: str) -> None:
    ours = [each for each in IMPORTS if room_of(each.importer) == room and each.imported in MODULES]
    wrong = [each for each in ours if not is_allowed(room, room_of(each.imported))]
    may = ", ".join(sorted(MAY_IMPORT[room])) or "nothing of ours"
    assert not wrong, f"{room} may import {may} besides itself:\n{listed(wrong)}"


def test_the_core_imports_only_the_standard_library() -> None:
    core = [each for each in IMPORTS if room_of(each.importer) == "status_tracker.core"]
    wrong = [each for each in core if each.imported.split(".")[0] not in {*sys.stdlib_module_names, LIBRARY}]
    assert not wrong, f"status_tracker.core has no dependencies:\n{listed(wrong)}"


def test_the_core_stays_small() -> None:
    core = [module for module in MODULES if module.startswith("status_tracker.core.")]
    assert len(core) <= MOST_CORE_MODULES, core


def test_no_import_runs_in_a_circle() -> None:
    graph: dict[str, set[str]] = {module: set() for module in MODULES}
    for each in IMPORTS:
        if each.imported in MODULES and each.imported != each.importer:
            graph[each.importer].add(each.imported)
    arrows = a_circle_in(graph)
    assert not arrows, f"These import one another:\n{listed(e for e in IMPORTS if (e.importer, e.imported) in arrows)}"


def reaches_into(node: ast.AST) -> bool:
    """Whether it takes from something else what only the backends touch."""
    if not isinstance(node, ast.Attribute) or node.attr not in OF_THE_BACKENDS:
        return False
    return ast.unparse(node.value) not in {"self", "cls", "super()"}


def test_only_the_backends_touch_what_a_task_class_keeps_to_itself() -> None:
    wrong = [
        f"{path.relative_to(CHECKOUT)}:{node.lineno}: {ast.unparse(node)}"
        for module, path in MODULES.items()
        if room_of(module) not in BACKENDS
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if reaches_into(node)
    ]
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize(
    ("expression", "found"),
    [("cls._rules", False), ("super()._store", False), ("task._state", True), ("self.task_class._rules(1)", True)],
)
def test_what_reaches_into_a_task_class_is_found(expression: str, found: bool) -> None:
    assert any(reaches_into(node) for node in ast.walk(ast.parse(expression))) is found


def a_circle_in(graph: Mapping[str, set[str]]) -> set[tuple[str, str]]:
    """The arrows of a circle; empty where there is none."""
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return set(pairwise(reversed(error.args[1])))
    return set()
