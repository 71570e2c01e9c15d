"""The chaos itself: the honest library comes through without a violation, and each broken one is caught."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.chaos.checker import LOSING_THE_ANSWER
from tests.support.dynamodb_local import EngineMissingError, find_engine
from tests.support.postgres import PostgresMissingError, find_programs

ROOT = Path(__file__).parents[2]
MANY_DEEDS = {"cancels": 0.1, "restarts": 0.05, "pauses": 0.02}
"""So that a short run has some of each."""


def need(backend: str) -> None:
    """Skip the test where the backend's server is not installed; but under CI=true fail."""
    try:
        if backend == "dynamodb":
            find_engine()
        elif backend == "postgresql":
            find_programs()
    except (EngineMissingError, PostgresMissingError) as missing:
        if os.environ.get("CI") == "true":
            raise
        pytest.skip(str(missing))


def chaos(directory: Path, **options: object) -> tuple[int, dict[str, Any], str]:
    """Run it; the exit code, the report, and what was printed."""
    need(str(options["backend"]))
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
@pytest.mark.parametrize(("lifecycles", "killed"), [(600, 6), pytest.param(2000, 20, marks=pytest.mark.matrix)])
def test_the_library_comes_through(tmp_path: Path, lifecycles: int, killed: int) -> None:
    code, report, printed = chaos(tmp_path, backend="dynamodb", lifecycles=lifecycles, seed=1, **MANY_DEEDS)

    assert code == 0, printed
    assert report["violations"] == []
    assert report["figures"]["lifecycles"] == lifecycles
    assert report["figures"]["killed"] >= killed
    assert report["figures"]["vanished attempts"] >= killed
    assert report["figures"]["lost locks raised"] >= 1
    assert report["figures"]["lost locks noted on another exception"] >= 1
    assert report["figures"]["cancelled while a worker held it"] >= 1
    assert report["figures"]["restarts"] >= 1
    assert report["figures"]["postponed attempts"] >= 1
    assert report["figures"]["times a pause kept a worker back"] >= 1
    lost_answers = sum(report["faults"][kind] for kind in LOSING_THE_ANSWER)
    assert lost_answers >= 0.01 * report["figures"]["requests"]


@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    ("backend", "lifecycles", "fault"),
    [
        *(
            ("postgresql", 200, "terminated"),
            ("sqlite", 300, "locked"),
            ("files", 400, "delay"),
            ("s3", 150, "throttle"),
        ),
        pytest.param("s3", 1000, "throttle", marks=pytest.mark.matrix),
    ],
)
def test_other_backends_come_through(tmp_path: Path, backend: str, lifecycles: int, fault: str) -> None:
    code, report, printed = chaos(tmp_path, backend=backend, lifecycles=lifecycles, seed=1, **MANY_DEEDS)

    assert code == 0, printed
    assert report["violations"] == []
    figures = report["figures"]
    assert figures["lifecycles"] == lifecycles
    assert figures["killed"] >= 1
    assert figures["vanished attempts"] >= 1
    assert sum(report["faults"].get(kind, 0) for kind in LOSING_THE_ANSWER) >= 1
    assert report["faults"][fault] >= 1
    assert (figures["receipts"] > 0) == (backend not in {"files", "s3"})
    assert figures["cancelled"] >= 1
    assert figures["postponed attempts"] >= 1
    assert figures["times a pause kept a worker back"] >= 1


def _lifecycles(backend: str, kind: str) -> int:
    """Of so many, chance spares none."""
    if backend == "s3":
        return 150
    return 300 if kind else 3000


@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    ("backend", "variant", "kind"),
    [
        ("dynamodb", "no_fence", "two_inside"),
        ("dynamodb", "crash_not_counted", "miscounted"),
        ("dynamodb", "unconditional_create", "created_twice"),
        ("postgresql", "no_fence", "two_inside"),
        pytest.param("postgresql", "receipts_apart", "receipts_wrong", marks=pytest.mark.matrix),
        pytest.param("sqlite", "no_guard", "run_after_success", marks=pytest.mark.matrix),
        ("sqlite", "receipts_apart", "receipts_wrong"),
        ("s3", "no_fence", ""),
        pytest.param("s3", "no_guard", "run_after_success", marks=pytest.mark.matrix),
        ("s3", "unconditional_put", ""),
        ("files", "no_fence", "miscounted"),
        ("files", "no_guard", "run_after_success"),
        ("files", "no_compare", ""),  # whose write is lost is chance, and with it what is told first
        ("files", "written_in_place", "crashed"),
    ],
)
def test_a_broken_library_is_caught(tmp_path: Path, backend: str, variant: str, kind: str) -> None:
    lifecycles = _lifecycles(backend, kind)
    code, report, printed = chaos(tmp_path, backend=backend, lifecycles=lifecycles, seed=3, patience=5, variant=variant)

    assert code == 1, printed
    assert any(told.startswith(kind) for told in report["kinds"]), printed
