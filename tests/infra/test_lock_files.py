"""The lock files: one version of a package in all of them, and nothing of the machine that compiled them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ALL = "requirements-dev.txt"
LOCK_FILES = [
    ALL,
    "requirements.txt",
    "requirements-bootstrap.txt",
    "infra/status_tracker_cdk/layer-requirements.txt",
    "lambdas/requirements.txt",
    "layer/status_tracker_local/handler-requirements.txt",
    "bench/requirements.txt",
]


def pins(file: str) -> dict[str, set[str]]:
    """The versions of each package; more than one where they depend on the Python version."""
    found: dict[str, set[str]] = {}
    for name, version in re.findall(r"^([\w.-]+)(?:\[[^\]]*\])?==([^\s;]+)", (ROOT / file).read_text(), re.MULTILINE):
        found.setdefault(name, set()).add(version)
    return found


@pytest.mark.parametrize("file", LOCK_FILES)
def test_a_package_has_the_version_that_is_tested(file: str) -> None:
    tested, found = pins(ALL), pins(file)
    assert found
    assert {name: versions for name, versions in found.items() if not versions <= tested.get(name, versions)} == {}


@pytest.mark.parametrize("file", LOCK_FILES)
def test_every_pin_has_hashes_and_nowhere_stands_where_it_came_from(file: str) -> None:
    text = (ROOT / file).read_text()
    entries = re.split(r"\n(?=[\w.-])", text)
    assert all("==" in entry and "--hash=sha256:" in entry for entry in entries)
    assert not re.search(r"https?:|file:|--(extra-)?index-url|--find-links|--trusted-host| @ ", text)


def test_every_requirement_file_is_locked() -> None:
    ignored = {"node_modules", ".venv", ".venv-bench", ".local", "cdk.out"}
    found = {path.relative_to(ROOT) for path in ROOT.rglob("*requirements*.in")}
    mine = {path.with_suffix(".txt").as_posix() for path in found if not ignored & set(path.parts)}
    assert mine == set(LOCK_FILES)
