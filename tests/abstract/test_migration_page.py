"""docs/migration/abstract-tracker.md: its example runs, and every name of abstract_tracker stands in its table."""

from __future__ import annotations

import inspect
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from status_tracker import abstract

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "migration" / "abstract-tracker.md"
TEXT = PAGE.read_text("utf-8")

NAMES = {
    *("BaseTracker", "FileTracker", "S3Tracker", "StatusEnum", "BaseStatusEnum", "EPOCH", "get_utc_now", "logger"),
    *("TaskLockedError", "NoMoreRetryError", "TaskExhaustedError", "TaskIgnoredError"),
    *("T_ID", "T_TRACKER", "T_STATUS_ENUM", "NestedLogger", "BetterIntEnum", "BetterStrEnum"),
    *(f"BaseTracker.{name}" for name in ("new", "load", "dump", "start", "lock_it", "unlock_it", "is_locked")),
    *(f"BaseTracker.mark_as_{name}" for name in ("in_progress", "succeeded", "failed_or_exhausted")),
    *(f"BaseTracker.{name}" for name in ("get_status_enum", "get_expire", "get_max_attempts", "status_name")),
    *("FileTracker.get_path", "FileTracker.path", "S3Tracker.get_bucket_key", "S3Tracker.get_s3_client"),
    *(f"BaseStatusEnum.{name}" for name in ("get_by_name", "get_by_value", "get_names", "get_values")),
    *(f"BaseStatusEnum.{name}" for name in ("is_valid_name", "is_valid_value", "ensure_is_valid_value", "ensure_int")),
    *(f"logger.{name}" for name in ("debug", "info", "warning", "error", "critical", "ruler", "disabled")),
    *(f"logger.{name}" for name in ("nested", "indent", "pipe", "start_and_end", "emoji_block", "pretty_log")),
}
"""What abstract_tracker 0.1.1 has, of its own and of its documented helpers."""

ROWS = re.findall(r"^\| (`[^|]*) \| ([^|]*) \|$", TEXT.partition("## Every name")[2], re.MULTILINE)
KEPT = [name for names, here in ROWS if here.startswith("the same") for name in re.findall(r"`([\w.]+)`", names)]
LEFT_OUT = [name for names, here in ROWS if here.startswith("left out") for name in re.findall(r"`([\w.]+)`", names)]
NEW = re.findall(r"`(BaseTracker\.\w+)`", TEXT.partition("New here:")[2])


def found(name: str) -> Any:
    """What that name stands for here."""
    place: Any = abstract
    for part in name.split("."):
        place = inspect.getattr_static(place, part) if inspect.isclass(place) else getattr(place, part)
    return place


def test_every_name_of_the_peer_stands_in_the_table_once() -> None:
    assert sorted([*KEPT, *LEFT_OUT]) == sorted(NAMES)


@pytest.mark.parametrize("name", [*KEPT, *NEW])
def test_each_name_that_is_kept_exists(name: str) -> None:
    assert found(name) is not None


@pytest.mark.parametrize("name", LEFT_OUT)
def test_what_is_left_out_is_not_there(name: str) -> None:
    with pytest.raises(AttributeError):
        found(name)


def test_start_takes_the_peers_arguments_in_their_order() -> None:
    arguments = list(inspect.signature(abstract.BaseTracker.start).parameters)
    assert arguments[:7] == ["self", "lock", "now", "expire", "ignore_lock", "force_execution", "verbose"]


def test_the_example_runs(tmp_path: Path) -> None:
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
    headings = {line.lower().replace(" ", "-") for line in re.findall(r"^#+ (.*)$", TEXT, re.MULTILINE)}
    for target in re.findall(r"\]\(([^)]+)\)", TEXT):
        file, _, anchor = target.partition("#")
        assert (PAGE.parent / file).exists() if file else anchor in headings, target
