"""docs/migration/sqlalchemy-mate.md: its examples run, and every name of the peer stands in its table."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import status_tracker.sql as sm

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "migration" / "sqlalchemy-mate.md"
TEXT = PAGE.read_text("utf-8")
NAME = r"`([A-Za-z][\w.]*)`"
COLUMNS = ("id", "status", "create_at", "update_at", "lock", "lock_at", "retry", "data", "errors")
METHODS = ("create", "create_and_save", "is_locked", "lock_it", "update", "start", "query_by_status")
NAMES = {
    *("JobExecutionError", "JobLockedError", "JobIsNotReadyToStartError"),
    *("JobAlreadySucceededError", "JobIgnoredError"),
    *("JobMixin", "Updates", "EPOCH", "T_JOB", "disallowed_cols", "Updates.values", "Updates.set"),
    *(f"JobMixin.{name}" for name in (*COLUMNS, *METHODS)),
}
"""What sqlalchemy_mate 2.0.0.3 has in `patterns.status_tracker`."""


def named(beginning: str) -> list[str]:
    """The names in the rows of the table whose second column begins so."""
    rows = re.findall(r"^\| (`[^|]*) \| ([^|]*) \|$", TEXT.partition("## Every name")[2], re.MULTILINE)
    return [name for names, here in rows if here.startswith(beginning) for name in re.findall(NAME, names)]


NEW = [name for name in re.findall(NAME, TEXT.partition("New here")[2]) if "." in name]


def is_there(name: str) -> bool:
    place: Any = sm
    for part in name.split("."):
        if not hasattr(place, part):
            return part in getattr(place, "__dataclass_fields__", {})
        place = getattr(place, part)
    return True


def test_every_name_of_the_peer_stands_in_the_table_once() -> None:
    assert sorted([*named("the same"), *named("left out")]) == sorted(NAMES)


@pytest.mark.parametrize("name", [*named("the same"), *NEW])
def test_each_name_that_is_kept_exists(name: str) -> None:
    assert is_there(name)


@pytest.mark.parametrize("name", named("left out"))
def test_what_is_left_out_is_not_there(name: str) -> None:
    assert not is_there(name)


def test_the_examples_run(tmp_path: Path) -> None:
    blocks = re.findall(r"^```python\n(.*?)^```", TEXT, re.DOTALL | re.MULTILINE)
    (tmp_path / "example.py").write_text("\n".join(blocks), "utf-8")
    run = subprocess.run(  # our own documentation
        [sys.executable, "-W", "error", "example.py"],
        env={**os.environ, "PYTHONPATH": str(ROOT / "layer")},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert run.returncode == 0, run.stderr


def test_every_link_leads_somewhere() -> None:
    for target in re.findall(r"\]\(([^)]+)\)", TEXT):
        file, _, anchor = target.partition("#")
        linked = PAGE.parent / file
        headings = re.findall(r"^#+ (.*)$", linked.read_text("utf-8"), re.MULTILINE)
        assert not anchor or anchor in {line.lower().replace(" ", "-") for line in headings}
