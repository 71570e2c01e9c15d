"""The chaos itself: the honest library comes through without a violation, and each broken one is caught."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.chaos.report import LOSING_THE_ANSWER
from tests.support.dynamodb_local import EngineMissingError, find_engine

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module", autouse=True)
def _engine() -> None:
    """Without DynamoDB Local these tests are skipped, but under CI=true they fail."""
    try:
        find_engine()
    except EngineMissingError as missing:
        if os.environ.get("CI") == "true":
            raise
        pytest.skip(str(missing))


def chaos(directory: Path, **options: object) -> tuple[int, dict[str, Any], str]:
    """Run it; the exit code, the report, and what was printed."""
    arguments = [f"--{name.replace('_', '-')}={value}" for name, value in options.items()]
    done = subprocess.run(  # noqa: S603  # the command is made here
        [sys.executable, "-m", "tests.chaos", f"--directory={directory}", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    report = directory / "report.json"
    assert report.exists(), done.stdout + done.stderr
    return done.returncode, json.loads(report.read_text()), done.stdout


@pytest.mark.timeout(900)
def test_the_library_comes_through(tmp_path: Path) -> None:
    code, report, printed = chaos(tmp_path, lifecycles=2000, seed=1)

    assert code == 0, printed
    assert report["violations"] == []
    assert report["figures"]["lifecycles"] == 2000
    assert report["figures"]["killed"] >= 20
    assert report["figures"]["vanished attempts"] >= 20
    assert report["figures"]["lost locks raised"] >= 1
    assert report["figures"]["lost locks noted on another exception"] >= 1
    lost_answers = sum(report["faults"][kind] for kind in LOSING_THE_ANSWER)
    assert lost_answers >= 0.01 * report["figures"]["requests"]


@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    ("variant", "kind"),
    [("no_fence", "two_inside"), ("crash_not_counted", "miscounted"), ("unconditional_create", "created_twice")],
)
def test_a_broken_library_is_caught(tmp_path: Path, variant: str, kind: str) -> None:
    code, report, printed = chaos(tmp_path, lifecycles=300, seed=3, patience=5, variant=variant)

    assert code == 1, printed
    assert report["kinds"].get(kind, 0) >= 1, printed
